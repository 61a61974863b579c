"""Recordings whose stamps jump forward: closed on discs, said of broadcasts."""

from __future__ import annotations

from pathlib import Path

import pytest
from read_helpers import frames_of, write_clip

from vidcolor.media.open import open_source

SHARED = Path(__file__).resolve().parents[3] / "../shared/field"
JUMP_FRAMES = 25 * 600


def _joined(folder: Path, suffix: str) -> Path:
    """Two recordings of 20 frames, the second 600 s later by its stamps."""
    data = b""
    for begin in (0, JUMP_FRAMES):
        stamps = range(begin, begin + 20)
        data += write_clip(
            folder / f"{begin}.{suffix}", codec="mpeg2video", frames=20, stamps=stamps
        ).read_bytes()
    path = folder / f"joined.{suffix}"
    path.write_bytes(data)
    return path


def _longest_step_s(path: Path) -> tuple[float, list[str], int]:
    with open_source(path) as source:
        frames = frames_of(source)
        times = [float(frame.pts * frame.time_base) for frame in frames]
        steps = [after - before for before, after in zip(times, times[1:], strict=False)]
        return max(steps), [str(line) for line in source.status.warnings], len(frames)


def test_a_jump_of_a_disc_is_closed(tmp_path: Path) -> None:
    longest, warnings, count = _longest_step_s(_joined(tmp_path, "vob"))
    assert count == 40
    assert longest < 0.2  # two frames, and the decoder's delay
    assert any("joined" in line for line in warnings)


def test_a_gap_of_a_broadcast_stays_and_is_said(tmp_path: Path) -> None:
    longest, warnings, count = _longest_step_s(_joined(tmp_path, "ts"))
    assert count == 40
    assert longest == pytest.approx(599, abs=2)
    assert any("has gaps, which stay: 599 s" in line for line in warnings)


def test_a_real_disc_with_sound() -> None:
    path = SHARED / "vob_jump.vob"
    if not path.exists():
        pytest.skip("no shared files")
    longest, _, count = _longest_step_s(path)
    assert count == 100
    assert longest < 0.2
