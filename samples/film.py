"""What decades do to a film: weave, grain, flicker, dust, scratches, dark corners.

Pictures are float32 lightness codes ``(H, W)`` in [0, 1]; every random number comes from the
generator that is handed in, so that one seed gives one film.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]

_CORNER_PX = 14
"""Radius of the camera gate's rounded corners."""


@dataclass
class Scratch:
    """A vertical scratch that stays for some frames and wanders a little.

    Attributes:
        x: column in pixels.
        frames_left: how long it stays.
        strength: added lightness; negative on the print's dark side.
    """

    x: float
    frames_left: int
    strength: float


@dataclass
class WornFilm:
    """Wears frames one after another; the state is what carries over from frame to frame.

    Attributes:
        rng: source of all randomness.
        size: (width, height) in pixels.
    """

    rng: np.random.Generator
    size: tuple[int, int]
    _weave: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    _exposure: float = 0.0
    _scratches: list[Scratch] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Prepare the masks that are the same in all frames."""
        width, height = self.size
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        self._radius2 = (x**2 + y**2).astype(np.float32)
        self._slope = x.astype(np.float32)
        self._gate = _rounded_gate(width, height)
        self._stencil = np.zeros((height, width), np.uint8)

    def wear(self, picture: Picture) -> Picture:
        """Return the next worn frame, ``(H, W)`` in [0, 1]."""
        worn = self._flicker(self._shift(_halation(picture)))
        worn = worn * (1 - 0.16 * self._radius2)
        worn = worn + self._grain(worn)
        self._scratch(worn)
        self._dust(worn)
        return np.clip(worn * self._gate + 0.02, 0, 1)

    def _shift(self, picture: Picture) -> Picture:
        """Gate weave: the frame never sits quite where the one before it sat."""
        self._weave = 0.8 * self._weave + self.rng.normal(0, (0.30, 0.45))
        move = np.array([[1, 0, self._weave[0]], [0, 1, self._weave[1]]], np.float32)
        return cv2.warpAffine(  # type: ignore[return-value]
            picture, move, self.size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )

    def _flicker(self, picture: Picture) -> Picture:
        """Exposure flicker: a hand crank's slow drift, a shutter's quick one, both uneven."""
        self._exposure = 0.7 * self._exposure + self.rng.normal(0, 0.020)
        quick = self.rng.normal(0, 0.018)
        side = self.rng.normal(0, 0.012)
        return picture * (1 + self._exposure + quick + side * self._slope)

    def _grain(self, picture: Picture) -> Picture:
        """Silver grain: strongest in the mid-tones, clumps a little larger than a pixel."""
        height, width = picture.shape
        noise = self.rng.standard_normal((height, width), np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), 0.75)
        tone = np.clip(picture, 0, 1)
        return noise * (0.025 + 0.14 * tone * (1 - tone))  # type: ignore[no-any-return]

    def _scratch(self, picture: Picture) -> None:
        """Draw the scratches that are there, now and then begin a new one."""
        width, height = self.size
        if self.rng.random() < 0.035 and len(self._scratches) < 2:
            self._scratches.append(
                Scratch(
                    self.rng.uniform(0.1, 0.9) * width,
                    int(self.rng.integers(8, 40)),
                    float(self.rng.choice([-0.16, 0.14, 0.22])),
                )
            )
        rows = np.arange(height)
        for scratch in self._scratches:
            scratch.x += self.rng.normal(0, 0.5)
            scratch.frames_left -= 1
            columns = np.clip(scratch.x + 1.2 * np.sin(rows / 70), 0, width - 1).astype(int)
            picture[rows, columns] += scratch.strength * self.rng.uniform(0.4, 1, height)
        self._scratches = [s for s in self._scratches if s.frames_left > 0]

    def _dust(self, picture: Picture) -> None:
        """Specks and hairs: white where they lay on the negative, dark on the print."""
        width, height = self.size
        for _ in range(self.rng.poisson(2.2)):
            at = self.rng.uniform(0, 1, 2) * (width, height)
            shade = float(self.rng.choice([0.05, 0.9, 0.97]))
            axes = self.rng.uniform(0.7, 2.8, 2)
            box = (at.tolist(), (2 * axes).tolist(), float(self.rng.uniform(0, 180)))
            cv2.ellipse(self._stencil, box, 255, -1, cv2.LINE_AA)
            self._stamp(picture, shade)
        if self.rng.random() < 0.06:
            start = self.rng.uniform(0, 1, 2) * (width, height)
            steps = self.rng.normal(0, 4, (12, 2)) + self.rng.normal(0, 4, 2)
            hair = (start + np.cumsum(steps, axis=0)).astype(np.int32)
            cv2.polylines(self._stencil, [hair], False, 230, 1, cv2.LINE_AA)
            self._stamp(picture, 0.08)

    def _stamp(self, picture: Picture, shade: float) -> None:
        """Paint ``shade`` where the stencil is set (OpenCV smooths edges in uint8 only)."""
        cover = self._stencil.astype(np.float32) / np.float32(255)
        picture += cover * (np.float32(shade) - picture)
        self._stencil[:] = 0


def _halation(picture: Picture) -> Picture:
    """Light scattered in the emulsion: highlights glow, edges soften."""
    glow = cv2.GaussianBlur(np.maximum(picture - 0.55, 0), (0, 0), 6)
    soft = cv2.GaussianBlur(picture, (0, 0), 0.6)
    return soft + np.float32(0.35) * glow  # type: ignore[no-any-return]


def _rounded_gate(width: int, height: int) -> Picture:
    """Mask of the camera gate: 1 inside, 0 in the rounded corners, a soft edge."""
    mask = np.zeros((height, width), np.float32)
    r = _CORNER_PX
    cv2.rectangle(mask, (r, 2), (width - r, height - 3), 1.0, -1)
    cv2.rectangle(mask, (2, r), (width - 3, height - r), 1.0, -1)
    for x in (r + 2, width - r - 3):
        for y in (r + 2, height - r - 3):
            cv2.circle(mask, (x, y), r, 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), 1.2)  # type: ignore[return-value]
