"""Stamps and spans."""

from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path

import av
import pytest
from read_helpers import frames_of, moving_luma, split, write_clip

from vidcolor.errors import InputError, OptionError
from vidcolor.media.open import open_source
from vidcolor.media.read.packets.container import _BUFFER_BYTES
from vidcolor.media.read.packets.stamps import Span, StampFiller, exact_seconds
from vidcolor.media.read.packets.timeline import StrayStamps
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

IRREGULAR = [0, 3, 4, 9, 10, 20, 21, 22, 40, 41, 57, 58]


def test_irregular_stamps_survive_b_frames(tmp_path: Path) -> None:
    """VFR, offset start, and reordering: each frame keeps its own stamp and its own picture."""
    stamps = [7 + 10 * stamp for stamp in IRREGULAR]
    path = write_clip(
        tmp_path / "vfr.mkv",
        frames=len(stamps),
        codec="libx264",
        stamps=stamps,
        time_base=Fraction(1, 1000),
        options={"bf": "3", "qp": "0"},
        pix_fmt="yuv420p",
    )
    with open_source(path) as reader:
        frames = frames_of(reader)
    assert [frame.pts for frame in frames] == stamps
    for index, frame in enumerate(frames):
        assert (frame.luma == moving_luma(index)).all()


def test_filler() -> None:
    """Missing stamps follow the rate without drift; repeats move by one unit; none goes back."""
    filler = StampFiller(Fraction(1, 1000), Fraction(30))
    assert [filler.place(None, None, 0) for _ in range(4)] == [0, 33, 67, 100]
    filler = StampFiller(Fraction(1, 1000), Fraction(25))
    places = [filler.place(pts, None, 40) for pts in (100, 140, 140, 180, 150, 260)]
    assert places == [100, 140, 141, 180, 220, 260]
    assert filler.nudged == 2


def test_span_offset_is_exact_in_all_time_bases() -> None:
    """90 kHz video and 44.1 kHz sound move by the same time, to the last tick."""
    bases = [Fraction(1, 90000), Fraction(1, 44100)]
    span = Span(origin=Fraction(0), start=Fraction("1.2345"), end=None, time_bases=bases)
    assert 0 <= Fraction("1.2345") - span.offset < Fraction(1, 10)
    for base in bases:
        assert (span.offset / base).denominator == 1


