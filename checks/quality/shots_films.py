"""Films with known cuts, made from real clips: what ``checks/quality/shots.py`` measures on.

Pieces of shots are joined by cuts, jump cuts, dissolves and fades; inside pieces happens what must
not be taken for one: flashes, flicker, weave, dirt, damage, pans, shake, zooms, things passing by.
Pictures are float32 grey codes ``(N, h, w)`` in [0, 1]; one seed gives one set of films.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.float32]
Rng = np.random.Generator
Disturbance = Callable[[Pictures, int, int, Rng, "Material"], Pictures]

KNOWN_CUTS: dict[str, tuple[int, ...]] = {
    "satoshiiizuka__a-bomb_blast_effects_part": (44, 134, 299),
    "newsreel": (36, 90, 144, 186),
    "androidx__bbb_642x642_768kbps_30fps_vp9": (6,),
    "androidx__roadtrip-vp92-10bit": (42, 69),
}
"""First frames of new shots, found by eye, of clips that hold several; by file name."""

WIDTH, HEIGHT = 128, 96
"""Size of the films in pixels."""
_STORED_PX = 320
"""Longer side at which clips are kept: crops of half the picture stay sharp."""


@dataclass(frozen=True)
class Event:
    """Something that happens in a film.

    Attributes:
        kind: what.
        first: first frame at which reporting a cut counts for this event.
        last: last such frame.
        is_boundary: exactly one report is right; otherwise every report is wrong.
    """

    kind: str
    first: int
    last: int
    is_boundary: bool


@dataclass(frozen=True)
class Film:
    """Pictures and what happens in them."""

    pictures: Pictures
    events: list[Event]


@dataclass(frozen=True)
class Material:
    """Shots by clip, ``(N, h, w)`` uint8 each."""

    shots: list[npt.NDArray[np.uint8]]

    def window(self, shot: int, rng: Rng, *, smallest: float = 0.6) -> tuple[float, float, float]:
        """A crop of a shot's picture: left, top and side as shares of what is free and there."""
        return float(rng.uniform()), float(rng.uniform()), float(rng.uniform(smallest, 1.0))

    def piece(
        self, shot: int, start: int, count: int, window: tuple[float, float, float]
    ) -> Pictures:
        """Frames of a shot, to and fro where it is too short, cropped to the film's size."""
        frames = self.shots[shot]
        period = max(2 * len(frames) - 2, 1)
        at = [(start + i) % period for i in range(count)]
        return np.stack([_crop(frames[min(i, period - i)], *window) for i in at])


def load(paths: list[Path], *, most_frames: int = 240) -> Material:
    """Decode clips, grey and small, split at their known cuts."""
    shots = []
    for path in paths:
        with av.open(str(path)) as container:
            frames = [
                _small(frame.to_ndarray(format="gray"))
                for _, frame in zip(range(most_frames), container.decode(video=0), strict=False)
            ]
        edges = [0, *(c for c in KNOWN_CUTS.get(path.stem, ()) if c < len(frames)), len(frames)]
        shots += [np.stack(frames[a:b]) for a, b in zip(edges, edges[1:], strict=False) if b > a]
    return Material(shots)


def make_film(material: Material, rng: Rng, *, pieces: int = 12) -> Film:
    """Join pieces of random shots; about every second film is worn all through."""
    worn = rng.uniform() < 0.5
    film = np.zeros((0, HEIGHT, WIDTH), np.float32)
    events: list[Event] = []
    shot, before = -1, None
    for _ in range(pieces):
        count = int(rng.integers(68, 84))
        kind = str(rng.choice(list(JOINS), p=_JOIN_SHARES)) if len(film) else "start"
        shot, before, piece = _next_piece(material, rng, shot, before, kind, count)
        piece, inside = _disturbed(piece, rng, material)
        film, joined = _join(film, piece, kind, rng)
        offset = len(film) - len(piece)
        events += joined
        events += [Event(e.kind, e.first + offset, e.last + offset, False) for e in inside]
    return Film(_wear(film, rng) if worn else film, events)


