"""AVI has no times of showing: frames of codecs with B-frames are put in order."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_helpers import frames_of, write_clip

from vidcolor.media.open import open_input, open_source


def _in_avi(path: Path, codec: str, options: dict[str, str], *, gap: int = 0) -> Path:
    """A clip of 40 frames, with some left out after the first 20."""
    stamps = [number + gap * (number >= 20) for number in range(40)]
    return write_clip(path, frames=40, codec=codec, options=options, stamps=stamps)


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "3", "preset": "fast"}),
        ("libx264", {"bf": "8", "preset": "fast", "x264-params": "b-adapt=0"}),
        ("mpeg4", {"bf": "2"}),
        ("mpeg4", {"bf": "0"}),
    ],
)
def test_frames_follow_each_other_in_even_steps(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = _in_avi(tmp_path / "clip.avi", codec, options)
    with open_source(path) as source:
        frames = frames_of(source)
        assert source.status.warnings == []
    assert len(frames) == 40
    first = frames[0].pts
    assert 0 <= first <= 2  # the decoder's delay
    assert [frame.pts - first for frame in frames] == list(range(40))
    assert {frame.duration for frame in frames} == {1}


def test_left_out_frames_stay_a_gap(tmp_path: Path) -> None:
    path = _in_avi(tmp_path / "clip.avi", "libx264", {"bf": "2"}, gap=5)
    with open_source(path) as source:
        stamps = [frame.pts for frame in frames_of(source)]
    steps = [after - before for before, after in zip(stamps, stamps[1:], strict=False)]
    assert sorted(steps) == [1] * 38 + [6]


def test_single_frames_are_those_of_the_whole_reading(tmp_path: Path) -> None:
    path = _in_avi(tmp_path / "clip.avi", "libx264", {"bf": "3", "preset": "fast"})
    with open_source(path) as source:
        frames = frames_of(source)
    with open_input(path) as film:
        for number in (0, 7, 23, 38):
            frame = frames[number]
            found = film.frame_at(float((frame.pts + 0.5) * frame.time_base - film._start))
            assert found is not None
            assert found.pts == frame.pts
            assert (found.luma == frame.luma).all()
