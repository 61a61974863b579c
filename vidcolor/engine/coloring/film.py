"""From a film's frames and packets to frames with their colours, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from vidcolor.engine.coloring.batching import Batcher, default_batch_size
from vidcolor.engine.coloring.colorist import Colors, FilmColorist, FrameLightness, Manner
from vidcolor.engine.coloring.geometry import working_size_of
from vidcolor.engine.coloring.over_time import (
    TimePlan,
    dissolve_frames,
    plan_look_ahead,
    plan_over_time,
)
from vidcolor.engine.coloring.waiting import WaitingLine, look_ahead_frames
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.shots.luma_line import LumaLine
from vidcolor.engine.shots.plan import Checkpoint, Shot, SpanRules, SpanStart
from vidcolor.engine.shots.planner import KnownMarks, Mark, Planner
from vidcolor.errors import OptionError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import Guidance
from vidcolor.temporal import Deflicker, FilterChain, LumaFilter, MarkedFrame
from vidcolor.temporal.cuts import LOOK_AHEAD_FRAMES
from vidcolor.types import LumaFrame, VideoInfo

if TYPE_CHECKING:
    from vidcolor.engine.coloring.waiting import Packet
    from vidcolor.repair.film import MaskSink


class Steer(Protocol):
    """What a person says of a film's colours."""

    def __call__(self, number: int, frame: LumaFrame, ab: Tensor) -> Tensor:
        """A frame's ab, ``(1, 2, h, w)`` turned as stored, changed by what is known of it."""
        ...

    def guide(self, number: int) -> Guidance | None:
        """What is known of a frame, upright, for models that listen."""
        ...

    def model_of(self, number: int, frame: LumaFrame) -> Colorizer | None:
        """The model that is said to colour a frame; None is the film's."""
        ...

    def smoothing_of(self, number: int, frame: LumaFrame) -> float | None:
        """The time constant in seconds that is said of a frame; None is the film's."""
        ...


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
        steer: what is known of the frames; None where nothing is.
        on_mask: is told of every frame what repair filled in.
        marks: what the shot plan says of each frame that is coloured, from the first that is read
            on; None finds it.
    """

    model: Colorizer
    options: ColorizeOptions
    batch_size: int
    rules: SpanRules
    filters: Sequence[LumaFilter] = ()
    shots: Sequence[Shot] | None = None
    steer: Steer | None = None
    on_mask: MaskSink | None = None
    marks: Sequence[Mark] | None = None

    def chain(self) -> FilterChain:
        """The filters on luma.

        Raises:
            OptionError: they need more of the past than spans give them.
        """
        chain = FilterChain([*self._repairs(), *self.filters, *self._evening()])
        if chain.memory_frames > self.rules.settle:
            raise OptionError(
                f"filters need {chain.memory_frames} earlier frames: more than the span rules'"
                f" settle, {self.rules.settle}"
            )
        return chain

    def _repairs(self) -> list[LumaFilter]:
        options, filters = self.options, list[LumaFilter]()
        # Imported where it is asked for, so that a first frame comes sooner.
        if options.repair in ("auto", "film"):
            from vidcolor.repair.film import FilmRepair

            filters.append(FilmRepair(strength=options.repair_strength, on_mask=self.on_mask))
        if options.steady:
            from vidcolor.repair.steady import Steady

            filters.append(Steady())
        return filters

    def _evening(self) -> list[LumaFilter]:
        return [Deflicker()] if self.options.deflicker else []

    def otherwise(self, film: VideoInfo, model: Colorizer, smoothing: float | None) -> Treatment:
        """The same with another model, or another smoothing."""
        options = self.options
        if smoothing is not None:
            options = replace(options, smoothing=smoothing)
        usual = default_batch_size(model, film.width * film.height)
        size = self.batch_size if model is self.model else options.batch_size or usual
        return replace(self, model=model, options=options, batch_size=size)

    def over_time(self, film: VideoInfo, filters: FilterChain) -> TimePlan:
        """Key frames and smoothing, within the frames that may wait."""
        size = working_size_of(
            self.model.spec.working_size, film, render_factor=self.options.render_factor
        )
        shown = look_ahead_frames(film.width, film.height, film.depth, working_pixels=0)
        held = min(plan_look_ahead(film), LOOK_AHEAD_FRAMES)
        working = look_ahead_frames(
            film.width, film.height, film.depth, working_pixels=size[0] * size[1]
        )
        return plan_over_time(
            self.options,
            max(min(shown - held - filters.look_ahead_frames, working), 0),
            dissolves=dissolve_frames(film, size[0] * size[1]) if held else 0,
            rules=self.rules,
            saturation=self.model.finishing.saturation,
        )


@dataclass(frozen=True, slots=True)
class ColoredFrame:
    """A frame with its colours.

    Attributes:
        number: of the frame in the film, from 0.
        frame: the luma, as filters on luma left it.
        ab: Lab ab, turned as stored, ``(1, 2, h, w)`` float32 at the network's size; None for a
            frame before the checkpoint that the colouring began with.
    """

    number: int
    frame: LumaFrame
    ab: Tensor | None


class FilmColoring:
    """Colours a film from a checkpoint, or its beginning, to its end.

    Attributes:
        planner: has the shots and spans, as far as the film has been read; it is idle where the
            treatment has marks.
        colorist: colours the frames.
        lightness: of the film's frames.
        first_done: number of the first frame that isn't done yet.
        read: frames that were taken.
        notes: one line each, for the user.
    """

    def __init__(
        self, film: VideoInfo, treatment: Treatment, *, begin: Checkpoint | None = None,
        only_one: bool = False, first_frame: int = 0,
    ) -> None:  # fmt: skip
        """Connect what works on it.

        Args:
            film: what it is.
            treatment: how it is coloured.
            begin: frames before this are done.
            only_one: colour one span only.
            first_frame: number of the frame that comes first.
        """
        filters = treatment.chain()
        over_time = treatment.over_time(film, filters)
        self.planner = Planner(
            treatment.rules,
            look_ahead=plan_look_ahead(film), begin=begin, known=treatment.shots,
        )  # fmt: skip
        marks = treatment.marks
        marker = self.planner if marks is None else KnownMarks(marks)
        self._line = LumaLine(marker, filters, rotation=film.rotation)
        self.lightness = FrameLightness(
            treatment.model, render_factor=treatment.options.render_factor,
            rotation=film.rotation, sar=film.sar,
        )  # fmt: skip
        self.colorist = FilmColorist(
            treatment.model, self.lightness, batch_size=treatment.batch_size,
            saturation=treatment.options.saturation, over_time=over_time,
            rules=treatment.rules, only_one=only_one,
            guide=None if treatment.steer is None else treatment.steer.guide,
            manner_of=None if treatment.steer is None else self._manner_of,
        )  # fmt: skip
        self._film, self._treatment = film, treatment
        self._filters = filters
        self._manners: dict[tuple[int, float | None], Manner | None] = {}
        if begin is not None:
            self.colorist.announce(begin.next)
        self._first = begin.next.read_from if begin else 0
        self.first_done = begin.next.frame if begin else 0
        self._steer = treatment.steer
        self._waiting = WaitingLine()
        self._waiting.released = self.read = first_frame
        self._spans: deque[SpanStart] = deque()
        self.notes = list(over_time.notes)

    def push(
        self, items: Sequence[LumaFrame | Packet]
    ) -> Iterator[ColoredFrame | SpanStart | Packet]:
        """Take the next frames and packets, in file order.

        Yields:
            What is ready, in file order; a span's start comes just before its first frame.
        """
        self._waiting.add(items)
        frames = [item for item in items if isinstance(item, LumaFrame)]
        skipped = max(self._first - self.read, 0)
        self.read += len(frames)
        colors = self._colors(self._line.push(frames[skipped:]))
        yield from self._release_done()
        yield from self._release(colors.count, colors)

    def flush(self) -> Iterator[ColoredFrame | SpanStart | Packet]:
        """What is left at the end of the film."""
        colors = self._colors(self._line.flush())
        yield from self._release_done()
        yield from self._release(colors.count, colors)
        colors = self.colorist.flush()
        yield from self._release(colors.count, colors)

    def _manner_of(self, marked: MarkedFrame) -> Manner | None:
        """How a frame is coloured of which that is said; None as the others are."""
        usual, steer = self._treatment, self._steer
        if steer is None:
            return None
        model = steer.model_of(marked.number, marked.frame) or usual.model
        smoothing = steer.smoothing_of(marked.number, marked.frame)
        if model is usual.model and smoothing is None:
            return None
        key = (id(model), smoothing)
        if key not in self._manners:
            self._manners[key] = self._new_manner(usual.otherwise(self._film, model, smoothing))
        return self._manners[key]

    def _new_manner(self, treatment: Treatment) -> Manner | None:
        usual = self._treatment
        if treatment.model is usual.model and (
            treatment.options.smoothing_s == usual.options.smoothing_s
        ):
            return None
        plan = treatment.over_time(self._film, self._filters)
        self.notes += [note for note in plan.notes if note not in self.notes]
        lightness = FrameLightness(
            treatment.model, render_factor=treatment.options.render_factor,
            rotation=self._film.rotation, sar=self._film.sar,
        )  # fmt: skip
        batcher = Batcher(treatment.model, treatment.batch_size)
        return Manner(batcher, lightness, plan, treatment.batch_size)

    def _colors(self, ready: Sequence[MarkedFrame]) -> Colors:
        while self._line.spans:
            self.colorist.announce(self._line.spans.popleft())
        for marked in ready:
            self._waiting.replace(marked.number, marked.frame)
        return self.colorist.push(ready)

    def _release_done(self) -> Iterator[ColoredFrame | SpanStart | Packet]:
        """Pass on frames that are done already."""
        count = min(self._waiting.frames, self.first_done - self._waiting.released)
        if count > 0:
            yield from self._release(count)

    def _release(
        self, count: int, colors: Colors | None = None
    ) -> Iterator[ColoredFrame | SpanStart | Packet]:
        """Pass on frames, and packets and begins of spans between them.

        Args:
            count: how many frames may go.
            colors: of these frames; None where they are done already.
        """
        first = self._waiting.released
        if colors is not None:
            self._spans += colors.spans
        for item in self._waiting.release(count):
            if not isinstance(item, LumaFrame):
                yield item
                continue
            number = self._waiting.released - 1
            # just before the span's first frame, so that packets go the same way each time
            if self._spans and self._spans[0].frame == number:
                yield self._spans.popleft()
            at = number - first
            ab = None if colors is None else colors.ab[at]
            if ab is not None and self._steer is not None:
                ab = self._steer(number, item, ab)
            yield ColoredFrame(number, item, ab)
