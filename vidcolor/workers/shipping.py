"""Tasks for workers that see neither inputs nor outputs: both travel with the task.

``Parcel`` goes out, ``Returned`` comes back. Inputs are read block by block from the program's
machine (``media/files/lent.py``); results are written to a folder of the worker's machine and come
back as bytes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from vidcolor.engine.run.output import keep_date
from vidcolor.media.files.atomic import output_error
from vidcolor.media.files.identity import FileIdentity, file_identity
from vidcolor.media.files.lent import lent_name
from vidcolor.media.files.remote import is_url
from vidcolor.workers.tasks import (
    FilmTask,
    PhotoTask,
    Result,
    SpanDone,
    SpanTask,
    Task,
)
from vidcolor.workers.worker import Count, Worker


@dataclass(frozen=True, slots=True)
class Parcel:
    """A task, with what it needs.

    Attributes:
        task: as the program has it.
        index: what ``SpanTask.frame_index`` names; empty for none.
    """

    task: Task
    index: bytes = b""


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a parcel.

    Attributes:
        result: with names of the worker's machine.
        files: name of each file that was made, and its bytes; of photographs and whole films, the
            number of the output stands for the name.
    """

    result: Result
    files: tuple[tuple[str, bytes], ...]


class Files:
    """The program's files, for workers of other machines; runs on the program's own."""

    def identity(self, path: str) -> FileIdentity:
        """Of a file.

        Raises:
            OSError: it can't be read.
        """
        found = file_identity(path)
        if found is None:
            raise FileNotFoundError(f"{path} is no file")
        return found

    def read(self, path: str, start: int, size: int) -> bytes:
        """A part of a file.

        Raises:
            OSError: it can't be read.
        """
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(size)


def packed(task: Task) -> Parcel:
    """Make a task ready to be sent.

    Raises:
        OSError: the index can't be read.
    """
    if isinstance(task, SpanTask) and task.frame_index:
        return Parcel(task, Path(task.frame_index).read_bytes())
    return Parcel(task)


class ParcelWorker:
    """Does parcels with a worker."""

    def __init__(self, worker: Worker) -> None:
        """Take a worker; ``lend`` has been called in its process."""
        self._worker = worker
        self._folder = tempfile.TemporaryDirectory(prefix="vidcolor-")
        self._index = b""

    def run(self, parcel: Parcel, count: Count) -> Returned:
        """Do a task.

        Raises:
            VidcolorError: why it can't be done.
            OSError: there is no room on this machine.
        """
        task, folder = parcel.task, Path(self._folder.name)
        if isinstance(task, SpanTask):
            done = self._worker.run(self._local_span(task, parcel.index), count)
            if not isinstance(done, SpanDone):
                raise TypeError(f"{type(done).__name__} for a span")
            attempt = Path(done.folder)
            files = tuple((path.name, path.read_bytes()) for path in _files_in(attempt))
            shutil.rmtree(attempt)
            return Returned(done, files)
        with tempfile.TemporaryDirectory(dir=folder) as name:
            local = _local(task, Path(name))
            result = self._worker.run(local, count)
            made = {str(n): Path(target) for n, target in enumerate(_targets(local))}
            return Returned(
                result, tuple((n, p.read_bytes()) for n, p in made.items() if p.is_file())
            )

    def _local_span(self, task: SpanTask, index: bytes) -> SpanTask:
        path = Path(self._folder.name) / "frames.index"
        if index and index != self._index:
            path.write_bytes(index)
            self._index = index
        return replace(
            task, film=_lent(task.film), folder=self._folder.name,
            frame_index=str(path) if index else "",
        )  # fmt: skip


def unpacked(returned: Returned, task: Task) -> Result:
    """Put what came back where the task wanted it; a span's result then has its folder.

    Raises:
        OutputError: it can't be written.
    """
    if isinstance(task, SpanTask) and isinstance(returned.result, SpanDone):
        folder = Path(task.folder) / f"attempt-{task.index}-{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True)
            for name, data in returned.files:
                (folder / Path(name).name).write_bytes(data)
        except OSError as error:
            raise output_error(folder, error) from error
        return replace(returned.result, folder=str(folder))
    outputs = list(_targets(task))
    for number, data in returned.files:
        _write(Path(outputs[int(number)]), data)
    if isinstance(task, PhotoTask):
        for source, output in task.photos:
            keep_date(source, output, task.options)
    elif isinstance(task, FilmTask):
        keep_date(task.film, task.output, task.options)
    return returned.result


def _write(target: Path, data: bytes) -> None:
    """A whole file, or none.

    Raises:
        OutputError: it can't be written.
    """
    half = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(data)
        os.replace(half, target)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise output_error(target, error) from error


def _lent(path: str) -> str:
    return path if is_url(path) else lent_name(path)


def _local(task: Task, folder: Path) -> Task:
    """A task with lent inputs, whose outputs are put into a folder."""
    if isinstance(task, FilmTask):
        return replace(task, film=_lent(task.film), output=_inside(folder, 0, task.output))
    if isinstance(task, PhotoTask):
        photos = (
            (_lent(source), _inside(folder, number, output))
            for number, (source, output) in enumerate(task.photos)
        )
        return replace(task, photos=tuple(photos))
    return task


def _inside(folder: Path, number: int, output: str) -> str:
    return output if is_url(output) else str(folder / str(number) / Path(output).name)


def _targets(task: Task) -> Iterable[str]:
    if isinstance(task, PhotoTask):
        return [output for _, output in task.photos]
    return [task.output]


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
