"""What ``vidcolor eval`` measures: photographs or films, and the models that compete."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidcolor.data.photos import Photo, decode_rgb
from vidcolor.data.sources import SUFFIXES, iter_named
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import Progress
from vidcolor.errors import InputError, OptionError
from vidcolor.evaluation.halves import Half, half_of
from vidcolor.evaluation.photos import Contender
from vidcolor.media.open import sniff

logger = logging.getLogger(__name__)

Kind = Literal["image", "video"]

_READ = "JPEG, PNG, TIFF, WebP and BMP"


def kind_of(paths: Sequence[Path]) -> Kind:
    """Whether these are photographs (folders, tar files, photos) or films.

    Raises:
        InputError: if one can't be read, or is neither.
        OptionError: if there are both: their figures would not belong together.
    """
    kinds: dict[Kind, Path] = {}
    for path in paths:
        if path.is_dir() or path.suffix.lower() == ".tar":
            kinds["image"] = path
            continue
        kind = sniff(path)
        if kind not in ("image", "video"):
            raise InputError(f"{path}: neither a film, a photo, a folder nor a plain tar file")
        kinds[kind] = path
    if len(kinds) > 1:
        raise OptionError("photos and films can't be measured together: give one kind at a time")
    return next(iter(kinds))


@dataclass
class PhotoFiles:
    """Photographs in the order of their names, decoded when they are wanted.

    Called several times, it warns only once of files that can't be decoded.

    Attributes:
        paths: folders, tar files and photographs.
        limit: stop after that many; None takes all.
        half: take only these of them, see ``half_of``; None takes all.
        unread: suffixes of pictures that aren't read here, to warn of those that a folder has.
    """

    paths: Sequence[Path]
    limit: int | None = None
    half: Half | None = None
    unread: AbstractSet[str] = frozenset()
    _warned: bool = False

    def __call__(self) -> Iterator[tuple[str, Photo]]:
        """Names and photographs, from the start."""
        taken = 0
        for name, blob in self._blobs():
            if self.half not in (None, half_of(name)):
                continue
            photo = decode_rgb(blob)
            if photo is None:
                if not self._warned:
                    logger.warning("%s can't be decoded and doesn't count", name)
                continue
            yield name, photo
            taken += 1
            if taken == self.limit:
                break
        self._warned = True
        if not taken:
            which = f" in the half to {self.half}" if self.half else ""
            raise InputError(f"{self.paths[0]}: no photograph that eval reads ({_READ}){which}")

    def _blobs(self) -> Iterator[tuple[str, bytes]]:
        for path in self.paths:
            if not self._warned:
                self._warn_of_unread(path)
            if path.is_dir() or path.suffix.lower() == ".tar":
                yield from iter_named(path)
            else:
                yield path.name, path.read_bytes()

    def _warn_of_unread(self, folder: Path) -> None:
        unread = self.unread - SUFFIXES
        number = sum(path.suffix.lower() in unread for path in folder.rglob("*"))
        if number:
            logger.warning("%s: %d passed over: eval reads %s", folder, number, _READ)


def load_contenders(
    names: Sequence[str], kind: Kind, options: ColorizeOptions, progress: Progress
) -> list[Contender]:
    """Load the models that compete."""
    models = [
        load_for(kind, dataclasses.replace(options, model=name), progress, None) for name in names
    ]
    return [Contender(model.label, model) for model in models]
