"""Stamps: every frame keeps its own, and sound stays where it was."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from write_helpers import FAST, colorize, inspect, make_clip

from vidcolor.errors import StreamLossError
from vidcolor.media.write.tags import later
from vidcolor.types import EncodeSettings

MILLISECOND = Fraction(1, 1000)
VFR = [0, 1, 2, 5, 6, 9, 10, 11, 17, 18, 19, 30]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    "time_base",
    [
        Fraction(1, 90000),
        Fraction(1, 600),
        Fraction(1001, 30000),
        Fraction(1, 1000),
        Fraction(1, 15360),
    ],
    ids=str,
)
def test_variable_frame_rate_and_a_late_start_survive(
    tmp_path: Path, suffix: str, time_base: Fraction
) -> None:
    step = max(1, round(Fraction(1, 25) / time_base))
    pts = [(7 + n) * step + (n % 2 if step > 4 else 0) for n in VFR]
    source = make_clip(tmp_path / f"in{suffix}", pts=pts, time_base=time_base)
    colorize(source, tmp_path / f"out{suffix}")
    before, after = inspect(source), inspect(tmp_path / f"out{suffix}")
    assert after.frames == before.frames  # the same container: not even rounding differs
    assert before.frames[0] > 0


def test_b_frames_and_stamps_in_every_encoder(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", pts=[n * 40 + 333 for n in VFR], time_base=MILLISECOND)
    wanted = inspect(source).frames
    codecs = {"libx264": "ultrafast", "libx265": "ultrafast", "libsvtav1": "12", "libvpx-vp9": "8"}
    for codec, preset in codecs.items():
        output = tmp_path / f"{codec}.mkv"
        colorize(source, output, EncodeSettings(video_codec=codec, preset=preset))
        assert inspect(output).frames == wanted, codec
    for codec in ("ffv1", "prores_ks"):
        output = tmp_path / f"{codec}.mkv"
        colorize(source, output, EncodeSettings(video_codec=codec))
        assert inspect(output).frames == wanted, codec


def test_the_default_preset_reorders_frames_and_keeps_their_stamps(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=VFR)
    colorize(source, tmp_path / "out.mp4", EncodeSettings())
    assert inspect(tmp_path / "out.mp4").frames == inspect(source).frames


def test_one_frame_a_second_in_whole_seconds(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", pts=[0, 1, 2, 7], time_base=Fraction(1))
    for name in ("out.mp4", "out.webm"):
        settings = EncodeSettings(preset="8") if name.endswith("webm") else FAST
        colorize(source, tmp_path / name, settings)
        assert inspect(tmp_path / name).frames == [0, 1, 2, 7]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts"])
def test_sound_keeps_its_distance_to_the_picture(tmp_path: Path, suffix: str) -> None:
    source = make_clip(
        tmp_path / "in.mp4",
        pts=[12345 + 3003 * n for n in range(10)],
        time_base=Fraction(1, 90000),
        languages=("eng", "fra"),
        audio_start=Fraction(1, 3),
    )
    before = inspect(source)
    output = tmp_path / f"out{suffix}"
    colorize(source, output)
    after = inspect(output)
    # Matroska has milliseconds and TS 1/90000 s, each of the two stamps is rounded once
    slack = {".mkv": MILLISECOND, ".ts": Fraction(1, 45000)}.get(suffix, Fraction(0))
    for index in (1, 2):
        old = before.starts[index] - before.frames[0]
        new = after.starts[index] - after.frames[0]
        assert abs(new - old) <= slack


def test_what_begins_before_zero_moves_all_streams_together(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "in.mp4", languages=("eng",)
    )  # AAC priming: 1024 samples before 0
    before = inspect(source)
    assert before.starts[1] == Fraction(-1024, 48000)
    colorize(source, tmp_path / "same.mp4")
    same = inspect(tmp_path / "same.mp4")
    assert (same.starts[1], same.frames) == (before.starts[1], before.frames)
    writer = colorize(source, tmp_path / "out.mkv")
    after = inspect(tmp_path / "out.mkv")
    assert abs((after.starts[1] - after.frames[0]) - before.starts[1]) <= MILLISECOND
    assert any("before zero" in note for note in writer.notes)


def test_the_last_frame_keeps_its_duration(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0, 1, 2, 10])
    colorize(source, tmp_path / "out.mp4")
    assert inspect(tmp_path / "out.mp4").last_duration == inspect(source).last_duration


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_reordered_frames_of_any_length_keep_the_film_s_length(tmp_path: Path, suffix: str) -> None:
    """The durations of an MP4 are those of decoding: 31 s became 49 s."""
    reordered = {"preset": "ultrafast", "bf": "2", "b-adapt": "0"}
    source = make_clip(tmp_path / "in.mp4", pts=[0, 300, 750, 775], options=reordered)
    output = tmp_path / f"out{suffix}"
    colorize(source, output)
    assert inspect(output).last_duration == Fraction(1, 25)
    with av.open(str(output)) as file:
        assert file.duration == 31_040_000


def test_cut_at_both_ends(tmp_path: Path) -> None:
    chapters = [
        {"id": 1, "start": 0, "end": 1000, "time_base": MILLISECOND, "metadata": {"title": "one"}},
        {
            "id": 2,
            "start": 1000,
            "end": 2000,
            "time_base": MILLISECOND,
            "metadata": {"title": "two"},
        },
        {
            "id": 3,
            "start": 2000,
            "end": 3000,
            "time_base": MILLISECOND,
            "metadata": {"title": "three"},
        },
    ]
    source = make_clip(tmp_path / "in.mkv", pts=list(range(75)), chapters=chapters)
    colorize(source, tmp_path / "out.mkv", start_s=0.4, end_s=1.6)
    after = inspect(tmp_path / "out.mkv")
    assert len(after.frames) == 30
    assert after.frames[0] == 0
    assert after.chapters == [
        (Fraction(0), Fraction(6, 10), "one"),
        (Fraction(6, 10), Fraction(12, 10), "two"),
    ]


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (None, 0.2, [(100, 100)]),
        (None, 0.4, [(100, 150), (300, 100)]),
        (0.12, 0.2, [(0, 80)]),
    ],
)
def test_captions_end_with_the_span(
    tmp_path: Path, start: float | None, end: float, shown: list[tuple[int, int]]
) -> None:
    """Two of 150 ms, at 100 and 300 ms: they went on behind --end, and so did the file."""
    source = make_clip(tmp_path / "in.mkv", subtitle=("subrip", b"a caption"))
    output = tmp_path / "out.mkv"
    colorize(source, output, start_s=start, end_s=end)
    with av.open(str(output)) as file:
        packets = [p for p in file.demux(subtitles=0) if p.size]
        assert [(p.pts, p.duration) for p in packets] == shown


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
@pytest.mark.parametrize("container", [".mov", ".mkv"])
def test_a_time_code_begins_with_the_span(tmp_path: Path, container: str, suffix: str) -> None:
    """The first frame of the output has the code that it had in the film."""
    source = make_clip(
        tmp_path / f"in{container}",
        metadata={"timecode": "10:00:00:00"},
        video_metadata={"timecode": "10:00:00:00"},
        languages=("eng",),
    )
    output = tmp_path / f"out{suffix}"
    for start, code in ((None, "10:00:00:00"), (0.2, "10:00:00:05"), (0.19, "10:00:00:05")):
        writer = colorize(source, output, start_s=start)
        after = inspect(output)
        assert {after.video_metadata["timecode"], after.metadata.get("timecode", code)} == {code}
        assert not any("time code" in note for note in writer.notes)


def test_a_time_code_counts_a_frame_that_no_offset_shows(tmp_path: Path) -> None:
    """Offsets are whole in the film's coarsest unit, here a frame; the frames after it aren't."""
    source = make_clip(
        tmp_path / "in.avi", codec="mpeg4", options={}, audio_codec="mp2", languages=("eng",),
        metadata={"timecode": "10:00:00:00"},
    )  # fmt: skip
    colorize(source, tmp_path / "out.mov", start_s=0.02)
    assert inspect(tmp_path / "out.mov").video_metadata["timecode"] == "10:00:00:01"


def test_a_time_code_of_no_constant_rate_is_left_out_of_a_span(tmp_path: Path) -> None:
    """It can't be counted on; that is said, and refused with --strict."""
    code = {"timecode": "10:00:00:00"}
    source = make_clip(tmp_path / "in.mov", pts=VFR, video_metadata=code)
    output = tmp_path / "out.mov"
    writer = colorize(source, output, start_s=0.2)
    assert [note for note in writer.notes if "time code 10:00:00:00 can't be moved" in note]
    assert "timecode" not in inspect(output).video_metadata
    with pytest.raises(StreamLossError, match="time code"):
        colorize(source, output, EncodeSettings(strict=True), start_s=0.2)


