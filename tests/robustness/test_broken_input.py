"""Broken media: a fixed small part of ``checks/survive/mutations.py``, and what it has found."""

from __future__ import annotations

import argparse
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from robust_helpers import Run, frames_in, make_film, make_photo, names_in
from shared.small_clips import make_sources
from survive import mutations
from survive.lies import header_lies
from survive.mutate import mutations_of
from survive.mutation_worker import stamps_of
from survive.workers import Worker

from vidcolor.media.open import open_source, sniff
from vidcolor.media.still.read import read_still
from vidcolor.media.write.encoder import choose_rate
from vidcolor.types import LumaFrame


def test_a_fixed_part_of_the_mutations(tmp_path: Path) -> None:
    """A few broken files of all; the worker's memory is bounded, its time too."""
    sources = make_sources(tmp_path / "made")
    assert len(sources) >= 20  # no encoder of the common ones is missing
    args = argparse.Namespace(
        mutation="*", seed=11, skip=0, count=30, keep=None, extra=["--stabilize", "ema"]
    )
    with Worker(tmp_path / "scratch", timeout_s=30, bound_mb=mutations.BOUND_MB) as worker:
        rows = [
            mutations.run_case(worker, case, tmp_path, args)
            for case in mutations.cases_of(sources, args)
        ]
    assert [mutations.summary(row) for row in rows if not mutations.good(row)] == []
    assert sum(row["outcome"] == "ok" for row in rows) >= 10  # the runner itself works


def test_mutations_are_repeatable(photo: Path) -> None:
    data = photo.read_bytes()
    for mutation in mutations_of(photo, data):
        first, second = (mutation.apply(data, seed=3, source="x") for _ in range(2))
        assert first == second
        if not mutation.name.startswith("flips"):  # another seed is another file
            continue
        assert mutation.apply(data, seed=4, source="x") != first


def test_a_runner_that_meets_a_fault_says_so() -> None:
    """What judges must be able to find guilty."""
    fine: dict[str, Any] = {
        "said": "", "peak_mb": 1.0, "exit": 0, "made": ["a"], "of_photo": False,
        "truth": {"frames": ["0", "1/25"]}, "result": {"frames": ["0", "1/25"]},
    }  # fmt: skip
    assert mutations.judge(fine, []) == "ok"
    assert mutations.judge(fine, [".left"]) == "LEFTOVER"
    assert mutations.judge(fine | {"said": "Traceback (most"}, []) == "TRACEBACK"
    assert mutations.judge(fine | {"peak_mb": 1e6}, []) == "MEMORY"
    assert mutations.judge(fine | {"result": {"frames": ["0"]}}, []) == "COUNT"
    assert mutations.judge(fine | {"result": {"frames": ["0", "2/25"]}}, []) == "TIMING"
    threads = {"truth": {"frames": [], "ways": [["0", "1/25"], ["0"]]}}  # what each way finds
    assert mutations.judge(fine | threads, []) == "ok"
    failed = fine | {"exit": 1, "made": [], "said": "vidcolor: error: broken"}
    assert mutations.judge(failed, []) == "REFUSED"
    assert mutations.judge(failed | threads, []) == "REFUSED"
    assert mutations.judge(failed | {"truth": {}}, []) == "refused"
    assert mutations.judge(failed | {"said": ""}, []) == "SILENT"


# --- defects that the mutations found


def _made(tmp_path: Path, name: str) -> Path:
    """One of the small clips, whole."""
    return next(path for path in make_sources(tmp_path / "made") if path.name == name)


def _broken(tmp_path: Path, name: str, mutation: str, seed: int) -> Path:
    """One of the small clips, broken as ``checks/survive/mutations.py --seed`` breaks it."""
    made = _made(tmp_path, name)
    data = made.read_bytes()
    (case,) = (each for each in mutations_of(made, data) if each.name == mutation)
    path = (tmp_path / "broken").with_suffix(made.suffix)
    path.write_bytes(case.apply(data, seed=seed, source=name))
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "P"])
def test_bmp_is_a_photo(tmp_path: Path, mode: str) -> None:
    """BMPs were taken for films of one frame and became .mp4."""
    from PIL import Image

    path = tmp_path / "a.bmp"
    with Image.open(make_photo(tmp_path / "a.png")) as image:
        image.convert(mode).save(path)
    assert sniff(path) == "image"
    assert read_still(path).luma.shape == (48, 80)


def test_stamps_that_go_back_repeat_no_frame(tmp_path: Path) -> None:
    """The end is decoded again where frames are missing; by stamps in disorder that repeated some.

    A table of times that lies: the edit list then hides some frames, and the others' times go back.
    """
    made = _made(tmp_path, "h264.mp4")
    path = tmp_path / "lying.mp4"
    path.write_bytes(dict(header_lies(".mp4", made.read_bytes()))["stts-delta-1"]())
    with av.open(str(path)) as container:
        plain = [frame.pts for frame in container.decode(video=0)]
    assert plain != sorted(plain, key=lambda pts: pts or 0)  # else this tests nothing
    with open_source(path) as reader:
        assert sum(isinstance(item, LumaFrame) for item in reader) == len(plain)


