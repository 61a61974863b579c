"""Single spans, coloured alone: the same bytes as in a run over the whole film."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.film_job import FilmJob, Treatment
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.plan import Checkpoint, ShotPlan
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.sources import frames_from, open_source
from vidcolor.engine.video import batch_size_of, encode_settings
from vidcolor.errors import InputError, OptionError
from vidcolor.media.files.packets import KeptFile
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.scans.write import SequenceWriter
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import VideoWriter, open_writer
from vidcolor.models.contract import ColorModel
from vidcolor.temporal import LumaFilter
from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from vidcolor.engine.waiting import Packet


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that has been coloured and encoded.

    Attributes:
        index: of the span in the plan.
        first: number of its first frame.
        end: number of the frame behind it.
        folder: where its files are.
        files: the encoded packets (see ``media.files.packets.read_calls``), or for numbered images
            a list of them.
    """

    index: int
    first: int
    end: int
    folder: Path
    files: tuple[KeptFile, ...]


def colorize_span(
    input: str | Path,  # noqa: A002 - as in colorize_video
    plan: ShotPlan,
    index: int,
    output: Path,
    *,
    options: ColorizeOptions | None = None,
    model: ColorModel | None = None,
    filters: Sequence[LumaFilter] = (),
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> FinishedSpan:
    """Colour and encode one span of a film.

    What comes out depends on the arguments alone, and is, byte for byte, what ``colorize_video``
    makes of the span, as long as the processor is of the same kind.

    Args:
        input: the film; no pipe.
        plan: of this film.
        index: of the span.
        output: decides how the span is encoded, as the name of the whole film would; the span's
            files are put beside it.
        options: as for the whole film.
        model: an already loaded model; None loads the one that the options name.
        filters: on luma, fresh ones.
        progress: told of every frame written.
        stop: set it to stop; nothing finished is left then.

    Raises:
        OptionError: the plan has no such span, or is of frames that the film hasn't.
        InputError, OutputError, DeviceError, WeightsError, Interrupted: see ``vidcolor.errors``.
    """
    options, progress = options or ColorizeOptions(), progress or NullProgress()
    if not 0 <= index < len(plan.spans):
        raise OptionError(f"the plan has {len(plan.spans)} spans: there is none with index {index}")
    alone = replace(options, audio="none")
    halt = threading.Event()
    with ended_by(stop, halt), open_source(input, options, copy_streams=False) as source:
        chosen = load_for("video", options, progress, model)
        treatment = Treatment(
            chosen, options, batch_size_of(source, options, chosen), plan.rules, filters, plan.shots
        )
        settings = encode_settings(source, alone, chosen)
        with device_errors(chosen.device_label), open_writer(output, source, settings) as writer:
            writer.keep(output.parent)
            job = _Span(source, writer, treatment, progress, plan, index)
            job.run(stop, halt)
            files = tuple(writer.end_span())
    return FinishedSpan(index, job.first, job.end, output.parent, files)


class _Span(FilmJob):
    """One span of a film."""

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, treatment: Treatment,
        progress: Progress, plan: ShotPlan, index: int,
    ) -> None:  # fmt: skip
        start = plan.spans[index]
        begin = Checkpoint(plan.shots[: start.shot.index], plan.spans[: index + 1])
        super().__init__(source, writer, treatment, progress, begin=begin, only_one=True)
        self.first, self.end = start.frame, plan.span_end(index)
        rules, chain = treatment.rules, treatment.chain()
        # one frame behind the span says that it is over; so does the end of the film
        self._last = self.end + max(rules.run_out, 1) + chain.look_ahead_frames + 1
        self._begun = False

    def _items(self) -> Iterable[LumaFrame | Packet]:
        self.read, items = frames_from(self._source, self._first)
        frames = (item for item in items if isinstance(item, LumaFrame))
        return islice(frames, self._last - self.read)

    def _take_over(self, frame: LumaFrame) -> None:
        if not self._begun:
            self._begun = True
            self._writer.begin_span(frame, self._done)

    def _check_all_written(self) -> None:
        if self.written != self.end:
            path = self._source.info.path
            raise InputError(f"{path}: has {self.written} frames of the {self.end} that were planned")
