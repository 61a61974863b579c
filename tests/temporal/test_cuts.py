"""Shots: what begins one and what does not, with and without looking ahead."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.temporal import CutDetector, ShotDetector

SHARED = Path(__file__).resolve().parents[2] / "../shared/media"
NEWSREEL = Path(__file__).resolve().parents[2] / "samples/newsreel.mp4"
NAMES = ("astronaut", "coffee", "chelsea", "rocket")
HEIGHT, WIDTH = 72, 96


def _picture(name: str) -> Tensor:
    grey = torch.from_numpy(getattr(data, name)().mean(axis=2)).float()[None, None, :300, :400]
    return F.interpolate(grey / 255, size=(120, 160), mode="area")


def _shot(name: str, count: int, *, speed: float = 0.5) -> Tensor:
    """A slow pan with grain: ``(count, 1, 72, 96)``."""
    picture = _picture(name)
    noise = torch.Generator().manual_seed(len(name))
    frames = [
        picture[..., 20 : 20 + HEIGHT, int(i * speed) : int(i * speed) + WIDTH]
        + 0.03 * torch.randn(1, 1, HEIGHT, WIDTH, generator=noise)
        for i in range(count)
    ]
    return torch.cat(frames).clamp(0, 1)


def _found(film: Tensor, *, batch: int = 7) -> list[int]:
    detector, answers = ShotDetector(), []
    for start in range(0, len(film), batch):
        answers += detector.push(film[start : start + batch])
    answers += detector.flush()
    assert len(answers) == len(film)
    return [i for i, is_first in enumerate(answers) if is_first]


def _decoded(path: Path) -> tuple[Tensor, list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    codes = torch.from_numpy(np.stack([f.to_ndarray(format="gray") for f in frames]))
    lightness = luma_to_lightness(codes[:, None], depth=8, full_range=True)
    return lightness, [float(f.time or 0) for f in frames]


def test_cuts_are_found_at_their_frame() -> None:
    film = torch.cat([_shot(name, 24) for name in NAMES])
    assert _found(film) == [24, 48, 72]


@pytest.mark.parametrize("batch", [1, 3, 96])
def test_batches_never_change_what_is_found(batch: int) -> None:
    film = torch.cat([_shot(name, 24) for name in NAMES])
    assert _found(film, batch=batch) == _found(film)


def test_answers_come_at_most_the_look_ahead_late() -> None:
    from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES

    detector, film = ShotDetector(), _shot("coffee", 30)
    for i, frame in enumerate(film):
        answers = detector.push(frame[None])
        assert len(answers) == (1 if i >= LOOK_AHEAD_FRAMES else 0)
    assert len(detector.flush()) == LOOK_AHEAD_FRAMES
    assert detector.flush() == []


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("kind", ["white", "pale", "noise", "rolled", "black", "other"])
def test_flashes_and_damage_are_no_cuts(kind: str, frames: int) -> None:
    film = _shot("astronaut", 48)
    bad = film[20 : 20 + frames]
    replaced = {
        "white": torch.ones_like(bad),
        "pale": 0.3 * bad + 0.69,
        "noise": torch.rand(bad.shape, generator=torch.Generator().manual_seed(1)),
        "rolled": bad.roll(HEIGHT // 2, dims=2),
        "black": torch.zeros_like(bad),
        "other": _shot("chelsea", frames),
    }
    film[20 : 20 + frames] = replaced[kind]
    assert _found(film) == []


def test_flicker_of_exposure_is_no_cut() -> None:
    """Gain, offset and a slope across the picture, anew in each frame."""
    film, rng = _shot("chelsea", 60), np.random.default_rng(2)
    across = torch.linspace(-0.15, 0.15, WIDTH)
    for i in range(len(film)):
        film[i] = film[i] * float(rng.uniform(0.5, 1.2)) * (1 + float(rng.choice([-1, 1])) * across)
        film[i] += float(rng.uniform(-0.1, 0.12))
    assert _found(film.clamp(0, 1)) == []


@pytest.mark.parametrize("speed", [3, 8])
def test_fast_pans_are_no_cuts(speed: int) -> None:
    """A twelfth of the picture's width per frame, to and fro over a picture of three widths."""
    picture = F.interpolate(_picture("coffee"), size=(216, 288), mode="bicubic").clamp(0, 1)
    room = picture.shape[-1] - WIDTH
    at = [room - abs(room - (i * speed) % (2 * room)) for i in range(60)]
    assert _found(torch.cat([picture[..., 60 : 60 + HEIGHT, x : x + WIDTH] for x in at])) == []


def _pan(picture: Tensor, count: int, *, speed: int, grain: float, seed: int) -> Tensor:
    """A window runs over a wide picture under grain: ``(count, 1, 72, 96)``."""
    noise = torch.Generator().manual_seed(seed)
    return torch.cat(
        [
            picture[..., 60 : 60 + HEIGHT, i * speed : i * speed + WIDTH]
            + grain * torch.randn(1, 1, HEIGHT, WIDTH, generator=noise)
            for i in range(count)
        ]
    ).clamp(0, 1)


