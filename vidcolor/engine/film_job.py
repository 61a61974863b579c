"""One film, or one span of it, on its way through the three stages of the pipeline."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vidcolor.engine.colorist import Colors, FilmColorist, FrameLightness, join_frame, side_by_side
from vidcolor.engine.geometry import working_size_of
from vidcolor.engine.luma_line import LumaLine
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.pipeline import MAX_CHUNK_PACKETS, Pipeline
from vidcolor.engine.plan import Checkpoint, Shot, SpanRules, SpanStart
from vidcolor.engine.planner import Planner
from vidcolor.engine.progress import Progress
from vidcolor.engine.stabilize import TimePlan, looks_ahead_for_shots, plan_over_time
from vidcolor.engine.transfer import PendingFrame
from vidcolor.engine.waiting import WaitingLine, look_ahead_frames
from vidcolor.errors import InputError, OptionError, OutputError
from vidcolor.media.scans.write import SequenceWriter
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import VideoWriter
from vidcolor.models.colorizer import Colorizer
from vidcolor.temporal import Deflicker, FilterChain, LumaFilter, MarkedFrame
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.types import LumaFrame, VideoInfo

if TYPE_CHECKING:
    from vidcolor.engine.waiting import Item, Packet

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Chunk:
    """What travels between the stages: frames, copied packets, begins of spans, in file order.

    Behind the colouring a ``LumaFrame`` is one that is not to be coloured: it is done already.
    """

    items: list[Item | SpanStart] = field(default_factory=list)

    @property
    def frames(self) -> list[LumaFrame]:
        """The frames still to be coloured."""
        return [i for i in self.items if isinstance(i, LumaFrame)]

    def is_full(self, batch_size: int) -> bool:
        """Whether it holds as many frames, or as many packets, as one chunk may."""
        frames = sum(isinstance(i, (LumaFrame, PendingFrame)) for i in self.items)
        return frames >= batch_size or len(self.items) - frames >= MAX_CHUNK_PACKETS


@dataclass(frozen=True, slots=True)
class Treatment:
    """How one film is coloured: what the plain run, resume and single spans have in common.

    Attributes:
        model: the network.
        options: as the user gave them.
        batch_size: frames per call of the network.
        rules: how long spans are.
        filters: on luma, fresh ones; deflicker is added where the options ask for it.
        shots: boundaries that are known; None finds them.
    """

    model: Colorizer
    options: ColorizeOptions
    batch_size: int
    rules: SpanRules
    filters: Sequence[LumaFilter] = ()
    shots: Sequence[Shot] | None = None

    def chain(self) -> FilterChain:
        """The filters on luma.

        Raises:
            OptionError: they need more of the past than spans give them.
        """
        chain = FilterChain([*self.filters, *([Deflicker()] if self.options.deflicker else [])])
        if chain.memory_frames > self.rules.settle:
            raise OptionError(
                f"filters need {chain.memory_frames} earlier frames: more than the span rules'"
                f" settle, {self.rules.settle}"
            )
        return chain

    def over_time(self, film: VideoInfo, filters: FilterChain) -> TimePlan:
        """Key frames and smoothing, within the frames that may wait."""
        size = working_size_of(
            self.model.spec.working_size, film, render_factor=self.options.render_factor
        )
        shown = look_ahead_frames(film.width, film.height, film.depth, working_pixels=0)
        held = LOOK_AHEAD_FRAMES if looks_ahead_for_shots(film) else 0
        working = look_ahead_frames(
            film.width, film.height, film.depth, working_pixels=size[0] * size[1]
        )
        return plan_over_time(
            self.options,
            max(min(shown - held - filters.look_ahead_frames, working), 0),
            rules=self.rules,
            saturation=self.model.finishing.saturation,
        )


class FilmJob:
    """A film that is coloured from a checkpoint, or its beginning, to its end.

    Attributes:
        planner: has the shots and spans, as far as the film has been read.
        colorist: colours the frames.
        read: frames that were read.
        written: frames that were written or taken over.
        notes: one line each, for the user.
    """

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, treatment: Treatment,
        progress: Progress, *, begin: Checkpoint | None = None, only_one: bool = False,
    ) -> None:  # fmt: skip
        """Connect what works on it.

        Args:
            source: open; its first frame is the film's first.
            writer: open.
            treatment: how it is coloured.
            progress: told of every frame written.
            begin: frames before this are done.
            only_one: colour one span only.
        """
        self._source, self._writer, self._progress = source, writer, progress
        self._treatment, info = treatment, source.info
        filters = treatment.chain()
        over_time = treatment.over_time(info, filters)
        self.planner = Planner(
            treatment.rules,
            looks_ahead=looks_ahead_for_shots(info), begin=begin, known=treatment.shots,
        )  # fmt: skip
        self._line = LumaLine(self.planner, filters, rotation=info.rotation)
        self._lightness = FrameLightness(
            treatment.model, render_factor=treatment.options.render_factor,
            rotation=info.rotation, sar=info.sar,
        )  # fmt: skip
        self.colorist = FilmColorist(
            treatment.model, self._lightness, batch_size=treatment.batch_size,
            saturation=treatment.options.saturation, over_time=over_time,
            rules=treatment.rules, only_one=only_one,
        )  # fmt: skip
        if begin is not None:
            self.colorist.announce(begin.next)
        self._first = begin.next.read_from if begin else 0
        self._done = begin.next.frame if begin else 0
        self._waiting = WaitingLine()
        self._spans: deque[SpanStart] = deque()
        self.read = self.written = 0
        self.notes = list(over_time.notes)

    def run(self, stop: threading.Event | None, halt: threading.Event) -> None:
        """Do all of it.

        Raises:
            InputError: there is no frame, or one was lost on the way.
        """
        info = self._source.info
        chunks = chunks_of(self._items(), self._treatment.batch_size)
        self._waiting.released = self.written = self.read
        Pipeline(chunks, self._color, self._write, finish=self._flush, stop=stop, halt=halt).run()
        if self.read == 0:
            raise InputError(f"{info.path}: no frame of this video could be decoded")
        if self.colorist.keys is not None:
            logger.info("the network coloured %d of %d frames", self.colorist.keys, self.read)
        self._check_all_written()

    # -- the reading thread ---------------------------------------------------------------------

    def _items(self) -> Iterable[LumaFrame | Packet]:
        return self._source

    # -- the caller's thread --------------------------------------------------------------------

    def _color(self, chunk: Chunk) -> Iterator[Chunk]:
        self._waiting.add(i for i in chunk.items if not isinstance(i, (PendingFrame, SpanStart)))
        frames, skipped = chunk.frames, max(self._first - self.read, 0)
        self.read += len(frames)
        colors = self._colors(self._line.push(frames[skipped:]))
        yield from self._release_done()
        yield from self._release(colors.count, colors)

    def _flush(self) -> Iterator[Chunk]:
        colors = self._colors(self._line.flush())
        yield from self._release_done()
        yield from self._release(colors.count, colors)
        colors = self.colorist.flush()
        yield from self._release(colors.count, colors)

    def _colors(self, ready: Sequence[MarkedFrame]) -> Colors:
        while self._line.spans:
            self.colorist.announce(self._line.spans.popleft())
        for marked in ready:
            self._waiting.replace(marked.number, marked.frame)
        return self.colorist.push(ready)

    def _release_done(self) -> Iterator[Chunk]:
        """Pass on frames that are done already."""
        count = min(self._waiting.frames, self._done - self._waiting.released)
        if count > 0:
            yield from self._release(count)

    def _release(self, count: int, colors: Colors | None = None) -> Iterator[Chunk]:
        """Pass on frames, and packets and begins of spans between them.

        Args:
            count: how many frames may go.
            colors: of these frames; None where they are done already.
        """
        chunk, first = Chunk(), self._waiting.released
        if colors is not None:
            self._spans += colors.spans
        for item in self._waiting.release(count):
            if isinstance(item, LumaFrame):
                number = self._waiting.released - 1
                # just before the span's first frame, so that packets go the same way each time
                if self._spans and self._spans[0].frame == number:
                    chunk.items.append(self._spans.popleft())
                chunk.items.append(self._colored(item, colors, number - first))
            else:
                chunk.items.append(item)
            if chunk.is_full(self._treatment.batch_size):
                yield chunk
                chunk = Chunk()
        if chunk.items:
            yield chunk

    def _colored(
        self, frame: LumaFrame, colors: Colors | None, at: int
    ) -> PendingFrame | LumaFrame:
        """A frame with the colours that stand at this place; without any, as it is."""
        if colors is None:
            return frame
        lightness = self._lightness.output(frame)
        ab = colors.ab[at : at + 1]
        if self._treatment.options.compare:
            info = self._source.info
            source = self._lightness.full(frame)
            lightness, ab = side_by_side(
                source, lightness, ab, info.rotation, is_mirrored=info.is_mirrored
            )
        return join_frame(lightness, ab, self._writer.plane_format, frame)

    # -- the writing thread ---------------------------------------------------------------------

    def _write(self, chunk: Chunk) -> None:
        for item in chunk.items:
            if isinstance(item, SpanStart):
                self._end_span(item)
            elif isinstance(item, PendingFrame):
                self._writer.write(item.wait())
                self._progress.advance(1)
                self.written += 1
            elif isinstance(item, LumaFrame):
                if self.written >= self._done:
                    raise OutputError(f"frame {self.written} reached the writer without colours")
                self._take_over(item)
                self.written += 1
            else:
                self._writer.write(item)

    def _take_over(self, frame: LumaFrame) -> None:
        """A frame that is done already."""
        self._writer.replay(frame)
        self._progress.skip(1)

    def _end_span(self, begins: SpanStart) -> None:
        """All frames before a span are written."""

    def _check_all_written(self) -> None:
        if self.read != self.written:  # never silently: this would be a fault of ours
            path = self._source.info.path
            raise InputError(f"{path}: {self.read} frames read but {self.written} written")


def chunks_of(items: Iterable[LumaFrame | Packet], batch_size: int) -> Iterator[Chunk]:
    """Frames and packets in chunks for the pipeline."""
    chunk = Chunk()
    for item in items:
        chunk.items.append(item)
        if chunk.is_full(batch_size):
            yield chunk
            chunk = Chunk()
    if chunk.items:
        yield chunk
