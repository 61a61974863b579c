"""What workers are asked to do, and what they give back: values that travel between machines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.errors import VidcolorError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction
from vidcolor.models.finishing import Finishing
from vidcolor.models.spec import Kind, ModelSpec

if TYPE_CHECKING:
    from vidcolor.engine.shots.plan import ShotPlan, SpanRules
    from vidcolor.engine.shots.planner import Mark
    from vidcolor.media.files.packets import KeptFile
    from vidcolor.media.source import SourceStatus


@dataclass(frozen=True, slots=True)
class Setup:
    """How a worker is set up.

    Attributes:
        options: of all tasks.
        device: where its networks run, as ``ColorizeOptions.device``.
        threads: of its networks, of its decoder and of its encoder, each.
        kind: what the model that it loads at once is for.
        prepare: called first of all; None for nothing. A function that can be pickled.
    """

    options: ColorizeOptions
    device: str = "auto"
    threads: int = 1
    kind: Kind = "video"
    prepare: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model without its network.

    Attributes:
        spec: facts about it.
        label: its name or path.
        device: where it runs, such as "cpu" or "cuda:1".
        dtype: number format of its weights.
        finishing: of its colours.
        said: what has to be told to the user, such as which model "auto" chose.
    """

    spec: ModelSpec
    label: str
    device: str
    dtype: torch.dtype
    finishing: Finishing
    said: tuple[str, ...] = ()

    @classmethod
    def of(cls, model: Colorizer, said: tuple[str, ...] = ()) -> ModelFacts:
        """The facts of a loaded model."""
        spec = model.spec
        # read-only views of dictionaries can't be pickled
        spec = replace(spec, precisions=dict(spec.precisions), batch_size=dict(spec.batch_size))
        return cls(spec, model.label, model.device_label, model.dtype, model.finishing, said)

    def colorizer(self) -> Colorizer:
        """A stand-in for the model, of which everything can be asked but colours."""
        return Colorizer(
            _no_colors, self.spec, label=self.label, device=torch.device(self.device),
            dtype=self.dtype, finishing=self.finishing,
        )  # fmt: skip


def _no_colors(inputs: ModelInput) -> Prediction:
    raise RuntimeError("this model's network is with the workers")


@dataclass(frozen=True, slots=True)
class SpanTask:
    """Colour one span of a film.

    Attributes:
        film: path of the input.
        output: path of the whole film.
        folder: where a folder for the span's files is made.
        plan: of the film, as far as this span needs it.
        index: of the span in the plan.
        options: as for the whole film.
        frame_index: a file with what the reading of the film has shown; "" for none.
        marks: of the frames that are read for it, see ``SpanFilm.colorize``.
        status: what the film's first frames have shown, see ``SpanFilm``; None where few were read.
    """

    film: str
    output: str
    folder: str
    plan: ShotPlan
    index: int
    options: ColorizeOptions
    frame_index: str = ""
    marks: tuple[Mark, ...] | None = None
    status: SourceStatus | None = None

    @property
    def frames(self) -> int:
        """How many frames the span has."""
        return self.plan.span_end(self.index) - self.plan.spans[self.index].frame


@dataclass(frozen=True, slots=True)
class SpanDone:
    """A coloured span.

    Attributes:
        folder: made for it; holds its files and nothing else that is needed.
        files: as ``FinishedSpan`` has them.
        frames: of the span.
        seconds: that it took.
        cpu_seconds: of all threads.
        opening_s: seconds until the first frame was asked for.
    """

    folder: str
    files: tuple[KeptFile, ...]
    frames: int
    seconds: float
    cpu_seconds: float
    opening_s: float


@dataclass(frozen=True, slots=True)
class FilmTask:
    """Colour a whole film, which is short beside all that is to be done.

    Attributes:
        film: path of the input.
        output: path of the result.
        options: how.
        rules: how long spans are, which are kept while it is made.
        frames: by its header.
    """

    film: str
    output: str
    options: ColorizeOptions
    rules: SpanRules
    frames: int


@dataclass(frozen=True, slots=True)
class FilmDone:
    """A film that is whole.

    Attributes:
        result: what was done.
        frames: of the film.
        seconds: that it took.
        cpu_seconds: of all threads.
    """

    result: ColorizeResult
    frames: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """Colour some photographs.

    Attributes:
        photos: input and output of each.
        options: of all of them.
    """

    photos: tuple[tuple[str, str], ...]
    options: ColorizeOptions

    @property
    def frames(self) -> int:
        """How many photographs."""
        return len(self.photos)


@dataclass(frozen=True, slots=True)
class PhotosDone:
    """What became of photographs, in the order of the task.

    Attributes:
        results: for each what was done, or why not.
        frames: how many.
        seconds: that it took.
        cpu_seconds: of all threads.
    """

    results: tuple[ColorizeResult | VidcolorError, ...]
    frames: int
    seconds: float
    cpu_seconds: float


Task = SpanTask | FilmTask | PhotoTask
Result = SpanDone | FilmDone | PhotosDone
