"""From the arguments of the command line to jobs, each with one input and one output.

``IN [OUT]``, or any number of files and folders with ``-o``. What a file is, is decided by its
content. Nothing is written here.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vidcolor.cli.work.places import RESULT_ENDING, place
from vidcolor.errors import InputError, OptionError, VidcolorError
from vidcolor.media.files.remote import name_of

logger = logging.getLogger(__name__)

Kind = Literal["image", "video", "sequence", "unknown"]

# fmt: off
IMAGE_SUFFIXES = frozenset({
    ".avif", ".bmp", ".heic", ".heif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png",
    ".pnm", ".ppm", ".tif", ".tiff", ".webp",
})
VIDEO_SUFFIXES = frozenset({
    ".264", ".265", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gif", ".h264", ".hevc",
    ".ivf", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf",
    ".ogm", ".ogv", ".qt", ".rm", ".ts", ".vob", ".webm", ".wmv", ".y4m",
})
# fmt: on
"""Suffixes that are taken from a folder by name; other files are opened to see what they are."""
_FILE_SUFFIXES = IMAGE_SUFFIXES | VIDEO_SUFFIXES | {".dpx", ".exr", ".jxl", ".tga"}
"""Suffixes by which ``-o`` names a file and no folder, whether it can be written or not."""
_NOT_ONES_OWN = frozenset({"@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "__MACOSX"})
"""Folders of NAS boxes and systems with thumbnails, deleted files and old versions."""
_SCAN_LENGTH: int = 48
"""As many numbered pictures in a row are two or three seconds of film."""
STANDARD = "-"


@dataclass(frozen=True)
class Job:
    """One thing to do.

    Attributes:
        source: path of the input, or "-".
        output: path of the output, or "-"; empty where ``problem`` is set.
        kind: what the input is, by content.
        problem: why it can't be done; reported when its turn comes, so that others go on.
    """

    source: str
    output: str
    kind: Kind
    problem: VidcolorError | None = None


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        jobs: in the order of the command line; a folder's files sorted by path.
        is_batch: whether there may be several: then one's error doesn't stop the others.
        passed_over: files of a folder not taken because they are called ``*_color``.
        notes: lines for the user about names of results.
    """

    jobs: tuple[Job, ...]
    is_batch: bool
    passed_over: int = 0
    notes: tuple[str, ...] = ()


def make_plan(words: Sequence[str], output: str | None, *, decoder: str = "pyav") -> Plan:
    """Decide what to read and what to write.

    Args:
        words: the positional arguments.
        output: the value of ``-o``.
        decoder: with "ffmpeg", unknown content is taken for video.

    Raises:
        OptionError: when the words make no sense together.
        InputError: when the only input is missing or no picture.
    """
    if not words:
        raise OptionError("nothing to colorize: vidcolor IN [OUT] (see vidcolor --help)")
    if "" in (*words, output):
        raise OptionError("a name is empty (an unset variable of the shell?)")
    if output is None and len(words) == 2 and _is_folder_name(words[1]):
        words, output = words[:1], words[1]
    if output is not None and _wants_folder(words, output):
        return _plan_batch(words, Path(output), decoder)
    source, target = _single(words, output)
    job = _job(source, decoder)
    if job.problem is not None:
        raise job.problem
    target = target or _default_output(source, job.kind)
    plan = Plan((Job(source, target, job.kind),), is_batch=False)
    check_names(plan.jobs)
    return plan


def _single(words: Sequence[str], output: str | None) -> tuple[str, str | None]:
    """The input and the output of ``IN``, ``IN OUT`` and ``-o OUT IN``."""
    source, *rest = words
    if len(words) > 2:
        raise OptionError(
            f"{len(words)} files are given, IN and OUT are two; for several inputs say where the "
            "results go: vidcolor -o DIR IN..."
        )
    if source != STANDARD and os.path.isdir(source):
        raise OptionError(
            f"{source} is a folder: say where the results go: vidcolor -o DIR {source}"
        )
    return source, output if output is not None else next(iter(rest), None)


def _is_folder_name(name: str) -> bool:
    return name != STANDARD and (os.path.isdir(name) or name.endswith(("/", os.sep)))


def _wants_folder(words: Sequence[str], output: str) -> bool:
    """Whether ``-o`` names a folder rather than the one result."""
    several = len(words) > 1 or (words[0] != STANDARD and os.path.isdir(words[0]))
    if output == STANDARD or (Path(output).exists() and not os.path.isdir(output)):
        if several:
            raise OptionError(f"-o {output} is no folder, and there are several inputs")
        return False
    if _is_folder_name(output):
        return True
    looks_like_file = Path(output).suffix.lower() in _FILE_SUFFIXES
    if several and looks_like_file:
        raise OptionError(
            f"-o {output} looks like a file, and there are several inputs; a folder of that name "
            f"is written {output}/"
        )
    return several or not looks_like_file


