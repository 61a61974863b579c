"""Gate weave goes; pans, and frames that are steady, stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from repair_films import Codes, marked, scene, through

from vidcolor.repair.steady import Steady, motion_of_frame
from vidcolor.types import Plane


def _shifted(frame: Codes, right: float, down: float) -> Codes:
    way = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    size = (frame.shape[1], frame.shape[0])
    moved = cv2.warpAffine(frame, way, size, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


@pytest.fixture(scope="module")
def still() -> Codes:
    rng = np.random.default_rng(8)
    rough = cv2.GaussianBlur(rng.uniform(0, 255, (200, 260)).astype(np.float32), (0, 0), 2.5)
    spread = (rough - rough.mean()) * 4 + 128
    return np.clip(spread, 0, 255).astype(np.uint8)


def test_weave_becomes_a_fraction_of_what_it_was(still: Codes) -> None:
    rng = np.random.default_rng(2)
    shifts = rng.normal(0.0, 0.8, (13, 2))
    frames: list[Plane] = [_shifted(still, *shift) for shift in shifts]
    made = through(Steady(), marked(frames))

    def unrest(film: list[Plane]) -> float:
        steps = [motion_of_frame(a, b)[:2] for a, b in zip(film[4:8], film[5:9], strict=True)]  # type: ignore[arg-type]
        return float(np.abs(steps).mean())

    # A mean over nine frames leaves a third of random weave, and its steps are smaller still.
    assert unrest(made) < 0.5 * unrest(frames)
    assert all(a.shape == b.shape for a, b in zip(made, frames, strict=True))


def test_a_steady_pan_keeps_its_course() -> None:
    frames: list[Plane] = [*scene(9, step_px=2.0, height=200, width=260)]
    made = through(Steady(), marked(frames))
    moves = [motion_of_frame(a, b)[0] * 200 for a, b in zip(made, made[1:], strict=False)]  # type: ignore[arg-type]
    assert np.allclose(moves, -2.0, atol=0.3)  # a tenth of a pixel each is measured wrongly


def test_still_frames_are_not_touched(still: Codes) -> None:
    frames: list[Plane] = [still] * 6
    assert all(luma is still for luma in through(Steady(), marked(frames)))


def test_a_span_alone_gives_the_same_frames(still: Codes) -> None:
    shifts = np.random.default_rng(3).normal(0.0, 0.8, (14, 2))
    frames: list[Plane] = [_shifted(still, *shift) for shift in shifts]
    whole = through(Steady(), marked(frames))
    span = through(Steady(), marked(frames)[2:])
    first = 2 + Steady.memory_frames
    assert all(np.array_equal(a, b) for a, b in zip(whole[first:], span[first - 2 :], strict=True))
