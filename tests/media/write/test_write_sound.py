"""Sound and subtitles as practice has them: PCM, many tracks, equal stamps, time codes."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from av.packet import Packet
from write_helpers import FAST, colorize, inspect, make_clip, ramp

from vidcolor.engine.run.default_output import default_output
from vidcolor.media.source import SideDatum
from vidcolor.media.write.capability import plan_copies
from vidcolor.media.write.facts import container_facts
from vidcolor.media.write.hdr import time_code_losses
from vidcolor.types import EncodeSettings

_RATE = 48000


def _film(
    path: Path,
    layouts: list[str],
    *,
    codec: str = "pcm_s16le",
    languages: list[str] | None = None,
    dispositions: list[int] | None = None,
    video: str = "mpeg2video",
    time_code: str = "",
    container: str | None = None,
) -> list[npt.NDArray[Any]]:
    """Ten frames and sound of random samples; returns what each track's samples are."""
    noise = np.random.default_rng(1)
    samples = []
    with av.open(str(path), "w", format=container) as out:
        picture = out.add_stream(video, rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        if time_code:
            picture.metadata["timecode"] = time_code
            picture.options = {"timecode": time_code, "bf": "0"}
        tracks = []
        for number, layout in enumerate(layouts):
            track = out.add_stream(codec, rate=_RATE)
            track.layout = layout
            track.metadata.update({"language": languages[number]} if languages else {})
            track.disposition = dispositions[number] if dispositions else 0
            tracks.append(track)
            channels = track.layout.nb_channels
            if codec.endswith(("s16le", "_bluray", "_dvd")):
                samples.append(noise.integers(-9999, 9999, (1, 19200 * channels), np.int16))
            else:  # 24 bits in the upper part of 32
                wide = noise.integers(-(1 << 22), 1 << 22, (1, 19200 * channels), np.int32)
                samples.append(wide << 8)
        for number in range(10):
            frame = ramp((64, 48), "yuv420p", number)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(picture.encode(frame))
            for track, whole in zip(tracks, samples, strict=True):
                width = 1920 * track.layout.nb_channels
                part = whole[:, number * width : (number + 1) * width]
                form = "s16" if whole.dtype == np.int16 else "s32"
                sound = av.AudioFrame.from_ndarray(part, form, track.layout.name)
                sound.sample_rate, sound.pts = _RATE, number * 1920
                out.mux(track.encode(sound))
        for stream in (picture, *tracks):
            out.mux(stream.encode(None))
    return samples


def _samples(path: Path, track: int = 0) -> npt.NDArray[Any]:
    with av.open(str(path)) as file:
        return np.concatenate([f.to_ndarray().reshape(-1) for f in file.decode(audio=track)])


@pytest.mark.parametrize(
    ("suffix", "layouts"),
    [
        (".avi", ["stereo"]),
        (".avi", ["mono"]),
        (".mkv", ["stereo"]),
        (".mkv", ["mono", "mono"]),
        (".mxf", ["mono", "mono"]),
    ],
)
def test_pcm_of_unnamed_channels_is_kept_in_every_container(
    tmp_path: Path, suffix: str, layouts: list[str]
) -> None:
    source = tmp_path / f"in{suffix}"
    written = _film(source, layouts)
    default = default_output(source, "video")
    assert default.suffix == (".mkv" if suffix == ".mkv" else ".mp4")
    for output in (tmp_path / f"out{end}" for end in (".mp4", ".mkv", ".mov")):
        notes = colorize(source, output).notes
        assert notes == []
        for number, samples in enumerate(written):
            assert np.array_equal(_samples(output, number), samples[0])


def test_channels_that_nobody_can_name_are_left_to_matroska(tmp_path: Path) -> None:
    """Which of six channels is which isn't said: MP4 can't hold them."""
    source = tmp_path / "in.mkv"
    _film(source, ["5.1"])
    with av.open(str(source)) as file:
        assert file.streams.audio[0].layout.name == "6 channels"
        mp4, mkv = (
            plan_copies(file.streams.audio, container_facts(Path(name)))
            for name in ("a.mp4", "a.mkv")
        )
    assert len(mp4.lost) == 1 and len(mkv.lost) == 0
    assert ".mkv can" in mp4.notes[0]


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".mp4"])
@pytest.mark.parametrize("layout", ["stereo", "mono"])
def test_sound_of_blu_ray_keeps_its_samples(tmp_path: Path, suffix: str, layout: str) -> None:
    source = tmp_path / "in.m2ts"
    written = _film(source, [layout], codec="pcm_bluray", video="libx264")
    assert inspect(source).codecs[1] == "pcm_bluray"
    output = tmp_path / f"out{suffix}"
    notes = colorize(source, output).notes
    assert notes == [
        "stream 1 (audio, pcm_bluray) is written as pcm_s16le: the same samples in a form that the"
        " container holds"
    ]
    assert np.array_equal(_samples(output), written[0][0])
    first = [inspect(path).starts[1] - inspect(path).frames[0] for path in (source, output)]
    assert abs(first[0] - first[1]) < Fraction(1, 1000), "as far from the picture as before"