def test_span_offset_is_exact_in_the_coarsest_time_base() -> None:
    """An AVI's frames and MP3 packets meet too rarely: the frames decide."""
    bases = [Fraction(1001, 24000), Fraction(24, 1000)]
    span = Span(origin=Fraction(0), start=Fraction(1), end=None, time_bases=bases)
    assert span.offset == 23 * bases[0]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds with sound, a key frame every 2 s, B-frames."""
    path = tmp_path_factory.mktemp("span") / "film.mp4"
    return write_clip(path, frames=200, audio_s=8.0, options={"g": "50", "bf": "2"})


@pytest.mark.parametrize(("start", "end"), [(None, 1.0), (3.3, None), (3.3, 5.1), (0.04, 0.08)])
def test_span(film: Path, start: float | None, end: float | None) -> None:
    """Exactly the frames with start <= t < end, shifted like the sound, which keeps its sync."""
    with open_source(film) as whole:
        all_frames, all_packets = split(whole)
    low, high = -1e9 if start is None else start, end or 1e9
    wanted = [frame for frame in all_frames if low - 1e-6 <= frame.seconds < high - 1e-6]
    with open_source(film, ReadSettings(start_s=start, end_s=end)) as reader:
        frames, packets = split(reader)
        offset = reader.time_offset_s
        expected = reader.expected_frames
    assert [frame.pts * frame.time_base + offset for frame in frames] == [
        frame.pts * frame.time_base for frame in wanted
    ]
    assert all((a.luma == b.luma).all() for a, b in zip(frames, wanted, strict=True))
    assert frames[0].seconds < 0.2
    assert expected is not None and abs(expected - len(frames)) <= 1
    kept = [p for p in all_packets if low - 1e-6 <= p.pts * p.time_base < high - 1e-6]
    assert [bytes(p) for p in packets] == [bytes(p) for p in kept]
    assert [p.pts * p.time_base + offset for p in packets] == [p.pts * p.time_base for p in kept]


@pytest.mark.parametrize("suffix", ["ts", "mkv", "avi", "mpg", "h264"])
def test_span_in_other_containers(tmp_path: Path, suffix: str) -> None:
    """Seeking lands late in some of them, and is impossible in raw streams: same frames anyhow."""
    codec = "mpeg2video" if suffix == "mpg" else "mpeg4" if suffix == "avi" else "libx264"
    path = write_clip(tmp_path / f"a.{suffix}", frames=120, codec=codec, options={"g": "40"})
    with open_source(path) as whole:
        origin = Fraction(str(whole.info.start_s))
        wanted = [
            (frame.pts * frame.time_base, frame.luma.tobytes())
            for frame in frames_of(whole)
            if 2.2 - 1e-6 <= frame.pts * frame.time_base - origin < 3 - 1e-6
        ]
    with open_source(path, ReadSettings(start_s=2.2, end_s=3)) as reader:
        offset = reader.time_offset_s
        got = [
            (frame.pts * frame.time_base + offset, frame.luma.tobytes())
            for frame in frames_of(reader)
        ]
    assert got == wanted
    assert len(got) == 20


def test_span_on_a_pipe(film: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Standard input can't seek: the same frames come out by decoding and dropping."""
    mkv = tmp_path / "film.mkv"
    with av.open(str(film)) as source, av.open(str(mkv), "w") as output:
        streams = {s.index: output.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    with open_source(mkv, ReadSettings(start_s=3.3, end_s=4.0)) as reader:
        seeked = [(frame.pts, frame.luma.tobytes()) for frame in frames_of(reader)]
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as pipe:
        _feed(write_end, mkv.read_bytes())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        with open_source("-", ReadSettings(start_s=3.3, end_s=4.0)) as reader:
            piped = [(frame.pts, frame.luma.tobytes()) for frame in frames_of(reader)]
    assert piped == seeked
    assert len(piped) == 18


def test_mp4_with_its_index_behind_on_a_pipe(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The usual MP4 can't be read from a pipe; that, not damage, is what is said."""
    # libav can go back within what it keeps of a pipe; half of it more has no doubt.
    clip = write_clip(tmp_path / "a.mp4", size=(960, 640), options={"crf": "0"}, frames=40)
    data = clip.read_bytes()
    assert data.index(b"moov") > 1.5 * _BUFFER_BYTES
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as pipe:
        _feed(write_end, data)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe))
        with pytest.raises(InputError, match=r"from a pipe, MP4 must be fragmented.*MKV"):
            open_source("-")


def _feed(descriptor: int, data: bytes) -> None:
    """Write into a pipe from another process, whose death at a closed pipe is no matter."""
    if os.fork() == 0:
        try:
            with os.fdopen(descriptor, "wb") as target:
                target.write(data)
        finally:
            os._exit(0)
    os.close(descriptor)


def test_span_outside(film: Path) -> None:
    """A start behind the end of the film is said; an empty span is a usage error."""
    with pytest.raises(InputError, match="no frame at or after 100 s"):
        open_source(film, ReadSettings(start_s=100))
    with pytest.raises(OptionError, match="^end_s must"):
        open_source(film, ReadSettings(start_s=5, end_s=5))
    with pytest.raises(OptionError, match="^start_s can"):
        open_source(film, ReadSettings(start_s=-1))


def test_end_stops_reading(film: Path) -> None:
    """Nothing far behind the end is read, so long films end at once."""
    with open_source(film, ReadSettings(end_s=1.0)) as reader:
        last = max(float(p.pts * p.time_base) for p in split(reader)[1])
        position = reader.template.streams[0].container.size
    assert last < 1.0
    assert position == film.stat().st_size


def test_subtitle_that_shows_at_the_start_begins_there() -> None:
    """A caption of 2..6 s, cut at 5 s, shows for one second."""
    span = Span(
        origin=Fraction(0), start=Fraction(5), end=Fraction(8), time_bases=[Fraction(1, 1000)]
    )

    class Stream:
        type = "subtitle"
        disposition = 0

    class Packet:
        stream = Stream()
        pts, dts, duration, time_base = 2000, 2000, 4000, Fraction(1, 1000)

    packet = Packet()
    assert span.admit(packet)  # type: ignore[arg-type]
    assert (packet.pts, packet.duration) == (0, 1000)


