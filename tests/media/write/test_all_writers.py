"""The same questions to every writer of frames: films, numbered images, standard output.

A new container, codec or image format gets a line in ``CASES``.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from write_helpers import Held, inspect, make_clip

from vidcolor.errors import OutputError
from vidcolor.media.files.work_folder import WorkFolder
from vidcolor.media.open import open_source
from vidcolor.media.output import open_writer
from vidcolor.media.scans.write import SequenceWriter
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame, PlanarFormat

Array = npt.NDArray[Any]
Writer = VideoWriter | SequenceWriter

COMMENT = "vidcolor 0.0.1, model test"
PRESETS = {"libx264": "ultrafast", "libx265": "ultrafast", "libsvtav1": "12", "libvpx-vp9": "8"}
STAMPS = [0, 1, 2, 5, 6, 9, 10, 11, 15, 16]
"""In frames of 1/25 s: of no constant rate."""


@dataclass(frozen=True)
class Case:
    """One kind of output.

    Attributes:
        name: of the file or the images; "-" is standard output.
        codec: the encoder, "" for the container's own.
        unit: seconds to which the container rounds.
        psnr: least likeness of the lightness in dB; infinite: the very codes. The encoders'
            default qualities give 38 and more here; a wrong range or depth costs 20 dB.
    """

    name: str
    codec: str = ""
    unit: Fraction = Fraction(0)
    psnr: float = 33.0

    @property
    def is_images(self) -> bool:
        """Numbered images: without times, sound and containers' tags."""
        return "%" in self.name

    @property
    def settings(self) -> EncodeSettings:
        """The fastest of the encoder's."""
        codec = self.codec or ("libvpx-vp9" if self.name.endswith("webm") else "libx264")
        preset = None if self.is_images else PRESETS.get(codec)
        return EncodeSettings(video_codec=self.codec or None, preset=preset, comment=COMMENT)


