"""The encoded shots of a film that is whole, kept beside it, so that some can be done again.

They lie in the film's work folder (``work_folder.py``). ``film.json`` there says what they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from vidcolor.errors import InputError
from vidcolor.media.files.atomic import fsync
from vidcolor.media.files.packets import EncodedPacket, KeptFile, is_whole, read_calls

FILM: Final = "film.json"
"""In a work folder: the film is whole."""

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class KeptFilm:
    """All spans of a film.

    Attributes:
        folder: where they are.
        same: what has to be the same for spans that are joined to them, as JSON can hold it.
        plan: the shot plan, as text.
        ends: number of the frame behind each span.
        files: the packets of each span.
    """

    folder: Path
    same: Mapping[str, Any]
    plan: str
    ends: tuple[int, ...]
    files: tuple[KeptFile, ...]

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What is kept in a folder; None where nothing is.

        Raises:
            InputError: a span is damaged, or ``film.json`` is.
        """
        path = folder / FILM
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                return None
            files = tuple(
                KeptFile(os.path.basename(each["name"]), int(each["size"]), str(each["sha256"]))
                for each in found["files"]
            )
            ends = tuple(int(end) for end in found["ends"])
            kept = cls(folder, dict(found["same"]), str(found["plan"]), ends, files)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: damaged ({error})") from error
        for file in files:
            if not is_whole(file, folder):
                raise InputError(f"{folder / file.name}: damaged: the whole film has to be done")
        return kept

    def save(self) -> None:
        """Write ``film.json``, whole or not at all; then remove what it doesn't name.

        Raises:
            OSError: it can't be written.
        """
        content = {
            "format": _FORMAT, "same": dict(self.same), "plan": self.plan, "ends": self.ends,
            "files": [asdict(file) for file in self.files],
        }  # fmt: skip
        half = self.folder / f"{FILM}.half"
        half.write_text(json.dumps(content), encoding="utf-8")
        fsync(half)
        os.replace(half, self.folder / FILM)
        named = {FILM, *(file.name for file in self.files)}
        for path in self.folder.iterdir():
            if path.name not in named and path.is_file():
                with contextlib.suppress(OSError):
                    path.unlink()

    def differs_in(self, same: Mapping[str, Any]) -> str | None:
        """Name of the first thing that is another than in ``same``; None where all is alike."""
        plain = json.loads(json.dumps(dict(same)))
        names = sorted({*plain, *self.same})
        return next((name for name in names if plain.get(name) != self.same.get(name)), None)

    def with_span(self, index: int, made: Path, file: KeptFile) -> Self:
        """With another file, which lies elsewhere on the same disk, in place of a span's.

        Raises:
            OSError: it can't be moved here.
        """
        # another name than the one before has: that stays until ``save``
        digest = hashlib.sha256(f"{self.files[index].name} {file.sha256}".encode()).hexdigest()
        named = replace(file, name=f"span-{index}-{digest[:16]}.packets")
        os.replace(made / file.name, self.folder / named.name)
        files = (*self.files[:index], named, *self.files[index + 1 :])
        return replace(self, files=files)

    def packets(self) -> Iterator[list[EncodedPacket]]:
        """What is to be written with each frame, and behind the last; see ``WorkFolder``."""
        late: list[EncodedPacket] = []
        start = 0
        for end, file in zip(self.ends, self.files, strict=True):
            with contextlib.closing(read_calls(self.folder / file.name)) as calls:
                for _ in range(start, end):
                    yield late + next(calls)
                    late = []
                late, start = next(calls), end
        yield late


def keep_film(
    folder: Path, same: Mapping[str, Any], plan: str, ends: Sequence[int], files: Sequence[KeptFile]
) -> None:
    """Note that a film is whole, and keep its spans; see ``KeptFilm``.

    Raises:
        OSError: the disk is full.
    """
    KeptFilm(folder, same, plan, tuple(ends), tuple(files)).save()
