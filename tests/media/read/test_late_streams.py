"""Streams that begin in mid-film, and parameters that come late."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from read_helpers import gray_frame, moving_luma, split

from vidcolor.media.open import open_input, open_source
from vidcolor.media.read.packets.late_streams import late_places
from vidcolor.media.source import ReadSettings

BEYOND_PROBE = 6 << 20
"""More than the 5 MB that libav reads to open a film."""
_PADDING = {
    "vob": b"\0\0\1\xbe\x07\xfa" + b"\xff" * 0x7FA,
    "ts": b"\x47\x1f\xff\x10" + b"\xff" * 184,
}
SUBTITLE = bytes.fromhex("20") + bytes(40)
"""A DVD subtitle's number and something behind it."""


def _piece(
    path: Path, sounds: tuple[str, ...], *, frames: int = 12, late_s: int = 0,
    options: dict[str, str] | None = None,
) -> bytes:  # fmt: skip
    """A short film with as many sounds, which begin late."""
    with av.open(str(path), "w", options=options or {}) as output:
        video: Any = output.add_stream("mpeg2video", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        added: list[Any] = [output.add_stream(codec, rate=48000) for codec in sounds]
        for sound in added:
            sound.layout = "stereo"
        for index in range(frames):
            frame = gray_frame(moving_luma(index))
            frame.pts = index
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for sound in added:
            kind = sound.codec_context.format.name
            width = sound.codec_context.frame_size
            for number in range(8):
                data = np.zeros((2, width) if kind.endswith("p") else (1, 2 * width))
                tone = av.AudioFrame.from_ndarray(
                    data.astype(np.float32 if kind.startswith("flt") else np.int16),
                    format=kind,
                    layout="stereo",
                )
                tone.sample_rate, tone.pts = 48000, late_s * 48000 + number * width
                output.mux(sound.encode(tone))
            output.mux(sound.encode(None))
    return path.read_bytes()


def _with_gap(path: Path, pieces: list[bytes]) -> Path:
    """Join pieces with padding between them, more than libav reads to open a film."""
    padding = _PADDING[path.suffix[1:]]
    path.write_bytes((padding * (BEYOND_PROBE // len(padding))).join(pieces))
    return path


@pytest.fixture(params=["vob", "ts"])
def joined(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A second sound in the middle piece only."""
    one = _piece(tmp_path / f"one.{request.param}", ("ac3",))
    two = _piece(tmp_path / f"two.{request.param}", ("ac3", "mp2"))
    return _with_gap(tmp_path / f"joined.{request.param}", [one, two, one])


def test_a_sound_of_the_middle_is_known_and_read(joined: Path) -> None:
    with open_input(joined) as film:
        details = [(each.kind, each.codec, each.detail) for each in film.info.streams]
        assert details == [
            ("video", "mpeg2video", "96x64"),
            ("audio", "ac3", "48000 Hz, stereo"),
            ("audio", "mp2", "48000 Hz, stereo"),
        ]
        frames, packets = split(film.read())
    assert len(frames) == 36
    assert [sum(p.stream_index == index for p in packets) for index in (1, 2)] == [24, 8]


def test_a_subtitle_of_the_middle_is_known(tmp_path: Path) -> None:
    one = _piece(tmp_path / "one.vob", ("ac3",))
    header = b"\x81\x80\x05\x21\x00\x01\x00\x01"  # with a stamp of 0
    packet = b"\0\0\1\xbd" + (len(header) + len(SUBTITLE)).to_bytes(2, "big") + header + SUBTITLE
    path = _with_gap(tmp_path / "joined.vob", [one, packet + one])
    with open_input(path) as film:
        assert [each.codec for each in film.info.streams][2:] == ["dvd_subtitle"]


@pytest.mark.parametrize("copies", [True, False])
def test_a_second_picture_behind_the_first_is_said(tmp_path: Path, copies: bool) -> None:
    others = {"mpegts_start_pid": "768", "mpegts_pmt_start_pid": "700"}
    one = _piece(tmp_path / "one.ts", ("mp2",))
    two = _piece(tmp_path / "two.ts", ("mp2",), options=others)
    film = _with_gap(tmp_path / "joined.ts", [one, two])
    with open_input(film) as opened, opened.read(ReadSettings(copy_streams=copies)) as source:
        frames = split(source)[0]
        said = [line for line in source.status.warnings if "second picture" in str(line)]
    assert len(frames) == 12
    assert len(said) == 1
    assert ("copied as it is" if copies else "left out") in str(said[0])


def test_a_pipe_is_read_to_its_end(joined: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(joined.read_bytes()))
    writer.start()
    with open_source(pipe) as source:
        frames, _ = split(source)
    writer.join()
    assert len(frames) == 36


@pytest.mark.parametrize("suffix", ["vob", "ts"])
def test_parameters_come_with_the_first_packet(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"late.{suffix}"
    _piece(path, ("ac3",), frames=250, late_s=9)
    with open_source(path) as source:
        assert source.info.streams[1].detail == "48000 Hz, stereo"
        frames, packets = split(source)
    assert len(frames) == 250
    assert [p.stream_index for p in packets] == [1] * 8
    assert float((packets[0].pts - frames[0].pts) * packets[0].time_base) == pytest.approx(
        9, abs=0.02
    )


@pytest.mark.parametrize(("height", "rate"), [(576, 25), (480, Fraction(30000, 1001))])
def test_sound_of_a_dv_tape_begins_late(tmp_path: Path, height: int, rate: Fraction | int) -> None:
    silent, sounding = tmp_path / "silent.dv", tmp_path / "sounding.dv"
    for path, sounds in ((silent, 0), (sounding, 1)):
        with av.open(str(path), "w") as output:
            video: Any = output.add_stream("dvvideo", rate=rate)
            form = "yuv420p" if height == 576 else "yuv411p"
            video.width, video.height, video.pix_fmt = 720, height, form
            added: list[Any] = [output.add_stream("pcm_s16le", rate=48000) for _ in range(sounds)]
            for sound in added:
                sound.layout = "stereo"
            for index in range(2):
                frame = gray_frame(moving_luma(index, width=720, height=height), form)
                frame.pts = index
                output.mux(video.encode(frame))
                for sound in added:
                    tone = av.AudioFrame.from_ndarray(
                        np.zeros((1, 3840), np.int16), format="s16", layout="stereo"
                    )
                    tone.sample_rate, tone.pts = 48000, index * 1920
                    output.mux(sound.encode(tone))
            output.mux(video.encode(None))
    path = tmp_path / "tape.dv"
    # 50 frames without sound: 6 MB of NTSC, 7.2 MB of PAL
    path.write_bytes(silent.read_bytes() * 25 + sounding.read_bytes() * 10)
    with open_source(path) as source:
        assert source.info.streams[1].detail == "48000 Hz, stereo"
        frames, packets = split(source)
        assert source.info.duration_s == pytest.approx(float(70 / rate), abs=0.01)
    assert len(frames) == 70
    assert len(packets) == 20
    assert float(packets[0].pts * packets[0].time_base) == pytest.approx(float(50 / rate), abs=0.01)


def test_where_nothing_is_late_nothing_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "plain.ts"
    _piece(path, ("ac3", "mp2"))
    with open_input(path) as film:
        size = path.stat().st_size
        assert late_places(film.file.view(), film.container.container, size) == []