MS = Fraction(1, 1000)
CASES = [
    Case("out.mp4"),
    Case("out.mp4", "libx265"),
    Case("out.mp4", "libsvtav1"),
    Case("out.mov", "libx264"),
    Case("out.mov", "prores_ks"),
    Case("out.mkv", "libx264", MS),
    Case("out.mkv", "ffv1", MS, math.inf),
    Case("out.mkv", "libvpx-vp9", MS),
    Case("out.webm", "libvpx-vp9", MS),
    Case("out.webm", "libsvtav1", MS),
    Case("out.ts", unit=Fraction(1, 90000)),
    Case("out.m2ts", unit=Fraction(1, 90000)),
    Case("out.3gp"),
    Case("out.flv", unit=MS),
    Case("-", unit=MS),
    Case("out_%04d.png", psnr=math.inf),
    Case("out_%d.tif", psnr=math.inf),
    Case("out_%04d.dpx", psnr=math.inf),
]
IDS = [f"{case.name}-{case.codec}".rstrip("-") or "stdout" for case in CASES]
every_writer = pytest.mark.parametrize("case", CASES, ids=IDS)
every_file = pytest.mark.parametrize(
    "case", [c for c in CASES if c.name != "-"], ids=[i for i in IDS if i != "stdout"]
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames without anything else, losslessly."""
    path = tmp_path_factory.mktemp("plain") / "in.mkv"
    return make_clip(path, codec="ffv1", options={}, pts=STAMPS)


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of 10 bits."""
    path = tmp_path_factory.mktemp("deep") / "in.mkv"
    return make_clip(path, codec="ffv1", options={}, pts=STAMPS, pix_fmt="yuv420p10le")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sound in two languages, subtitles, an attachment, chapters, tags and a time code."""
    millisecond = Fraction(1, 1000)
    return make_clip(
        tmp_path_factory.mktemp("rich") / "in.mkv",
        languages=("eng", "deu"),
        subtitle=("subrip", b"one line"),
        attachment=("font.ttf", b"a font", "font/ttf"),
        metadata={"title": "A title", "my_key": "a value", "date": "1906"},
        video_metadata={"timecode": "10:20:30:05"},
        chapters=[
            {"id": n, "start": 200 * n, "end": 200 * n + 200, "time_base": millisecond,
             "metadata": {"title": f"part {n}"}}
            for n in range(2)
        ],
    )  # fmt: skip


def planes_of(frame: LumaFrame, form: PlanarFormat) -> tuple[Array, Array, Array]:
    """The source's lightness with one colour, as the engine would deliver it."""
    dtype = np.uint8 if form.depth <= 8 else np.uint16
    if form.model == "rgb":
        black, white = (16, 235) if not frame.full_range else (0, 255)
        scale = 1 << (frame.depth - 8)
        light = (frame.luma.astype(np.float64) / scale - black) / (white - black)
        codes = np.rint(light.clip(0, 1) * ((1 << form.depth) - 1)).astype(dtype)
        return codes, codes, codes
    up = form.depth - frame.depth
    luma = frame.luma.astype(dtype) << up if up >= 0 else (frame.luma >> -up).astype(dtype)
    height, width = (
        -(-side >> shift) for side, shift in zip(luma.shape, form.chroma_shift[::-1], strict=True)
    )
    rest = form.depth - 8
    return (
        luma.astype(dtype),
        np.full((height, width), 100 << rest, dtype),
        np.full((height, width), 150 << rest, dtype),
    )


@contextmanager
def opened(case: Case, source: Path, folder: Path) -> Iterator[tuple[FrameSource, Writer]]:
    """A writer of this case; what goes to standard output lands in ``folder / "-"``."""
    target = case.name if case.name == "-" else folder / case.name
    before = sys.stdout
    if case.name == "-":
        sys.stdout = io.TextIOWrapper((folder / "-").open("wb", buffering=0), write_through=True)
    try:
        with open_source(source) as read, open_writer(target, read, case.settings) as writer:
            yield read, writer
    finally:
        sys.stdout = before


def write(case: Case, source: Path, folder: Path) -> tuple[list[Array], list[str]]:
    """Write a whole film; returns the lightness that was given and the writer's notes."""
    given = []
    with opened(case, source, folder) as (read, writer):
        for item in read:
            if isinstance(item, LumaFrame):
                planes = planes_of(item, writer.plane_format)
                given.append(planes[0])
                writer.write(ColorFrame(planes, item))
            else:
                writer.write(item)
        writer.commit()
    return given, writer.notes


def results(case: Case, folder: Path) -> list[Path]:
    """What was written, in order."""
    if not case.is_images:
        return [folder / case.name]
    pattern = re.sub(r"%\d*d", r"(\\d+)", re.escape(case.name).replace(r"%", "%"))
    found = [(m, path) for path in folder.iterdir() if (m := re.fullmatch(pattern, path.name))]
    return [path for m, path in sorted(found, key=lambda each: int(each[0][1]))]


def decoded(case: Case, folder: Path) -> tuple[list[Array], list[Fraction]]:
    """The lightness, in the output's own codes, and the times of all frames."""
    planes, times = [], []
    for path in results(case, folder):
        with av.open(str(path), format="matroska" if case.name == "-" else None) as file:
            for frame in file.decode(video=0):
                planes.append(first_plane(frame))
                times.append((frame.pts or 0) * Fraction(frame.time_base))
    return planes, times


def first_plane(frame: av.VideoFrame) -> Array:
    """Y, or R of R = G = B."""
    name = frame.format.name
    if name.startswith("rgb"):
        pixels = frame.to_ndarray(format="rgb24" if name == "rgb24" else "rgb48le")
        assert (pixels == pixels[..., :1]).all()
        return pixels[..., 0]
    if name.startswith("gbr"):
        green, blue, red = (_codes(frame, n) for n in range(3))
        assert np.array_equal(red, green) and np.array_equal(red, blue)
        return red
    return _codes(frame, 0)


def _codes(frame: av.VideoFrame, index: int) -> Array:
    plane = frame.planes[index]
    order = ">u2" if frame.format.name.endswith("be") else "<u2"
    dtype = np.dtype(np.uint8 if frame.format.components[0].bits == 8 else order)
    rows = np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)
    return rows[:, : plane.width]


