"""What a long run has finished so far, in a hidden folder beside its output.

``plan.json`` says what is being made, of what and how, and which spans of it are finished. It is
replaced as a whole, after all that it names has reached the disk: whatever kills the program, what
it lists is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from vidcolor.errors import Option, OutputError
from vidcolor.media.files.atomic import fsync, output_error, short_name
from vidcolor.media.files.kept_film import FILM
from vidcolor.media.files.packets import EncodedPacket, KeptFile, is_whole, read_calls

logger = logging.getLogger(__name__)

_PREFIX: Final = ".vidcolor-work-"
_PLAN: Final = "plan.json"
_AHEAD: Final = "ahead-"
_FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """A finished span.

    Attributes:
        frames: frames of the film before its end.
        files: what was written of it.
        state: what has to be known to go on from its end, beside the states before.
    """

    frames: int
    files: tuple[KeptFile, ...]
    state: KeptFile


def work_folder_of(output: Path) -> Path:
    """Where the work on an output is kept."""
    return output.with_name(_PREFIX + short_name(output.name))


class WorkFolder:
    """The finished spans of one output.

    The caller holds the lock on the output, so no other run uses the folder.

    Attributes:
        path: the folder.
        spans: finished, in order.
        note: why an earlier run's work is of no use, "" if it is or there was none.
    """

    def __init__(self, output: Path, plan: Mapping[str, Any]) -> None:
        """Find what an earlier run with the same plan has finished, or begin anew.

        Args:
            output: the final name.
            plan: all that decides what comes out, as JSON can hold it.

        Raises:
            OutputError: the folder can't be written.
        """
        self.path = work_folder_of(output)
        self._output = output
        self._plan = json.loads(json.dumps(plan))
        self.spans: list[KeptSpan] = []
        self.note = ""
        self._check_place()
        try:
            if not self._find():
                shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(exist_ok=True)
            _sync_folder(self.path.parent)
            self._write_plan(self.spans)
        except OSError as error:
            self.leave()
            raise output_error(output, error) from error

    @property
    def frames(self) -> int:
        """Frames of the film that are finished."""
        return self.spans[-1].frames if self.spans else 0

    def states(self) -> list[bytes]:
        """What has to be known to go on, of each finished span, in order."""
        return [(self.path / span.state.name).read_bytes() for span in self.spans]

    def packets(self) -> Iterator[list[EncodedPacket]]:
        """What was encoded of a film: for each finished frame what is to be written then.

        What emptied an encoder at a span's end goes with the next frame, as when it was made; after
        the last finished frame there is one item more for it.
        """
        late: list[EncodedPacket] = []
        start = 0
        for span in list(self.spans):
            with contextlib.closing(read_calls(self.path / span.files[0].name)) as calls:
                for _ in range(start, span.frames):
                    yield late + next(calls)
                    late = []
                late, start = next(calls), span.frames
        yield late

    def add(self, frames: int, files: Sequence[KeptFile], state: bytes) -> None:
        """Note a span as finished; its files are on the disk.

        Args:
            frames: of the film before its end.
            files: what was written of it.
            state: what has to be known to go on from there, beside the states before.

        Raises:
            OutputError: the disk is full.
        """
        try:
            span = KeptSpan(frames, tuple(files), self._keep(f"state-{frames}.json", state))
            self._write_plan([*self.spans, span])
        except OSError as error:
            raise output_error(self._output, error) from error
        self.spans.append(span)

    def add_ahead(self, first: int, files: Sequence[KeptFile], start: str) -> None:
        """Note a span as finished whose predecessors may not be.

        Args:
            first: number of its first frame.
            files: what was written of it; they are on the disk.
            start: what its bytes depend on, beside the plan.

        Raises:
            OutputError: the disk is full.
        """
        content = {"start": start, "files": [asdict(file) for file in files]}
        try:
            self._keep(f"{_AHEAD}{first}.json", json.dumps(content).encode())
        except OSError as error:
            raise output_error(self._output, error) from error

    def ahead(self, first: int, start: str) -> tuple[KeptFile, ...] | None:
        """The files of a span that was noted by ``add_ahead``; None where they aren't whole."""
        try:
            found = json.loads((self.path / f"{_AHEAD}{first}.json").read_text(encoding="utf-8"))
            files = tuple(map(_file_from, found["files"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        is_same = found["start"] == start and all(is_whole(file, self.path) for file in files)
        return files if is_same else None

    def remove(self) -> None:
        """The output is whole: nothing of this is needed any more."""
        shutil.rmtree(self.path, ignore_errors=True)

    @staticmethod
    def discard(path: Path) -> None:
        """Remove a work folder, if it is one."""
        if (path / _PLAN).is_file() or (path / FILM).is_file():
            shutil.rmtree(path, ignore_errors=True)

    def leave(self) -> bool:
        """Stop in the middle; whether something is kept to go on from."""
        keeps = bool(self.spans) or any(self.path.glob(f"{_AHEAD}*"))
        if not keeps:
            self.remove()
        return keeps

    # -- finding what is there ----------------------------------------------------------------

    def _check_place(self) -> None:
        """Refuse to write through a link, and whatever else goes by the folder's name.

        Raises:
            OutputError: there is something that is no folder.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise OutputError(
                f"{self.path}: is in the way, and no folder; remove it, or use ",
                Option("resume", False),
            )

    def _find(self) -> bool:
        """Take over the spans of an earlier run, as far as they are whole.

        Returns:
            Whether there may be any.
        """
        found = self._read_plan()
        if found is None:
            return False
        if found["plan"] != self._plan:
            self.note = f"begun anew, {_difference(found['plan'], self._plan)}"
            return False
        for span in map(_span_from, found["spans"]):
            if not all(is_whole(file, self.path) for file in (*span.files, span.state)):
                logger.warning("%s: a finished span is damaged; it is made again", self._output)
                break
            self.spans.append(span)
        return bool(self.spans) or any(self.path.glob(f"{_AHEAD}*"))

    def _read_plan(self) -> dict[str, Any] | None:
        """The plan file, None where there is none that makes sense."""
        try:
            found = json.loads((self.path / _PLAN).read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return None
            list(map(_span_from, found["spans"]))
            return found if isinstance(found["plan"], dict) else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write_plan(self, spans: Sequence[KeptSpan]) -> None:
        content = {
            "format": _FORMAT,
            "plan": self._plan,
            "spans": [asdict(span) for span in spans],
        }
        self._keep(_PLAN, json.dumps(content, indent=1).encode())

    def _keep(self, name: str, data: bytes) -> KeptFile:
        """Write a file that is there whole or not at all."""
        half = self.path / f"{name}.half"
        with open(half, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, self.path / name)
        _sync_folder(self.path)
        return KeptFile(name, len(data), hashlib.sha256(data).hexdigest())


def _sync_folder(path: Path) -> None:
    with contextlib.suppress(OSError):  # not every file system can
        fsync(path)


def _span_from(values: Mapping[str, Any]) -> KeptSpan:
    """A span as ``asdict`` wrote it."""
    files = tuple(_file_from(file) for file in values["files"])
    return KeptSpan(int(values["frames"]), files, _file_from(values["state"]))


def _file_from(values: Mapping[str, Any]) -> KeptFile:
    name = str(values["name"])
    if os.path.basename(name) != name:  # a plan can't name files elsewhere
        raise ValueError(name)
    return KeptFile(name, int(values["size"]), str(values["sha256"]))


def _difference(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> str:
    """The first difference in words."""
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            return _difference(old, new, f"{prefix}{key} ")
        return f"because {prefix}{key} was {old} and is {new}"
    return "because its plan is another"