@pytest.mark.parametrize(
    ("code", "frames", "rate", "wanted"),
    [
        ("10:00:00:00", 5, Fraction(25), "10:00:00:05"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("01:00:59:29", 1, Fraction(30000, 1001), "01:01:00:00"),
        ("00:59:59;28", 2, Fraction(30000, 1001), "01:00:00;00"),
        ("00:00:59;29", 1, Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", 1, Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:59;59", 1, Fraction(60000, 1001), "00:01:00;04"),
        ("00:00:00;00", 30 * 3600 * 24 - 2592, Fraction(30000, 1001), "00:00:00;00"),
        ("00:00:00;00", 107892, Fraction(30000, 1001), "01:00:00;00"),
        ("01:00:00:0", 6, Fraction(5), "01:00:01:1"),
        ("10:00:00;00", 5, Fraction(25), None),
        ("10:00:00:29", 5, Fraction(25), None),
        ("reel 3", 5, Fraction(25), None),
    ],
)
def test_time_codes_are_counted(code: str, frames: int, rate: Fraction, wanted: str | None) -> None:
    """Drop-frame codes leave out numbers in each minute, but not in every tenth."""
    assert later(code, frames, rate) == wanted


@pytest.mark.parametrize("frames", [1, 2])
def test_films_of_one_or_two_frames_have_decoding_times(tmp_path: Path, frames: int) -> None:
    """x265 returns uninitialized memory for them; several films, since it is often right."""
    source = make_clip(tmp_path / "in.mp4", pts=list(range(frames)))
    settings = EncodeSettings(video_codec="libx265", preset="ultrafast")
    results = set()
    for number in range(8):
        output = tmp_path / f"out{number}.mp4"
        colorize(source, output, settings)
        with av.open(str(output)) as file:
            stamps = [(p.pts, p.dts) for p in file.demux(video=0) if p.size]
        assert len(stamps) == frames and all(pts == dts for pts, dts in stamps)
        results.add(output.read_bytes())
    assert len(results) == 1