@pytest.mark.parametrize("suffix", [".mkv", ".mov", ".mp4", ".m2ts"])
def test_sound_of_dvd_keeps_its_samples(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "in.vob"
    written = _film(source, ["stereo"], codec="pcm_dvd", container="vob")
    index, codec = next(
        (n, codec) for n, codec in enumerate(inspect(source).codecs) if codec.startswith("pcm")
    )
    assert codec == "pcm_dvd" and default_output(source, "video").suffix == ".mp4"
    output = tmp_path / f"out{suffix}"
    target = "pcm_bluray" if suffix == ".m2ts" else "pcm_s16le"
    notes = colorize(source, output).notes
    assert any(f"stream {index} (audio, pcm_dvd) is written as {target}" in note for note in notes)
    found = _samples(output)
    # the last samples don't fill a packet of a DVD: its muxer leaves them out
    assert len(found) > 0.9 * written[0].size
    assert np.array_equal(found, written[0][0][: len(found)])
    assert np.array_equal(found, _samples(source))


@pytest.mark.parametrize("suffix", [".m2ts", ".mts"])
def test_sound_of_blu_ray_is_copied_where_discs_have_it(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "in.m2ts"
    _film(source, ["stereo"], codec="pcm_bluray", video="libx264")
    output = tmp_path / f"out{suffix}"
    assert not any("pcm" in note for note in colorize(source, output).notes)
    assert inspect(output).packets == inspect(source).packets
    data = output.read_bytes()
    assert len(data) % 192 == 0 and data[4] == data[196] == 0x47, "packets with their time, as it"


def test_what_holds_no_pcm_says_what_does(tmp_path: Path) -> None:
    source = tmp_path / "in.m2ts"
    _film(source, ["stereo"], codec="pcm_bluray", video="libx264")
    for suffix, preset in ((".ts", "ultrafast"), (".webm", "8")):
        notes = colorize(source, tmp_path / f"out{suffix}", EncodeSettings(preset=preset)).notes
        assert any("pcm_bluray) is left out" in note and ".mkv can" in note for note in notes)


def _dvd_block(samples: npt.NDArray[np.int32], bits: int) -> bytes:
    """LPCM of a DVD without the pack headers: 2 channels at 48 kHz of 16 or 24 bits.

    24 bits come in groups of two samples of each channel: first the upper 16 bits of all four,
    then the lower 8.
    """
    header = bytes([0, {16: 0, 24: 2}[bits] << 6 | 0 << 4 | 1, 0x80])
    if bits == 16:
        return header + (samples >> 16).astype(">i2").tobytes()
    groups = samples.reshape(-1, 4)
    upper = (groups >> 16).astype(">i2").reshape(len(groups), 4).view(np.uint8)
    lower = (groups >> 8 & 0xFF).astype(np.uint8)
    return header + np.hstack([upper.reshape(len(groups), 8), lower]).tobytes()


@pytest.mark.parametrize("bits", [16, 24])
def test_each_bit_of_a_dvd_s_samples_is_kept(bits: int) -> None:
    """Libav's encoder writes 16 bits only; here packets are made by the book."""
    from vidcolor.media.write.pcm import PcmRecoder

    whole = np.random.default_rng(2).integers(-(1 << 31), 1 << 31, 3840, np.int64)
    samples = (whole >> (32 - bits) << (32 - bits)).astype(np.int32)
    decoder = av.CodecContext.create("pcm_dvd", "r")
    decoder.sample_rate, decoder.layout = _RATE, "stereo"  # type: ignore[union-attr]
    decoder.format = "s16" if bits == 16 else "s32"  # type: ignore[union-attr]

    class Disc:
        codec_context = decoder

    with av.open(io.BytesIO(), "w", format="matroska") as output:
        recoder = PcmRecoder(output, Disc(), f"pcm_s{bits}le")  # type: ignore[arg-type]
        output.start_encoding()
        made = b""
        for number in range(4):
            block = samples[number * 960 : (number + 1) * 960]
            packet: Packet[Any] = Packet(_dvd_block(block, bits))
            packet.pts, packet.time_base = number * 900, Fraction(1, 90000)
            parts = recoder.recode(packet)
            assert [p.pts * p.time_base * _RATE for p in parts] == [number * 480]
            made += b"".join(map(bytes, parts))
    if bits == 16:
        assert np.array_equal(np.frombuffer(made, "<i2"), samples >> 16)
    else:
        bytes_of = np.frombuffer(made, np.uint8).reshape(-1, 3).astype(np.int32)
        codes = bytes_of[:, 0] << 8 | bytes_of[:, 1] << 16 | bytes_of[:, 2] << 24
        assert np.array_equal(codes, samples)


def _enabled(path: Path) -> list[bool]:
    """The "track enabled" flag of each track header, in order (ISO 14496-12, 8.3.2)."""
    data, found, at = path.read_bytes(), [], 0
    while (at := data.find(b"tkhd", at + 1)) > 0:
        found.append(bool(data[at + 7] & 1))
    return found


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_all_channels_of_mxf_are_enabled(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / "in.mxf"
    _film(source, ["mono"] * 8, time_code="10:20:30:05")
    output = tmp_path / f"out{suffix}"
    assert colorize(source, output).notes == [], "the time code's track is written"
    assert _enabled(output)[:9] == [True] * 9
    assert inspect(output).video_metadata["timecode"] == "10:20:30:05"


def test_tracks_to_choose_from_stay_so(tmp_path: Path) -> None:
    languages = make_clip(tmp_path / "in.mp4", languages=("eng", "deu", "fra"))
    assert colorize(languages, tmp_path / "a.mov").notes == []
    assert _enabled(tmp_path / "a.mov") == _enabled(languages) == [True, True, False, False]
    named = tmp_path / "named.avi"
    _film(named, ["mono", "mono"], languages=["eng", "deu"], container="mov")
    colorize(named, tmp_path / "b.mov")
    assert sum(_enabled(tmp_path / "b.mov")) == 2


def test_equal_stamps_stay_equal_where_the_container_takes_them(tmp_path: Path) -> None:
    """Layers of one sign: the last of eighty came 79 ms late."""
    source = tmp_path / "in.mkv"
    with av.open(str(make_clip(tmp_path / "plain.mkv"))) as plain, av.open(str(source), "w") as out:
        video = out.add_stream_from_template(plain.streams.video[0])
        text = out.add_mux_stream("subrip")
        text.time_base = Fraction(1, 1000)
        out.start_encoding()
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = video
                out.mux(packet)
        for number in range(80):
            packet = Packet(b"layer %d" % number)
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = 200 if number < 79 else 300
            packet.duration = 100
            out.mux(packet)
    output = tmp_path / "out.mkv"
    colorize(source, output)

    def stamps(path: Path) -> list[tuple[int | None, bytes]]:
        with av.open(str(path)) as file:
            return [(p.pts, bytes(p)) for p in file.demux(subtitles=0) if p.size]

    assert stamps(output) == stamps(source)


@pytest.mark.parametrize(
    ("kind", "code", "written", "lost"),
    [
        ("GOP_TIMECODE", (10, 20, 30, 5, 0), ["10:20:30:05"], False),
        ("GOP_TIMECODE", (10, 20, 30, 5, 1), ["10:20:30;05"], False),
        ("GOP_TIMECODE", (10, 20, 30, 5, 0), ["01:00:00:00"], True),
        ("GOP_TIMECODE", (10, 20, 30, 5, 0), [], True),
        ("GOP_TIMECODE", (0, 0, 0, 1, 0), ["01:00:00:00"], False),
        ("S12M_TIMECODE", (10, 20, 30, 5, 0), ["10:20:30:05"], False),
        ("S12M_TIMECODE", (23, 59, 59, 24, 0), ["10:20:30:05"], True),
    ],
)
def test_a_time_code_in_the_picture_is_lost_only_where_it_says_something_else(
    kind: str, code: tuple[int, ...], written: list[str], lost: bool
) -> None:
    hours, minutes, seconds, frames, drops = code
    if kind == "GOP_TIMECODE":
        value = drops << 24 | hours << 19 | minutes << 13 | seconds << 6 | frames
        data = struct.pack("=q", value)
    else:
        decimals = [(n // 10) << 4 | n % 10 for n in (hours, minutes, seconds, frames)]
        value = sum(each << (8 * at) for at, each in enumerate(decimals)) | drops << 30
        data = struct.pack("=4I", 1, value, 0, 0)
    notes = time_code_losses([SideDatum(kind, data)], written)
    assert len(notes) == lost
    assert not lost or f"{hours:02}:{minutes:02}:{seconds:02}" in notes[0]


@pytest.mark.parametrize("name", ["pcm16_stereo.avi", "lpcm.m2ts", "ass_80_layers.mkv"])
def test_files_of_the_field_keep_everything(tmp_path: Path, name: str) -> None:
    source = Path(__file__).resolve().parents[3] / "../shared/field" / name
    if not source.exists():
        pytest.skip("../shared/field isn't there: this test needs files from practice")
    suffix = default_output(source, "video").suffix
    output = tmp_path / f"out{suffix}"
    notes = colorize(source, output, FAST).notes
    assert not any("left out" in note for note in notes)
    before, after = inspect(source), inspect(output)
    assert before.packets == after.packets
    with av.open(str(source)) as old, av.open(str(output)) as new:
        if old.streams.subtitles:
            times = [
                {p.pts * p.time_base for p in f.demux(subtitles=0) if p.size} for f in (old, new)
            ]
            assert times[0] == times[1]