_Before = tuple[int, tuple[float, float, float]]


def _next_piece(
    material: Material, rng: Rng, shot: int, before: _Before | None, kind: str, count: int
) -> tuple[int, _Before, Pictures]:
    """A piece of another shot or, for a jump, another framing and time of the same one."""
    if kind == "jump" and before is not None:
        start, (left, top, side) = before
        start += len(material.shots[shot]) // 2
        # From wide to close or back, as a film jumps; the same framing would be no cut to the eye.
        side = 0.5 if side > 0.75 else 1.0
        window = ((left + 0.5) % 1.0, (top + 0.5) % 1.0, side)
    else:
        others = [i for i in range(len(material.shots)) if i != shot]
        shot, start = int(rng.choice(others)), int(rng.integers(0, 1000))
        window = material.window(shot, rng)
    return shot, (start + count, window), material.piece(shot, start, count, window)


def _join(film: Pictures, piece: Pictures, kind: str, rng: Rng) -> tuple[Pictures, list[Event]]:
    if kind == "start":
        return piece, []
    return JOINS[kind](film, piece, rng)


def _cut(film: Pictures, piece: Pictures, rng: Rng) -> tuple[Pictures, list[Event]]:
    at = len(film)
    return np.concatenate((film, piece)), [Event("cut", at, at, True)]


def _jump(film: Pictures, piece: Pictures, rng: Rng) -> tuple[Pictures, list[Event]]:
    at = len(film)
    return np.concatenate((film, piece)), [Event("jump cut", at, at, True)]


def _flash_cut(film: Pictures, piece: Pictures, rng: Rng) -> tuple[Pictures, list[Event]]:
    """A splice that was exposed: one or two frames around the cut are nearly white."""
    at, count = len(film), int(rng.integers(1, 3))
    piece = piece.copy()
    piece[:count] = np.clip(0.3 * piece[:count] + rng.uniform(0.6, 0.9), 0, 1)
    return np.concatenate((film, piece)), [Event("cut with flash", at - 1, at + count, True)]


def _dissolve(film: Pictures, piece: Pictures, rng: Rng) -> tuple[Pictures, list[Event]]:
    count = int(rng.integers(8, 25))
    share = (np.arange(1, count + 1, dtype=np.float32) / (count + 1))[:, None, None]
    at = len(film) - count
    mixed = (1 - share) * film[at:] + share * piece[:count]
    film = np.concatenate((film[:at], mixed, piece[count:]))
    return film, [Event("dissolve", at, at + count + 2, True)]


def _fade(film: Pictures, piece: Pictures, rng: Rng, level: float) -> tuple[Pictures, list[Event]]:
    out, held, back = int(rng.integers(6, 13)), int(rng.integers(0, 9)), int(rng.integers(6, 13))
    down = np.linspace(1, 0, out + 2, dtype=np.float32)[1:-1, None, None]
    up = np.linspace(0, 1, back + 2, dtype=np.float32)[1:-1, None, None]
    last = down * film[len(film) - out :] + (1 - down) * level
    first = up * piece[:back] + (1 - up) * level
    flat = np.full((held, HEIGHT, WIDTH), level, np.float32)
    at = len(film) - out
    joined = np.concatenate((film[:at], last, flat, first, piece[back:]))
    return joined, [Event("fade", at, at + out + held + back + 2, True)]


JOINS: dict[str, Callable[[Pictures, Pictures, Rng], tuple[Pictures, list[Event]]]] = {
    "cut": _cut,
    "jump": _jump,
    "flash cut": _flash_cut,
    "dissolve": _dissolve,
    "fade to black": lambda film, piece, rng: _fade(film, piece, rng, 0.0),
    "fade to white": lambda film, piece, rng: _fade(film, piece, rng, 1.0),
}
_JOIN_SHARES = [0.36, 0.2, 0.08, 0.2, 0.1, 0.06]


