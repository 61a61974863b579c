"""One film, or one span of it, on its way through the three stages of the pipeline."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vidcolor.engine.coloring.colorist import join_frame, side_by_side
from vidcolor.engine.coloring.film import ColoredFrame, FilmColoring, Treatment
from vidcolor.engine.coloring.transfer import PendingFrame
from vidcolor.engine.progress import Progress
from vidcolor.engine.run.pipeline import MAX_CHUNK_PACKETS, Pipeline
from vidcolor.engine.shots.plan import Checkpoint, SpanStart
from vidcolor.errors import InputError, OutputError
from vidcolor.media.source import FrameSource
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.engine.coloring.waiting import Item, Packet
    from vidcolor.media.scans.write import SequenceWriter

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Chunk:
    """What travels between the stages: frames, copied packets, begins of spans, in file order.

    Behind the colouring a ``LumaFrame`` is one that is not to be coloured: it is done already. A
    ``ColoredFrame`` is still to be joined.
    """

    items: list[Item | ColoredFrame | SpanStart] = field(default_factory=list)

    @property
    def sources(self) -> list[LumaFrame | Packet]:
        """What was read: frames still to be coloured, and packets."""
        made = (PendingFrame, ColoredFrame, SpanStart)
        return [i for i in self.items if not isinstance(i, made)]

    def is_full(self, batch_size: int) -> bool:
        """Whether it holds as many frames, or as many packets, as one chunk may."""
        kinds = (LumaFrame, PendingFrame, ColoredFrame)
        frames = sum(isinstance(i, kinds) for i in self.items)
        return frames >= batch_size or len(self.items) - frames >= MAX_CHUNK_PACKETS


class FilmJob:
    """A film that is coloured from a checkpoint, or its beginning, to its end.

    Attributes:
        coloring: what gives the frames their colours.
        written: frames that were written or taken over.
    """

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, treatment: Treatment,
        progress: Progress, *, begin: Checkpoint | None = None, only_one: bool = False,
        first_frame: int = 0,
    ) -> None:  # fmt: skip
        """Connect what works on it.

        Args:
            source: open.
            writer: open.
            treatment: how it is coloured.
            progress: told of every frame written.
            begin: frames before this are done.
            only_one: colour one span only.
            first_frame: number of the source's first frame in the film.
        """
        self._source, self._writer, self._progress = source, writer, progress
        self._treatment = treatment
        # A GPU is used by one thread only. On a CPU the join is half as much work as the colours:
        # beside the writer's own it makes the two threads about even.
        self._joins_late = treatment.model.device.type == "cpu"
        self.coloring = FilmColoring(
            source.info, treatment, begin=begin, only_one=only_one, first_frame=first_frame
        )
        self.written = first_frame

    def run(self, stop: threading.Event | None, halt: threading.Event) -> None:
        """Do all of it.

        Raises:
            InputError: there is no frame, or one was lost on the way.
        """
        info = self._source.info
        chunks = chunks_of(self._items(), self._treatment.batch_size)
        Pipeline(chunks, self._color, self._write, finish=self._flush, stop=stop, halt=halt).run()
        if self.coloring.read == 0:
            raise InputError(f"{info.path}: no frame of this video could be decoded")
        if (keys := self.coloring.colorist.keys) is not None:
            logger.info("the network coloured %d of %d frames", keys, self.coloring.read)
        self._check_all_written()

    # -- the reading thread ---------------------------------------------------------------------

    def _items(self) -> Iterable[LumaFrame | Packet]:
        return self._source

    # -- the caller's thread --------------------------------------------------------------------

    def _color(self, chunk: Chunk) -> Iterator[Chunk]:
        return self._chunks(self.coloring.push(chunk.sources))

    def _flush(self) -> Iterator[Chunk]:
        return self._chunks(self.coloring.flush())

    def _chunks(self, items: Iterable[ColoredFrame | SpanStart | Packet]) -> Iterator[Chunk]:
        chunk = Chunk()
        for item in items:
            chunk.items.append(self._colored(item) if isinstance(item, ColoredFrame) else item)
            if chunk.is_full(self._treatment.batch_size):
                yield chunk
                chunk = Chunk()
        if chunk.items:
            yield chunk

    def _colored(self, colored: ColoredFrame) -> PendingFrame | ColoredFrame | LumaFrame:
        """What is passed on of a frame; without colours, it as it is."""
        if colored.ab is None:
            return colored.frame
        return colored if self._joins_late else self._joined(colored.frame, colored.ab)

    def _joined(self, frame: LumaFrame, ab: Tensor) -> PendingFrame:
        """The frame's planes, on their way to the host."""
        lightness = self.coloring.lightness.output(frame)
        if self._treatment.options.compare:
            info = self._source.info
            source = self.coloring.lightness.full(frame)
            lightness, ab = side_by_side(
                source, lightness, ab, info.rotation, is_mirrored=info.is_mirrored
            )
        return join_frame(lightness, ab, self._writer.plane_format, frame)

    # -- the writing thread ---------------------------------------------------------------------

    def _write(self, chunk: Chunk) -> None:
        for item in chunk.items:
            if isinstance(item, SpanStart):
                self._end_span(item)
            elif isinstance(item, ColoredFrame) and item.ab is not None:
                self._write_frame(self._joined(item.frame, item.ab))
            elif isinstance(item, PendingFrame):
                self._write_frame(item)
            elif isinstance(item, LumaFrame):
                if self.written >= self.coloring.first_done:
                    raise OutputError(f"frame {self.written} reached the writer without colours")
                self._take_over(item)
                self.written += 1
            elif not isinstance(item, ColoredFrame):
                self._writer.write(item)

    def _write_frame(self, frame: PendingFrame) -> None:
        self._writer.write(frame.wait())
        self._progress.advance(1)
        self.written += 1

    def _take_over(self, frame: LumaFrame) -> None:
        """A frame that is done already."""
        self._writer.replay(frame)
        self._progress.skip(1)

    def _end_span(self, begins: SpanStart) -> None:
        """All frames before a span are written."""

    def _check_all_written(self) -> None:
        read = self.coloring.read
        if read != self.written:  # never silently: this would be a fault of ours
            path = self._source.info.path
            raise InputError(f"{path}: {read} frames read but {self.written} written")


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
