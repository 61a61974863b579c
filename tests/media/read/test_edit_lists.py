"""MP4 and QuickTime films trimmed without encoding: an edit list hides their beginning."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from read_helpers import split, write_clip

from vidcolor.media.open import open_input, open_source

CUT_S = Fraction(32, 25)


@pytest.fixture(params=["mp4", "mov"])
def trimmed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two seconds of a film from 1.28 s on; its key frame is at 0 s, so all is stored."""
    options = {"preset": "ultrafast", "g": "50", "bf": "2"}
    whole = write_clip(tmp_path / "whole.mkv", frames=50, audio_s=2.0, options=options)
    path = tmp_path / f"trimmed.{request.param}"
    editing = {"avoid_negative_ts": "disabled", "use_editlist": "1"}
    with av.open(str(whole)) as source, av.open(str(path), "w", container_options=editing) as out:
        copies = {each.index: out.add_stream_from_template(each) for each in source.streams}
        delayed = iter((-80, -40))  # milliseconds; Matroska leaves the first decoding times open
        for packet in source.demux():
            if not packet.size:
                continue
            moved = round(CUT_S / packet.time_base)
            dts = next(delayed) if packet.dts is None else packet.dts
            packet.pts, packet.dts = packet.pts - moved, dts - moved
            packet.stream = copies[packet.stream_index]
            out.mux_one(packet)
    return path


def test_only_what_is_shown_and_heard_is_read(trimmed: Path) -> None:
    with open_source(trimmed) as source:
        frames, packets = split(source)
        assert source.status.warnings == []
    times = [float(frame.pts * frame.time_base) for frame in frames]
    assert times == pytest.approx([0.04 * n for n in range(18)], abs=0.001)
    begins = [float(p.pts * p.time_base) for p in packets]
    # a packet of AAC lasts 21 ms, and the first may begin before the cut
    assert -0.022 < begins[0] < 0.022
    assert begins[-1] < 0.75


def test_info_counts_the_frames_that_are_shown(trimmed: Path) -> None:
    with open_input(trimmed) as film:
        assert film.info.frames is not None
        assert abs(film.info.frames - 18) <= 1  # by length and rate


def test_single_frames_are_those_that_are_shown(trimmed: Path) -> None:
    with open_source(trimmed) as source:
        frames, _ = split(source)
    with open_input(trimmed) as film:
        found = film.frame_at(0.3)
    assert found is not None
    assert (found.luma == frames[7].luma).all()


def test_priming_before_the_first_sample_is_copied(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "plain.mp4", audio_s=1.0)
    with av.open(str(path)) as plain:
        stored = sum(1 for packet in plain.demux(audio=0) if packet.size)
    with open_source(path) as source:
        _, packets = split(source)
    assert len(packets) == stored