def psnr(one: Array, other: Array, depth: int) -> float:
    """Likeness of two planes in dB."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return math.inf if error == 0 else 10 * math.log10(((1 << depth) - 1) ** 2 / error)


# -- the questions --------------------------------------------------------------------------------


@every_writer
def test_every_frame_is_there_at_its_time(case: Case, plain: Path, tmp_path: Path) -> None:
    given, _ = write(case, plain, tmp_path)
    planes, times = decoded(case, tmp_path)
    assert len(planes) == len(given) == len(STAMPS)
    if not case.is_images:
        for found, wanted in zip(times, STAMPS, strict=True):
            assert abs(found - times[0] - Fraction(wanted, 25)) <= case.unit


@every_writer
@pytest.mark.parametrize("bits", [8, 10])
def test_lightness_is_kept(case: Case, bits: int, plain: Path, deep: Path, tmp_path: Path) -> None:
    given, _ = write(case, plain if bits == 8 else deep, tmp_path)
    planes, _ = decoded(case, tmp_path)
    for found, wanted in zip(planes, given, strict=True):
        depth = 8 if wanted.dtype == np.uint8 else max(10, int(wanted.max()).bit_length())
        if math.isinf(case.psnr):
            assert np.array_equal(found, wanted)
        else:
            assert psnr(found, wanted, depth) >= case.psnr


@every_file
def test_nothing_appears_before_commit_and_the_old_is_replaced_at_once(
    case: Case, plain: Path, tmp_path: Path
) -> None:
    write(case, plain, tmp_path)
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for path in tmp_path.iterdir():
        path.write_bytes(b"old")
    with opened(case, plain, tmp_path) as (read, writer):
        for item in read:
            assert isinstance(item, LumaFrame)
            writer.write(ColorFrame(planes_of(item, writer.plane_format), item))
        visible = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        assert {path.read_bytes() for path in visible} == {b"old"}
        writer.commit()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


@every_file
@pytest.mark.parametrize("after", [0, 1, 7])
def test_an_error_leaves_things_as_they_were(
    case: Case, after: int, plain: Path, tmp_path: Path
) -> None:
    name = case.name.replace("%04d", "0001").replace("%d", "1")
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), opened(case, plain, tmp_path) as (read, writer):
        for number, item in enumerate(read):
            if number == after:
                raise ZeroDivisionError
            assert isinstance(item, LumaFrame)
            writer.write(ColorFrame(planes_of(item, writer.plane_format), item))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"old"


_KILLED = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from test_all_writers import CASES, ColorFrame, opened, planes_of
source, folder = Path(sys.argv[2]), Path(sys.argv[3])
ends = []
for number, case in enumerate(CASES):
    place = folder / str(number)
    place.mkdir()
    child = os.fork()
    if child == 0:
        with opened(case, source, place) as (read, writer):
            for count, item in enumerate(read):
                writer.write(ColorFrame(planes_of(item, writer.plane_format), item))
                if count == 6:
                    os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(ends))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_killed_process_leaves_no_result_and_the_next_run_cleans_up(
    plain: Path, tmp_path: Path
) -> None:
    """One process for all cases; each is killed after seven of ten frames."""
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": str(here.parents[2])}
    program = [sys.executable, "-c", _KILLED, str(here), str(plain), str(tmp_path)]
    done = subprocess.run(program, capture_output=True, env=environment, timeout=200, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout.splitlines()[-1]) == [-9] * len(CASES)
    for number, case in enumerate(CASES):
        folder = tmp_path / str(number)
        if case.name == "-":
            continue
        assert results(case, folder) == [] or not results(case, folder)[0].exists()
        write(case, plain, folder)
        assert all(not path.name.startswith(".") for path in folder.iterdir()), case
        assert len(decoded(case, folder)[0]) == len(STAMPS)


@every_file
def test_planes_of_another_size_are_refused_in_one_line(
    case: Case, plain: Path, tmp_path: Path
) -> None:
    with opened(case, plain, tmp_path) as (read, writer):
        item = next(item for item in read if isinstance(item, LumaFrame))
        half = tuple(plane[::2] for plane in planes_of(item, writer.plane_format))
        with pytest.raises(OutputError, match="expected"):
            writer.write(ColorFrame(half, item))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@every_file
def test_no_frames_are_an_error_or_nothing(case: Case, plain: Path, tmp_path: Path) -> None:
    with opened(case, plain, tmp_path) as (_, writer):
        if case.is_images:
            writer.commit()
        else:
            with pytest.raises(OutputError, match="no frames"):
                writer.commit()
    assert list(tmp_path.iterdir()) == []


@every_file
def test_what_an_earlier_run_finished_gives_the_same_result(
    case: Case, plain: Path, tmp_path: Path
) -> None:
    """Three runs: one unbroken, one that ends after its first span, one that goes on from there."""

    def run(folder: Path, *, stop_after: int | None = None) -> None:
        folder.mkdir(exist_ok=True)
        with opened(case, plain, folder) as (read, writer):
            work = WorkFolder(folder / case.name, {"test": 1})
            writer.keep(work.path, work.packets())
            for number, item in enumerate(read):
                assert isinstance(item, LumaFrame)
                if number == stop_after:
                    return
                if number < work.frames:
                    writer.replay(item)
                else:
                    writer.write(ColorFrame(planes_of(item, writer.plane_format), item))
                if number + 1 in (4, 8) and number + 1 > work.frames:
                    work.add(number + 1, writer.end_span(), b"{}")
            writer.commit()
        work.remove()

    run(tmp_path / "whole")
    run(tmp_path / "parts", stop_after=6)
    assert results(case, tmp_path / "parts") in ([], [tmp_path / "parts" / case.name])
    run(tmp_path / "parts")
    whole, parts = (results(case, tmp_path / name) for name in ("whole", "parts"))
    assert [path.read_bytes() for path in parts] == [path.read_bytes() for path in whole]
    assert len(decoded(case, tmp_path / "parts")[0]) == len(STAMPS)


@every_file
def test_a_span_written_alone_is_that_of_the_whole_film(
    case: Case, plain: Path, tmp_path: Path
) -> None:
    """Frames 4 to 7: what is kept of them, byte for byte, in another run and another folder."""
    whole, alone = tmp_path / "whole", tmp_path / "alone"
    kept: dict[Path, list[bytes]] = {}
    for folder in (whole, alone):
        folder.mkdir()
        with opened(case, plain, folder) as (read, writer):
            place = folder / "kept"
            place.mkdir()
            writer.keep(place)
            frames = [item for item in read if isinstance(item, LumaFrame)]
            if folder is alone:
                writer.begin_span(frames[0], 4)
            for number, frame in enumerate(frames[:8]):
                if folder is whole or number >= 4:
                    writer.write(ColorFrame(planes_of(frame, writer.plane_format), frame))
                if number == 3 and folder is whole:
                    writer.end_span()
            files = writer.end_span()
            names = [files[0].name]
            if files[0].name.endswith(".list"):
                names += [name for name, _ in json.loads((place / files[0].name).read_bytes())]
            assert len(names) == (5 if case.is_images else 1)
            kept[folder] = [name.encode() + (place / name).read_bytes() for name in names]
    assert kept[whole] == kept[alone]


# -- what is kept, and whether the notes are true ------------------------------------------------

SOURCE_STREAMS = {1: "audio", 2: "audio", 3: "subtitle", 4: "attachment"}
TAGS = ("title", "my_key", "date")


def _held(case: Case, folder: Path) -> Held | None:
    if case.is_images:
        return None
    path = folder / case.name
    if case.name == "-":
        path = path.rename(folder / "piped.mkv")
    return inspect(path)


@every_writer
def test_each_stream_is_kept_or_said_to_be_lost(case: Case, rich: Path, tmp_path: Path) -> None:
    _, notes = write(case, rich, tmp_path)
    held, source = _held(case, tmp_path), inspect(rich)
    for index, kind in SOURCE_STREAMS.items():
        said = [note for note in notes if re.match(rf"stream {index} \({kind}, .*left out", note)]
        twin = [i for i in sorted(SOURCE_STREAMS) if SOURCE_STREAMS[i] == kind].index(index)
        ours = [i for i, each in enumerate(held.kinds) if each == kind] if held else []
        is_kept = twin < len(ours)
        assert is_kept != bool(said), (index, notes)
        if is_kept and held is not None and kind != "attachment":
            assert len(held.packets[ours[twin]]) == len(source.packets[index])
    unknown = [
        n for n in notes if re.match(r"stream \d", n) and not re.match(r"stream [1-4] \(", n)
    ]
    assert not unknown, "a note about a stream that isn't there"


@every_writer
def test_each_tag_is_kept_or_said_to_be_lost(case: Case, rich: Path, tmp_path: Path) -> None:
    _, notes = write(case, rich, tmp_path)
    held, source = _held(case, tmp_path), inspect(rich)
    about_tags = " ".join(note for note in notes if re.search(r"\btags?\b", note))
    for key in TAGS:
        kept = held is not None and held.metadata.get(key) == source.metadata[key]
        said = re.search(rf"\b{key}\b", about_tags, re.IGNORECASE) is not None
        assert kept != said, (key, notes, held and held.metadata)


@every_writer
def test_chapters_are_kept_or_said_to_be_lost(case: Case, rich: Path, tmp_path: Path) -> None:
    _, notes = write(case, rich, tmp_path)
    held = _held(case, tmp_path)
    kept = held is not None and held.chapters == inspect(rich).chapters
    assert kept != any("chapter" in note for note in notes), (notes, held and held.chapters)


@every_writer
def test_the_time_code_is_kept_or_said_to_be_lost(case: Case, rich: Path, tmp_path: Path) -> None:
    _, notes = write(case, rich, tmp_path)
    held = _held(case, tmp_path)
    found = set() if held is None else {
        tags.get("timecode") for tags in (held.metadata, held.video_metadata)
    }  # fmt: skip
    assert ("10:20:30:05" in found) != any("time code" in n or "timecode" in n for n in notes), (
        notes, held,
    )  # fmt: skip


@every_writer
def test_languages_of_kept_sound_are_kept_or_said_to_be_lost(
    case: Case, rich: Path, tmp_path: Path
) -> None:
    _, notes = write(case, rich, tmp_path)
    held = _held(case, tmp_path)
    if held is None or "audio" not in held.kinds:
        return
    sounds = [held.languages[n] for n, kind in enumerate(held.kinds) if kind == "audio"]
    german = "ger" if case.name.endswith(".mov") else "deu"  # QuickTime's number has that name
    kept = sounds == ["eng", german]
    assert kept != any("languages" in note for note in notes)


@every_writer
def test_the_output_says_what_colorized_it_or_that_it_cannot(
    case: Case, plain: Path, tmp_path: Path
) -> None:
    _, notes = write(case, plain, tmp_path)
    if case.is_images:
        data = results(case, tmp_path)[0].read_bytes()
        assert COMMENT.encode() in data and not any("colorized" in note for note in notes)
        return
    held = _held(case, tmp_path)
    assert held is not None
    said = any(COMMENT in value for value in held.metadata.values())
    assert said != any("the credit" in note for note in notes)


@every_writer
def test_no_audio_wanted_is_no_audio_and_no_note(case: Case, rich: Path, tmp_path: Path) -> None:
    silent = replace(case.settings, audio="none")
    target = case.name if case.name == "-" else tmp_path / case.name
    with open_source(rich) as read:
        if case.name == "-":
            return
        with open_writer(target, read, silent) as writer:
            for item in read:
                if isinstance(item, LumaFrame):
                    item = ColorFrame(planes_of(item, writer.plane_format), item)
                writer.write(item)
            writer.commit()
    held = _held(case, tmp_path)
    assert held is None or "audio" not in held.kinds
    assert not any("(audio" in note for note in writer.notes)