def _wide(name: str) -> Tensor:
    return F.interpolate(_picture(name), size=(216, 384), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_fast_pan_under_grain_is_no_cut(name: str) -> None:
    """Contrast is a fifth: quarters of frames alone no longer resemble each other."""
    weak = 0.5 + 0.2 * (_wide(name) - 0.5)
    assert _found(_pan(weak, 34, speed=8, grain=0.025, seed=5)) == []


def test_a_cut_between_two_pans_is_found() -> None:
    """Both pan the same way as fast: only what is seen changes."""
    film = [_pan(_wide(n), 30, speed=8, grain=0.03, seed=6) for n in ("astronaut", "chelsea")]
    assert _found(torch.cat(film)) == [30]


def test_a_cut_after_frames_that_resemble_nothing_is_found() -> None:
    """Damage of any length doesn't stop cuts from being seen."""
    film = torch.cat([_shot("coffee", 30), _shot("astronaut", 30)])
    film[12:19] = torch.rand(film[12:19].shape, generator=torch.Generator().manual_seed(1))
    assert 30 in _found(film)


def test_a_cut_is_found_under_heavy_flicker() -> None:
    film, rng = torch.cat([_shot("rocket", 30), _shot("coffee", 30)]), np.random.default_rng(4)
    gain = torch.from_numpy(rng.uniform(0.5, 1.2, (60, 1, 1, 1))).float()
    assert _found((film * gain).clamp(0, 1)) == [30]


def test_a_flash_on_the_splice_leaves_one_cut() -> None:
    film = torch.cat([_shot("astronaut", 30), _shot("chelsea", 30)])
    film[30:32] = 1.0
    assert _found(film) == [32]


@pytest.mark.parametrize("count", [8, 16, 24])
def test_a_dissolve_begins_the_new_shot_about_its_middle(count: int) -> None:
    first, second = _shot("astronaut", 60, speed=0.1), _shot("coffee", 60, speed=0.1)
    share = (torch.arange(1, count + 1) / (count + 1))[:, None, None, None]
    mixed = (1 - share) * first[60 - count :] + share * second[:count]
    found = _found(torch.cat((first[: 60 - count], mixed, second[count:])))
    assert len(found) == 1
    # Where the pictures differ in contrast the middle is not where the shares are equal.
    assert abs(found[0] - (60 - count / 2)) <= 5


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_fade_out_and_in_is_one_boundary(level: float) -> None:
    first, second = _shot("astronaut", 40), _shot("chelsea", 40)
    up = torch.linspace(0, 1, 12)[:, None, None, None]
    first[-12:] = first[-12:] * up.flip(0) + level * (1 - up.flip(0))
    second[:12] = second[:12] * up + level * (1 - up)
    found = _found(torch.cat((first, torch.full((6, 1, HEIGHT, WIDTH), level), second)))
    assert len(found) == 1
    # As soon as the new picture can be seen: 40 + 6 and the first steps of its fade.
    assert 45 <= found[0] <= 50


def test_a_dip_to_black_within_a_shot_is_no_boundary() -> None:
    film = _shot("coffee", 60)
    film[25:35] = 0.0
    assert _found(film) == []


def test_black_frames_and_slow_fades_are_no_cuts_at_once() -> None:
    level = torch.linspace(1, 0, 25)[:, None, None, None]
    fade = torch.cat((_picture("astronaut") * level, torch.zeros(5, 1, 120, 160)))
    assert not any(CutDetector().push(fade))


def test_without_look_ahead_a_torn_frame_costs_one_restart_at_most() -> None:
    film = _shot("astronaut", 48)
    film[20] = film[20].roll(HEIGHT // 2, dims=1)
    assert [i for i, cut in enumerate(CutDetector().push(film)) if cut] in ([], [20])


def test_the_newsreels_cuts() -> None:
    """The sample's chapters start with its shots."""
    with av.open(str(NEWSREEL)) as container:
        starts = [float(c["start"] * c["time_base"]) for c in container.chapters()]
    lightness, seconds = _decoded(NEWSREEL)
    assert len(starts) == 5
    # Chapters are in whole milliseconds.
    assert [seconds[i] for i in _found(lightness)] == pytest.approx(starts[1:], abs=1e-3)


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("satoshiiizuka__a-bomb_blast_effects_part.mp4", [44, 134, 299]),
        ("market_street_1906.mp4", []),
        ("great_train_robbery_1903.mkv", []),
        ("Zulko__chaplin.mp4", []),
    ],
)
def test_real_archival_film(name: str, cuts: list[int]) -> None:
    """First frames of shots, found by eye on contact sheets."""
    if not (SHARED / "archival" / name).is_file():
        pytest.skip("needs the archival clips of ../shared/media")
    assert _found(_decoded(SHARED / "archival" / name)[0]) == cuts
