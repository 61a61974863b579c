"""Long runs that go on where they were cut off: what has to be the same for that, and where it is.

A run goes on at the last span that isn't finished. What has to be known of the film before it
stands in its checkpoint, see ``plan.Checkpoint``. Frames of finished spans are passed over; their
encoded packets come from the work folder.
"""

from __future__ import annotations

import dataclasses
import logging
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vidcolor.direction.file import fingerprint
from vidcolor.engine.coloring.film import Treatment
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.part_models import part_models
from vidcolor.engine.run.versions import versions
from vidcolor.engine.shots.plan import Checkpoint
from vidcolor.errors import Option, OutputError
from vidcolor.media.files.packets import KeptFile
from vidcolor.media.files.work_folder import WorkFolder, work_folder_of
from vidcolor.media.open import Input
from vidcolor.models.mixing import names_of
from vidcolor.models.weights.store import weights_file

logger = logging.getLogger(__name__)

_SAME_ANYWAY: Final = (
    "overwrite", "keep_date", "weights_dir", "offline", "resume", "strict", "keep_shots",
    "only_shots",
)  # fmt: skip
"""Options that don't change what comes out."""


class Work:
    """A film's spans: what is finished, and keeping what gets finished.

    Attributes:
        folder: where.
    """

    def __init__(self, folder: WorkFolder) -> None:
        self.folder = folder
        self._kept = Checkpoint((), ())

    def begin(self) -> Checkpoint | None:
        """Where to go on, None at a film's beginning.

        Raises:
            OutputError: a checkpoint can't be read.
        """
        try:
            for data in self.folder.states():
                self._kept = self._kept.extended(Checkpoint.from_json(data))
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{self.folder.path}: damaged ({error}); ",
                Option("resume", False),
                " works without it",
            ) from error
        return self._kept if self._kept.spans else None

    def add(self, checkpoint: Checkpoint, files: list[KeptFile]) -> None:
        """Note as finished what lies before a checkpoint.

        Raises:
            OutputError: the disk is full.
        """
        frames, new = checkpoint.next.frame, checkpoint.since(self._kept)
        self.folder.add(frames, files, new.to_json().encode())
        self._kept = checkpoint
        logger.info("frames up to %d are finished", frames)


def open_work(source: Input, output: str | Path, treatment: Treatment) -> Work | None:
    """The work folder of a film, None where a run can't be gone on with: pipes, ``resume`` off.

    Args:
        source: the input.
        output: the final name; the caller holds the lock on it.
        treatment: how it is coloured.

    Raises:
        OutputError: the folder can't be written.
    """
    options, model = treatment.options, treatment.model
    # The film of masks can't be gone on with, so nor can the film beside it.
    if not options.resume or options.mask is not None or str(output) == "-":
        return None
    identity = source.identity
    if identity is None:
        return None
    key: dict[str, Any] = {
        # its name alone: "reel.mkv" and "./reel.mkv" are the same
        "input": {"name": Path(source.path).name, **dataclasses.asdict(identity)},
        "option": _as_json(options),
        "model": _model(model.label, options)
        | {"device": model.device_label, "precision": model.precision},
        "batch size": treatment.batch_size,  # it changes the network's rounding
        "span": dataclasses.asdict(treatment.rules),
        "filters": treatment.chain().name,
        "shots": _boundaries(treatment),
        "version of": versions(),
    }
    others = part_models(options, model.label)
    if others:
        key["models of parts"] = [_model(name, options) for name in others]
    return Work(WorkFolder(Path(output), key))


def _boundaries(treatment: Treatment) -> list[list[Any]] | None:
    if treatment.shots is None:
        return None
    return [[shot.first, shot.begins] for shot in treatment.shots]


def forget_work(output: str | Path) -> None:
    """Remove what earlier runs have left of an output that is whole now."""
    if str(output) != "-":
        WorkFolder.discard(work_folder_of(Path(output)))


def _as_json(options: ColorizeOptions) -> dict[str, Any]:
    """Options as JSON can hold them."""
    values = dataclasses.asdict(options)
    if options.direction is not None:
        values["direction"] = fingerprint(options.direction)
    return {
        name: str(value) if isinstance(value, (Fraction, Path)) else value
        for name, value in values.items()
        if name not in _SAME_ANYWAY
    }


def _model(name: str, options: ColorizeOptions) -> dict[str, str | None]:
    found = [weights_file(one, weights_dir=options.weights_dir) for one in names_of(name)]
    hashes = "+".join("" if file is None else file[1] for file in found)
    return {"name": name, "sha256": hashes or None}