def _disturbed(piece: Pictures, rng: Rng, material: Material) -> tuple[Pictures, list[Event]]:
    """The piece with one disturbance in its middle; its ends are left to the joins."""
    kind = str(rng.choice(list(DISTURBANCES)))
    first, last = 27, len(piece) - 28
    changed = DISTURBANCES[kind](piece.copy(), first, last, rng, material)
    # What comes late, as the return after a flash, is counted here as well.
    whole = kind in ("fast pan", "zoom", "light switched")
    span = (4, len(piece) - 4) if whole else (first, last + 3)
    return changed, [Event(kind, *span, False)]


def _flash(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    at, count = int(rng.integers(a, b - 3)), int(rng.integers(1, 4))
    gain, offset = rng.uniform(0.2, 1.0), rng.uniform(0.4, 0.9)
    p[at : at + count] = np.clip(gain * p[at : at + count] + offset, 0, 1)
    return p


def _flicker(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    across = np.linspace(-1, 1, WIDTH, dtype=np.float32)
    for i in range(a, b):
        slope = 1 + rng.uniform(-0.15, 0.15) * across
        p[i] = np.clip(rng.uniform(0.55, 1.25) * slope * p[i] + rng.uniform(-0.1, 0.12), 0, 1)
    return p


def _weave(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    for i in range(a, b):
        x, y = rng.normal(0, 0.012, 2) * WIDTH
        p[i] = _moved(p[i], x, y, turn=float(rng.normal(0, 0.3)))
    return p


def _dirt(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    for i in range(a, b):
        for _ in range(int(rng.integers(0, 7))):
            x, y, radius = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(1, 14)
            axes = (max(1, int(radius)), max(1, int(radius * rng.uniform(0.2, 1))))
            level, angle = float(rng.choice([0.02, 0.98])), float(rng.uniform(0, 180))
            cv2.ellipse(p[i], (int(x), int(y)), axes, angle, 0, 360, level, -1)
        if rng.uniform() < 0.5:
            p[i, :, int(rng.integers(0, WIDTH))] = rng.uniform(0.7, 1)
    return p


def _damage(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    """One or two frames torn, rolled, or replaced by noise or by another picture's rest."""
    at, count, kind = int(rng.integers(a, b - 2)), int(rng.integers(1, 3)), int(rng.integers(4))
    for i in range(at, at + count):
        if kind == 0:
            p[i] = np.roll(p[i], int(rng.integers(HEIGHT // 5, HEIGHT - 20)), axis=0)
        elif kind == 1:
            p[i] = np.clip(rng.normal(0.5, 0.3, p[i].shape), 0, 1)
        elif kind == 2:
            p[i] = rng.choice([0.0, 1.0])
        else:
            row = int(rng.integers(10, HEIGHT // 2))
            p[i, row:] = np.roll(p[i, row:], int(rng.integers(20, 80)), axis=1)
    return p


def _missing(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    """Frames lost, up to five; the end is held so that the length stays."""
    at, count = int(rng.integers(a, b - 6)), int(rng.integers(1, 6))
    rest = np.concatenate((p[:at], p[at + count :]))
    return np.concatenate((rest, np.repeat(rest[-1:], count, axis=0)))


def _pan(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    """A window runs over a large still: up to a tenth of its width per frame, with blur."""
    still = _still(material, rng, 3.2)
    speed = rng.uniform(0.02, 0.1) * WIDTH
    room_x, room_y = still.shape[1] - WIDTH - 2, still.shape[0] - HEIGHT - 2
    y, slope = rng.uniform(0, room_y), rng.uniform(-0.2, 0.2)
    for i in range(len(p)):
        run = (i * speed) % (2 * room_x)
        x = min(run, 2 * room_x - run)
        p[i] = _shift_crop(still, x, float(np.clip(y + slope * x, 0, room_y)), blur=speed * 0.5)
    return p


def _shake(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    for i in range(a, b):
        x, y = rng.normal(0, 0.035, 2) * WIDTH
        p[i] = _moved(p[i], x, y, zoom=1.1)
    return p


def _passing(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    """Something large, with a texture of its own, crosses close to the camera."""
    other = material.piece(int(rng.integers(len(material.shots))), 0, 1, (0.3, 0.3, 0.4))[0]
    thing = other * rng.uniform(0.3, 1.0)
    width, frames = int(WIDTH * rng.uniform(0.35, 0.8)), int(rng.integers(7, 16))
    at = int(rng.integers(a, max(a + 1, b - frames)))
    for i in range(min(frames, b - at)):
        right = int((WIDTH + width) * (i + 1) / (frames + 1))
        left, right_seen = max(right - width, 0), min(right, WIDTH)
        p[at + i, 8:, left:right_seen] = thing[
            8:, left - right + width : right_seen - right + width
        ]
    return p


def _zoom(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    rate, inward = rng.uniform(1.01, 1.05), rng.uniform() < 0.5
    still = _still(material, rng, 2.0)
    for i in range(len(p)):
        power = min(max(i - a, 0), b - a) if inward else min(max(b - i, 0), b - a)
        side = 1 / min(rate**power, 2.5)
        x, y = (1 - side) / 2 * still.shape[1], (1 - side) / 2 * still.shape[0]
        part = still[
            int(y) : int(y + side * still.shape[0]), int(x) : int(x + side * still.shape[1])
        ]
        p[i] = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return p


def _light(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    """The light is switched, or the aperture set, and stays so."""
    at, low = int(rng.integers(a, b - 1)), rng.uniform(0.3, 0.6)
    gamma = rng.uniform(0.8, 1.3)
    dim = low * p**gamma
    return np.concatenate((p[:at], dim[at:]) if rng.uniform() < 0.5 else (dim[:at], p[at:]))


def _nothing(p: Pictures, a: int, b: int, rng: Rng, material: Material) -> Pictures:
    return p


DISTURBANCES: dict[str, Disturbance] = {
    "flash": _flash,
    "flicker": _flicker,
    "weave": _weave,
    "dirt, scratches": _dirt,
    "damaged frames": _damage,
    "missing frames": _missing,
    "fast pan": _pan,
    "camera shake": _shake,
    "thing passing": _passing,
    "zoom": _zoom,
    "light switched": _light,
    "clip as it is": _nothing,
}


def _wear(film: Pictures, rng: Rng) -> Pictures:
    """Grain, slight flicker and weave all through, as on a used print."""
    film = film.copy()
    for i in range(len(film)):
        moved = _moved(film[i], *(rng.normal(0, 0.006, 2) * WIDTH))
        grain = cv2.GaussianBlur(rng.normal(0, 0.12, moved.shape).astype(np.float32), (0, 0), 0.8)
        film[i] = np.clip(rng.uniform(0.85, 1.1) * moved + rng.uniform(-0.03, 0.04) + grain, 0, 1)
    return film


def _still(material: Material, rng: Rng, scale: float) -> Pictures:
    """One frame of a shot, ``scale`` times the film's width."""
    frames = material.shots[int(rng.integers(len(material.shots)))]
    frame = frames[int(rng.integers(len(frames)))].astype(np.float32) / 255
    width = round(WIDTH * scale)
    height = max(round(width * frame.shape[0] / frame.shape[1]), HEIGHT + 4)
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _shift_crop(still: Pictures, x: float, y: float, *, blur: float) -> Pictures:
    part = cv2.getRectSubPix(still, (WIDTH, HEIGHT), (x + WIDTH / 2, y + HEIGHT / 2))
    return cv2.blur(part, (max(1, int(blur)), 1)).astype(np.float32)


def _moved(
    picture: Pictures, x: float, y: float, *, turn: float = 0.0, zoom: float = 1.0
) -> Pictures:
    matrix = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), turn, zoom)
    matrix[:, 2] += (x, y)
    moved = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return moved.astype(np.float32)


def _small(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    scale = _STORED_PX / max(grey.shape)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _crop(frame: npt.NDArray[np.uint8], left: float, top: float, side: float) -> Pictures:
    height, width = (int(n * side) for n in frame.shape)
    x, y = int(left * (frame.shape[1] - width)), int(top * (frame.shape[0] - height))
    part = frame[y : y + height, x : x + width].astype(np.float32) / 255
    return cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
