"""Long runs that go on where they were cut off: what has to be the same for that, and where it is.

The source is read again from its beginning: decoding costs little beside colouring, seeking lands
on the wrong frame in too many old files, and what knows about shots and exposure comes to the same
state by seeing the same frames. Frames whose spans are finished are only looked at; their encoded
packets come from the work folder.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.spans import SpanEnd, SpanRules
from vidcolor.engine.versions import versions
from vidcolor.errors import Option, OutputError
from vidcolor.media.files.work_folder import KeptSpan, WorkFolder, work_folder_of
from vidcolor.media.open import Input
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.weights.store import weights_file

logger = logging.getLogger(__name__)

_SAME_ANYWAY: Final = ("overwrite", "weights_dir", "offline", "resume", "strict")
"""Options that don't change what comes out."""

RULES: Final = SpanRules()


class Work:
    """A film's spans: what is finished, and keeping what gets finished.

    Attributes:
        folder: where.
        rules: how long spans are.
    """

    def __init__(self, folder: WorkFolder, rules: SpanRules) -> None:
        self.folder, self.rules = folder, rules

    def begin(self) -> SpanEnd | None:
        """The end of the last finished span, None at a film's beginning.

        Raises:
            OutputError: its state can't be read.
        """
        if not self.folder.spans:
            return None
        last: KeptSpan = self.folder.spans[-1]
        try:
            data = self.folder.state()
            state = {} if data is None else load_tensors(data)
        except Exception as error:
            raise OutputError(
                f"{self.folder.path}: damaged ({error}); ",
                Option("resume", False),
                " works without it",
            ) from error
        return SpanEnd(last.frames, last.taken, state)

    def add(self, end: SpanEnd, files: list[Any]) -> None:
        """Note a span as finished.

        Raises:
            OutputError: the disk is full.
        """
        state = save_tensors(end.state) if end.state else None
        self.folder.add(end.frames, end.taken, files, state)
        logger.info("frames up to %d are finished", end.frames)


def open_work(
    source: Input,
    output: str | Path,
    options: ColorizeOptions,
    model: Colorizer,
    *,
    batch_size: int,
    rules: SpanRules = RULES,
) -> Work | None:
    """The work folder of a film, None where a run can't be gone on with: pipes, ``resume`` off.

    Args:
        source: the input.
        output: the final name; the caller holds the lock on it.
        options: how it is colorized.
        model: what by.
        batch_size: frames per call of the network; rounding hangs on it.
        rules: how long spans are.

    Raises:
        OutputError: the folder can't be written.
    """
    if not options.resume or str(output) == "-":
        return None
    identity = source.identity
    if identity is None:
        return None
    plan = {
        # its name alone: "reel.mkv" and "./reel.mkv" are the same
        "input": {"name": Path(source.path).name, **dataclasses.asdict(identity)},
        "option": _told(options),
        "model": _model(model, options),
        "batch size": batch_size,
        "span": dataclasses.asdict(rules),
        "version of": versions(),
    }
    return Work(WorkFolder(Path(output), plan), rules)


def forget_work(output: str | Path) -> None:
    """Remove what earlier runs have left of an output that is whole now."""
    if str(output) != "-":
        WorkFolder.discard(work_folder_of(Path(output)))


def _told(options: ColorizeOptions) -> dict[str, Any]:
    """Options as JSON can hold them."""
    values = dataclasses.asdict(options)
    return {
        name: str(value) if isinstance(value, (Fraction, Path)) else value
        for name, value in values.items()
        if name not in _SAME_ANYWAY
    }


def _model(model: Colorizer, options: ColorizeOptions) -> Mapping[str, str | None]:
    found = weights_file(model.label, weights_dir=options.weights_dir)
    return {
        "name": model.label,
        "sha256": None if found is None else found[1],
        "device": model.device_label,
        "precision": model.precision,
    }
