"""Packets before the first frame: little of them stays in memory, all of them are written."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from write_helpers import FAST, flat_planes, make_clip, ramp

from vidcolor.media.files.spool import MEMORY_BYTES, PacketSpool
from vidcolor.media.open import open_source
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import ColorFrame, LumaFrame

_BEFORE_S = 120


def _late_picture(path: Path) -> Path:
    """Two minutes of stereo PCM (23 MB) before the first of three frames."""
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("pcm_s16le", rate=48000)
        sound.layout = "stereo"
        noise = np.random.default_rng(0).integers(-9999, 9999, (1, 2 * 48000), np.int16)
        for second in range(_BEFORE_S):
            frame = av.AudioFrame.from_ndarray(noise, "s16", "stereo")
            frame.sample_rate, frame.pts = 48000, second * 48000
            out.mux(sound.encode(frame))
        for number in range(3):
            picture = ramp((64, 48), "yuv420p", number)
            picture.pts, picture.time_base = _BEFORE_S * 25 + number, Fraction(1, 25)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
    return path


def _write(source_path: Path, output: Path, *, limit: int | None) -> int:
    """Write a film; returns the most bytes that waited in memory for the first frame."""
    most = 0
    with open_source(source_path) as source, VideoWriter(output, source, FAST) as writer:
        if limit is not None:
            writer._pending = PacketSpool(limit=limit)
        planes = flat_planes(writer.plane_format, (64, 48))
        for item in source:
            writer.write(ColorFrame(planes, item) if isinstance(item, LumaFrame) else item)
            most = max(most, writer._pending.memory_bytes)
        writer.commit()
    return most


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_two_minutes_of_sound_before_the_picture(tmp_path: Path, suffix: str) -> None:
    source = _late_picture(tmp_path / f"in{suffix}")
    waited = _write(source, tmp_path / f"a{suffix}", limit=None)
    assert waited <= MEMORY_BYTES
    assert _write(source, tmp_path / f"b{suffix}", limit=1 << 40) > 22 << 20
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert len(list(tmp_path.iterdir())) == 3, "the temporary file has no name"


def test_a_stop_before_the_first_frame_leaves_nothing(tmp_path: Path) -> None:
    source_path = _late_picture(tmp_path / "in.mkv")
    with (
        open_source(source_path) as source,
        VideoWriter(tmp_path / "out.mkv", source, FAST) as writer,
    ):
        for item in source:
            if isinstance(item, LumaFrame):
                break
            writer.write(item)
        writer.abort()
        assert writer._pending.memory_bytes == 0
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def _said(packet: Packet[Any]) -> tuple[object, ...]:
    return (
        packet.stream_index, packet.pts, packet.dts, packet.duration, packet.time_base,
        packet.is_keyframe, packet.is_corrupt, packet.is_discard, bytes(packet),
        [(each.data_type, bytes(each)) for each in packet.iter_sidedata()],
    )  # fmt: skip


@pytest.mark.parametrize("limit", [0, 3000, 1 << 30])
def test_packets_come_back_as_they_were(tmp_path: Path, limit: int) -> None:
    """AAC in Matroska begins with a packet that says how many samples to skip."""
    clip = make_clip(
        tmp_path / "in.mkv",
        languages=("eng", "deu"),
        subtitle=("subrip", b"text"),
        pts=[n * 2 for n in range(12)],
    )
    with av.open(str(clip)) as file:
        packets = [p for p in file.demux() if p.size]
        packets[3].is_corrupt = True
        packets[4].pts = None
        wanted = [_said(packet) for packet in packets]
        assert any(said[-1] for said in wanted), "no side data: the test tests nothing"
        spool = PacketSpool(tmp_path, limit=limit)
        for packet in packets:
            spool.add(packet)
        assert set(spool.first) == {packet.stream_index for packet in packets}
        assert [_said(packet) for packet in spool.take()] == wanted
        assert spool.memory_bytes == 0
        spool.add(packets[0])
        assert [_said(packet) for packet in spool.take()] == wanted[:1]


def test_importing_the_writer_sets_nothing_for_encoders() -> None:
    code = "import os, vidcolor.media.write.film; assert 'SVT_LOG' not in os.environ"
    environment = {k: v for k, v in os.environ.items() if k != "SVT_LOG"}
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=root, env=environment)