def test_joined_recordings(tmp_path: Path) -> None:
    """Two transport streams in one file: the second's stamps go on where the first's end."""
    one = write_clip(tmp_path / "a.ts", frames=50, audio_s=2.0).read_bytes()
    path = tmp_path / "joined.ts"
    path.write_bytes(one + one)
    with open_source(path) as reader:
        frames, packets = split(reader)
        assert any("time line" in line for line in reader.status.warnings)
    assert len(frames) == 100
    steps = [b.seconds - a.seconds for a, b in zip(frames, frames[1:], strict=False)]
    assert min(steps) > 0
    assert max(steps) < 0.2  # the sound outlasts the picture a little
    stamps = [packet.dts for packet in packets]
    assert stamps == sorted(set(stamps))


def _joined(path: Path, *, rate: int, seconds: int, sound_s: float) -> Path:
    """A transport stream twice, its sound first in the file: the picture before is cut late."""
    film = write_clip(path.with_suffix(".mp4"), frames=rate * seconds, rate=rate, audio_s=sound_s,
                      time_base=Fraction(1, rate), options={"bf": "0"})  # fmt: skip
    with av.open(str(film)) as source, av.open(str(path), "w") as output:
        streams = {s.index: output.add_stream_from_template(s) for s in source.streams}
        packets = [packet for packet in source.demux() if packet.size and packet.dts is not None]
        for packet in packets:
            if packet.stream.type == "video" and packet.pts is not None and packet.dts is not None:
                packet.pts = packet.dts = packet.dts + round(Fraction(1, 20) / packet.time_base)
        for packet in sorted(packets, key=lambda p: (p.dts or 0) * p.time_base):
            packet.stream = streams[packet.stream.index]
            output.mux(packet)
    path.write_bytes(2 * path.read_bytes())
    return path


@pytest.mark.parametrize(
    ("rate", "seconds", "sound_s"),
    [
        (25, 5, 5.0),
        (8, 3, 3.0),  # within 16 pictures the second's stamps reach the end of the first's
        (8, 3, 2.5),  # the picture ends last, and its last is still to come
    ],
)
def test_joined_where_the_sound_comes_first(
    tmp_path: Path, rate: int, seconds: int, sound_s: float
) -> None:
    """The last picture of the first part, which comes late, isn't moved, nor counted as a jump."""
    path = _joined(tmp_path / "a.ts", rate=rate, seconds=seconds, sound_s=sound_s)
    with open_source(path) as reader:
        frames, packets = split(reader)
        assert reader.status.warnings == ["the time line is broken in 1 place(s): joined"]
    assert len(frames) == 2 * rate * seconds
    steps = [b.seconds - a.seconds for a, b in zip(frames, frames[1:], strict=False)]
    assert min(steps) > 0
    assert max(steps) < 1 / rate + 0.2
    half, sound = len(frames) // 2, packets[len(packets) // 2]
    late = [frames[n].seconds - float(p.pts * p.time_base) for n, p in
            ((0, packets[0]), (half, sound))]  # fmt: skip
    assert late[1] == pytest.approx(late[0], abs=0.001)


def test_matroska_that_starts_late_is_as_long_as_it_is(tmp_path: Path) -> None:
    """The length that libav gives is the time of its end: 100.8 s, and 2520 frames, for 20."""
    unit = Fraction(1, 1000)
    stamps = [100_000 + 40 * n for n in range(20)]
    path = write_clip(tmp_path / "a.mkv", stamps=stamps, time_base=unit)
    with open_source(path) as reader:
        assert (reader.info.start_s, reader.info.duration_s) == (100.0, 0.8)
        assert reader.info.frames == reader.expected_frames == len(frames_of(reader)) == 20
        assert not reader.status.warnings
    with open_source(path, ReadSettings(start_s=0.4)) as reader:
        assert reader.expected_frames == len(frames_of(reader)) == 10


def test_seconds_to_the_microsecond() -> None:
    """Floats from the command line don't drag binary fractions along."""
    assert exact_seconds(0.1) == Fraction(1, 10)
    assert exact_seconds(None) is None


def test_durations_are_carried(tmp_path: Path) -> None:
    """The writer needs them for the last frame."""
    with open_source(write_clip(tmp_path / "a.mp4")) as reader:
        frames = frames_of(reader)
    assert isinstance(frames[0], LumaFrame)
    assert {frame.duration * frame.time_base for frame in frames} == {Fraction(1, 25)}