@pytest.mark.parametrize(
    ("name", "mutation", "seed"), [("h264.flv", "cut-60", 11), ("vp9.webm", "flips-0.01-0", 7)]
)
def test_all_that_one_thread_decodes(
    tmp_path: Path, colorize: Run, name: str, mutation: str, seed: int
) -> None:
    """Frame threads lost frames around damage: two of nine, or the only one there was."""
    path = _broken(tmp_path, name, mutation, seed)
    wanted = stamps_of(path)
    assert wanted
    assert colorize(path, tmp_path / "out.mkv").code == 0
    assert frames_in(tmp_path / "out.mkv") == len(wanted)


def test_damaged_sound_does_not_stop_the_film(tmp_path: Path, colorize: Run) -> None:
    """What has no ADTS header any more can't be put into MP4, and that ended everything."""
    path = _broken(tmp_path, "h264.ts", "flips-0.01-1", seed=11)
    outcome = colorize(path, tmp_path / "out.mp4")
    assert outcome.code == 0
    assert "stream 1 (aac): 1 damaged packet(s) left out" in outcome.err
    assert frames_in(tmp_path / "out.mp4") == len(stamps_of(path))


def test_a_tiff_whose_directories_chase_their_tail(tmp_path: Path) -> None:
    """Counting its pages never ended."""
    path = make_photo(tmp_path / "a.tif")
    data = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    path.write_bytes(data)
    still = read_still(path)
    assert still.luma.shape == (48, 80)
    assert not any("page" in line for line in still.warnings)


def test_a_frame_in_many_years_has_a_rate() -> None:
    """The rate was rounded to 0 and divided by."""
    assert choose_rate(Fraction(1, 25), Fraction(25, 2**31 - 1)) > 0


@pytest.mark.parametrize("step", [Fraction(1, 90000), Fraction(80000)])
def test_films_of_a_millisecond_and_of_a_week(
    tmp_path: Path, colorize: Run, step: Fraction
) -> None:
    """QuickTime's edit list had a length of 0 and hid all frames; days between two overflowed."""
    source, target = tmp_path / "a.mov", tmp_path / "b.mov"
    whole = make_film(tmp_path / "whole.mkv")
    with av.open(str(whole)) as film, av.open(str(source), "w") as output:
        stream = output.add_stream_from_template(film.streams.video[0])
        stream.time_base = min(step, Fraction(1))  # Matroska counts milliseconds: too coarse
        for number, packet in enumerate(p for p in film.demux(video=0) if p.size):
            # in the order of decoding: what is shown when is no matter here
            packet.pts = packet.dts = number if step < 1 else number * int(step)
            packet.time_base = step if step < 1 else Fraction(1)
            packet.stream = stream
            output.mux(packet)
    wanted = frames_in(source)
    assert colorize(source, target).code == 0
    assert frames_in(target) == wanted


def test_a_jpeg_that_none_can_read_is_called_damaged(tmp_path: Path, colorize: Run) -> None:
    """It was explained by ('MPO')."""
    path = make_photo(tmp_path / "a.jpg")
    data = bytearray(path.read_bytes())
    data[data.find(b"\xff\xc0") + 4] = 1  # bits per sample
    path.write_bytes(data)
    assert "its header makes no sense" in colorize(path).error


def test_what_no_encoder_takes_is_no_usage_error(tmp_path: Path, colorize: Run) -> None:
    """Exit code 2 blamed the user for a header that lies."""
    path = tmp_path / "a.gif"
    make_film(tmp_path / "a.mkv", frames=1)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "gray"
        for _ in range(2):
            output.mux(stream.encode(av.VideoFrame(16, 16, "gray")))
        output.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, 6, 40000)
    path.write_bytes(data)
    outcome = colorize(path, tmp_path / "out.mp4")
    assert outcome.code == 1
    assert "ffv1" in outcome.error
    assert not [name for name in names_in(tmp_path) if "out" in name]


def test_headers_of_64k_by_64k_allocate_nothing(tmp_path: Path, colorize: Run) -> None:
    """A PNG, a TIFF and a film that claim 4 gigapixels are refused by their numbers."""
    import resource

    png = bytearray(make_photo(tmp_path / "a.png").read_bytes())
    struct.pack_into(">II", png, 16, 65500, 65500)
    struct.pack_into(">I", png, 29, zlib.crc32(png[12:29]))
    y4m = b"YUV4MPEG2 W65500 H65500 F25:1 Cmono\nFRAME\n" + bytes(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in (("b.png", png), ("b.y4m", y4m)):
        (tmp_path / name).write_bytes(data)
        outcome = colorize(tmp_path / name)
        assert outcome.code == 1
        assert outcome.error
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 400_000  # kB: the network and libraries that are loaded now; 4 GB if believed