def _plan_batch(words: Sequence[str], folder: Path, decoder: str) -> Plan:
    found: dict[str, tuple[Job, Path]] = {}
    passed_over = 0
    for word in words:
        if word == STANDARD:
            raise OptionError("standard input (-) has no name for a result in a folder")
        if not os.path.isdir(word):
            job = _job(word, decoder)
            found.setdefault(job.source, (job, Path()))
            continue
        unreadable: list[OSError] = []
        for path, is_result in _scan(Path(word), folder, decoder, unreadable):
            if is_result:
                passed_over += 1
            else:
                job = _job(str(path), decoder)
                found.setdefault(job.source, (job, path.relative_to(word).parent))
        for error in unreadable:
            found[str(error.filename)] = _unreadable_folder(error), Path()
    todo = [
        (job, below, "" if job.problem else Path(_default_output(job.source, job.kind)).name)
        for job, below in found.values()
    ]
    targets, notes = place(
        [(Path(job.source), below, name) for job, below, name in todo if name], folder
    )
    outputs = iter(targets)
    jobs = [replace(job, output=name_of(next(outputs))) if name else job for job, _, name in todo]
    check_names(jobs)
    return Plan(tuple(jobs), is_batch=True, passed_over=passed_over, notes=tuple(notes))


def _unreadable_folder(error: OSError) -> Job:
    problem = InputError(f"{error.filename}: the folder can't be read: {error.strerror}")
    return Job(str(error.filename), "", "unknown", problem)


def _scan(
    folder: Path, output: Path, decoder: str, unreadable: list[OSError]
) -> Iterator[tuple[Path, bool]]:
    """Media files below ``folder``, sorted, each with whether it is an earlier result by name.

    Folders that can't be read are appended to ``unreadable``.
    """
    nested = output.resolve()
    for where, names, files in os.walk(folder, onerror=unreadable.append):
        names[:] = sorted(
            name
            for name in names
            if not name.startswith(".")
            and name not in _NOT_ONES_OWN
            and (Path(where) / name).resolve() != nested
        )
        for name in sorted(files):
            path = Path(where) / name
            if name.startswith(".") or not path.is_file() or not _is_media(path, decoder):
                continue
            yield path, path.stem.endswith(RESULT_ENDING)


def _is_media(path: Path, decoder: str) -> bool:
    """Whether a folder's file is taken: by its name, else by a look inside."""
    if path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES:
        return True
    try:
        taken = _sniff(str(path)) in ("image", "video", "scan")
    except VidcolorError:
        taken = False
    if not taken:
        logger.info("%s: not a photo or film, left out", path)
    return taken


def _sniff(path: str) -> str:
    from vidcolor.media.open import sniff

    return str(sniff(path))


def _job(source: str, decoder: str) -> Job:
    """Look into ``source``; what is wrong with it goes into the job.

    All scans of one film give the same job, with its pattern, so that thousands get one line.
    """
    from vidcolor.media.files.patterns import pattern_of
    from vidcolor.media.kinds import lone_scan

    try:
        kind = _kind(source, decoder)
    except VidcolorError as error:
        return Job(source, "", "unknown", error)
    if kind == "scan":
        return Job(str(pattern_of(source) or source), "", "unknown", lone_scan(source))
    return Job(source, "", kind)


def _kind(source: str, decoder: str) -> Kind | Literal["scan"]:
    kind = _sniff(source)
    if kind in ("image", "video", "sequence", "scan"):
        return kind  # type: ignore[return-value]
    if kind == "audio":
        raise InputError(f"{source}: has sound but no picture; there is nothing to colorize")
    if decoder == "ffmpeg":
        return "video"
    if Path(source).suffix.lower() == ".jxl":
        raise InputError(f"{source}: JPEG XL can't be read: make a PNG or TIFF of it")
    raise InputError(
        f"{source}: is neither a film nor a photo that can be read (--decoder ffmpeg tries an "
        "installed ffmpeg)"
    )


def _default_output(source: str, kind: Kind) -> str:
    from vidcolor.engine.run.default_output import default_output

    if kind == "unknown":
        raise ValueError(f"{source}: of no known kind")
    return name_of(default_output(Path(source), kind))


def check_names(jobs: Sequence[Job]) -> None:
    """Refuse outputs that are inputs: writing them would destroy what is being read."""
    sources = {identity(job.source) for job in jobs if job.source != STANDARD}
    for job in jobs:
        if job.output in ("", STANDARD):
            continue
        if identity(job.output) in sources:
            raise OptionError(f"{job.output}: input and output are the same file")


def identity(path: str) -> tuple[int, int] | str:
    """What tells files apart: hard links and symbolic links to one file are one."""
    try:
        status = os.stat(path)
    except OSError:
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino)


def scans_in(jobs: Sequence[Job]) -> list[tuple[str, int]]:
    """Numbered pictures that are more likely a scanned film than an album.

    Returns:
        Pattern (``reel/scan_%06d.tif``) and number of pictures of each.
    """
    from vidcolor.media.files.patterns import pattern_of

    patterns = (pattern_of(job.source) for job in jobs if job.kind == "image")
    found = Counter(str(pattern) for pattern in patterns if pattern is not None)
    return [(pattern, n) for pattern, n in found.items() if n >= _SCAN_LENGTH]


def existing_outputs(jobs: Sequence[Job]) -> list[Job]:
    """The jobs whose output is there already; of a numbered sequence, any picture counts."""
    from vidcolor.media.files.patterns import is_taken

    return [job for job in jobs if job.output not in ("", STANDARD) and is_taken(job.output)]