def _slides(folder: Path) -> Path:
    """Frames at 0, 12, 30 and 31 s, reordered: the file's durations are those of decoding."""
    return write_clip(
        folder / "slides.mp4",
        frames=4,
        stamps=[0, 300, 750, 775],
        options={"bf": "2", "b-adapt": "0", "preset": "ultrafast"},
    )


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        (None, None, [12, 18, 1, Fraction(1, 25)]),
        (None, 30.5, [12, 18, Fraction(1, 2)]),
        (None, 31.02, [12, 18, 1, Fraction(1, 50)]),
        (5.0, 20.0, [8]),
        (29.0, None, [1, Fraction(1, 25)]),
    ],
)
def test_a_frame_lasts_until_the_next_is_shown(
    tmp_path: Path, start: float | None, end: float | None, seconds: list[Fraction]
) -> None:
    """MP4 lets frames last until the next is decoded, which made the last of these 18 s long."""
    path = _slides(tmp_path)
    with av.open(str(path)) as container:
        told = [p.duration for p in container.demux(video=0) if p.duration]
    with open_source(path, ReadSettings(start_s=start, end_s=end)) as reader:
        frames = frames_of(reader)
    assert max(told) * Fraction(1, 12800) == 18
    assert [frame.duration * frame.time_base for frame in frames] == seconds


def _blanked(data: bytes, begin: int, end: int) -> bytes:
    """The same with zeros between."""
    return data[:begin] + bytes(end - begin) + data[end:]


def test_a_film_that_is_cut_off_has_no_long_last_frame(tmp_path: Path) -> None:
    """Its header's end is that of the whole film."""
    options = {"bf": "2", "g": "10"}
    whole = write_clip(tmp_path / "a.mov", frames=100, options=options | {"crf": "1"})
    with av.open(str(whole)) as source:
        places = [packet.pos or 0 for packet in source.demux(video=0) if packet.size]
    path = tmp_path / "b.mov"
    moov_last = whole.read_bytes()
    path.write_bytes(_blanked(moov_last, places[50], moov_last.rindex(b"moov") - 4))
    with open_source(path) as reader:
        frames = frames_of(reader)
    assert 20 < len(frames) < 100
    assert frames[-1].duration * frames[-1].time_base <= Fraction(1, 10)


def _flip_in_sound(path: Path, number: int, offset: int, bits: int) -> None:
    """Flip bits of one of a transport stream's sound packets, counted from its PES header."""
    data = bytearray(path.read_bytes())
    place = -1
    for _ in range(number + 1):
        place = data.index(b"\0\0\1\xc0", place + 1)
    data[place + offset] ^= bits
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "bits"),
    [(10, 0x20), (10, 0x80), (10, 0x01), (11, 0x20), (11, 0x10)],
    ids=["25 minutes", "99 minutes", "47 s", "6 s", "3 s"],
)
def test_one_damaged_stamp_moves_nothing_else(tmp_path: Path, offset: int, bits: int) -> None:
    """A flipped bit in one stamp of the sound moved all later frames by 25 minutes."""
    path = write_clip(tmp_path / "a.ts", frames=50, audio_s=2.0)
    with open_source(path) as reader:
        frames, packets = split(reader)
        assert not reader.status.warnings
    _flip_in_sound(path, 5, offset, bits)
    with open_source(path) as reader:
        damaged_frames, damaged_packets = split(reader)
        (warning,) = reader.status.warnings
    assert "1 stamp(s) were far from their neighbours'" in warning
    assert [frame.pts for frame in damaged_frames] == [frame.pts for frame in frames]
    assert [packet.dts for packet in damaged_packets] == [packet.dts for packet in packets]


@pytest.mark.parametrize("away", [-10_000_000, 10_000_000])  # 111 s
def test_a_run_of_stray_stamps(tmp_path: Path, away: int) -> None:
    """One stamp of a transport stream may be that of several sounds."""
    path = write_clip(tmp_path / "a.ts", frames=50, audio_s=2.0)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux() if packet.size]
        wanted = [(packet.pts, packet.dts) for packet in packets]
        sound = [packet for packet in packets if packet.stream.type == "audio"]
        for packet in sound[20:27]:
            assert packet.dts is not None
            packet.pts = packet.dts = packet.dts + away
        strays = StrayStamps()
        assert [(p.pts, p.dts) for p in strays.mend(iter(packets))] == wanted
    assert strays.mended == 7


def test_a_true_jump_is_no_stray(tmp_path: Path) -> None:
    """After a gap of a minute the stamps go on from there: that gap is kept."""
    stamps = [*range(10), *range(1510, 1520)]
    path = write_clip(tmp_path / "a.mkv", stamps=stamps)
    with open_source(path) as reader:
        frames, _ = split(reader)
        assert not reader.status.warnings
    assert [round(frame.seconds * 25) for frame in frames] == stamps
