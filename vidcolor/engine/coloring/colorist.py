"""The core: frames' lightness in, colour planes out. Films, previews and single spans share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from vidcolor.color import join_planes, luma_to_lightness, resize
from vidcolor.engine.coloring.batching import Batcher
from vidcolor.engine.coloring.geometry import as_stored, resize_lightness, upright, working_size
from vidcolor.engine.coloring.over_time import TimePlan
from vidcolor.engine.coloring.span import Seen, SpanColorist
from vidcolor.engine.coloring.transfer import PendingFrame, start_download, upload
from vidcolor.engine.shots.plan import SpanRules, SpanStart
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import Guidance
from vidcolor.temporal import MarkedFrame, even_out, shift_exposure
from vidcolor.temporal.fades import faded_share, unfade
from vidcolor.types import LumaFrame, PlanarFormat


class FrameLightness:
    """Lightness of a film's frames, at full size and as the network sees it."""

    def __init__(
        self, model: Colorizer, *, render_factor: int | None = None,
        rotation: int = 0, sar: Fraction = Fraction(1),
    ) -> None:  # fmt: skip
        """Take what is the same for all frames.

        Args:
            model: the network.
            render_factor: its working size in units of 16 pixels; None is its own for films.
            rotation: degrees clockwise by which stored frames are turned for display.
            sar: sample aspect ratio, of the stored frames.
        """
        self._device, self._spec = model.device, model.spec.working_size
        self._render_factor = render_factor or self._spec.video
        self.rotation = rotation
        self._sar = sar if rotation % 180 == 0 else 1 / sar

    def full(self, frame: LumaFrame) -> Tensor:
        """L*/100 of a frame, ``(1, 1, H, W)`` float32 on the model's device, as the source's."""
        codes = upload(frame.luma, self._device)[None, None]
        return luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)

    def output(self, frame: LumaFrame) -> Tensor:
        """The same with the frame's change of exposure."""
        return shift_exposure(self.full(frame), [frame.exposure])

    def seen(self, frame: LumaFrame) -> Tensor:
        """L*/100 at the network's working size and upright, ``(1, 1, h, w)`` float32."""
        turned = upright(self.full(frame), self.rotation)
        height, width = turned.shape[-2:]
        size = working_size(
            self._spec, width, height, render_factor=self._render_factor, sar=self._sar
        )
        return resize_lightness(turned, size)


@dataclass(frozen=True, slots=True)
class Colors:
    """Colours of the next frames that had none yet, in order.

    Attributes:
        ab: Lab ab of each frame, turned as stored, ``(1, 2, h, w)`` float32; the size differs
            between models.
        spans: that begin behind any of these frames, or before the first; the film's first span,
            and the one that a run begins with, are not among them.
    """

    ab: tuple[Tensor, ...]
    spans: tuple[SpanStart, ...] = ()

    @property
    def count(self) -> int:
        """How many frames these are for; 0 with ``spans`` is possible: this is no ``__len__``."""
        return len(self.ab)


@dataclass(frozen=True, slots=True, eq=False)
class Manner:
    """How some of a film's frames are coloured: one object for all that are coloured alike.

    Attributes:
        batcher: the network.
        lightness: of the film's frames, as this network sees them.
        over_time: key frames and smoothing.
        batch_size: frames per call of the network.
    """

    batcher: Batcher
    lightness: FrameLightness
    over_time: TimePlan
    batch_size: int

    @property
    def model(self) -> Colorizer:
        """The network."""
        return self.batcher.model


class FilmColorist:
    """Colours the frames of one film in order, span by span.

    Each span is coloured by a ``SpanColorist`` of its own. One that begins in mid-shot gets some
    frames from before it, and the one before it gets some frames from behind it. Where the manner
    changes within a span, a new ``SpanColorist`` goes on as behind a cut: it gets no frame from
    before, so batches hold frames of one manner only, and no colour is smoothed across.
    """

    def __init__(
        self, model: Colorizer, lightness: FrameLightness, *, batch_size: int,
        saturation: float = 1.0, over_time: TimePlan | None = None,
        rules: SpanRules | None = None, only_one: bool = False,
        guide: Callable[[int], Guidance | None] | None = None,
        manner_of: Callable[[MarkedFrame], Manner | None] | None = None,
    ) -> None:  # fmt: skip
        """Begin with any span.

        Args:
            model: the network.
            lightness: of the film's frames.
            batch_size: frames per network call.
            saturation: factor on ab.
            over_time: None leaves every frame on its own.
            rules: how long spans are.
            only_one: colour the first span that begins, and nothing after it.
            guide: what is known of a frame's colours, upright; asked for models that listen.
            manner_of: how a frame is coloured that isn't coloured as said here; None as said here.
        """
        self._saturation, self._rotation = saturation, lightness.rotation
        self._usual = Manner(
            Batcher(model, batch_size), lightness, over_time or TimePlan(), batch_size
        )
        self._manner, self._manner_of = self._usual, manner_of
        self._rules, self._only_one, self._guide = rules or SpanRules(), only_one, guide
        self._span_frame = 0
        self._coming: deque[SpanStart] = deque()
        self._current: SpanColorist | None = None
        self._later: SpanStart | None = None
        self._recent: deque[Seen] = deque()
        self._ended: list[SpanStart] = []
        self._keys = 0
        self.is_done = False

    @property
    def keys(self) -> int | None:
        """How many frames the network has coloured so far, None where it colours all."""
        if self._usual.over_time.keys is None:
            return None
        return self._keys + (self._current.keys if self._current else 0)

    def announce(self, span: SpanStart) -> None:
        """Say where a span begins, before its first frame, or that of its warm-up, is pushed."""
        self._coming.append(span)

    def push(self, frames: Sequence[MarkedFrame]) -> Colors:
        """Take the next frames; return the colours that are ready."""
        ready = [ab for marked in frames for ab in self._take(marked)]
        return self._finish(ready)

    def flush(self) -> Colors:
        """The colours that are still due at the end of the film."""
        ready = self._begin_later()
        if not self.is_done:
            ready += self._end()
        return self._finish(ready)

    def _take(self, marked: MarkedFrame) -> list[Tensor]:
        number, ready = marked.number, list[Tensor]()
        manner = (self._manner_of(marked) if self._manner_of else None) or self._usual
        turns, later = manner is not self._manner, self._later
        run_out = self._manner.over_time.run_out
        if later and (marked.begins_shot or turns or number >= later.frame + run_out):
            ready += self._begin_later()
        if turns:
            self._manner = manner
            self._recent.clear()
        if self._coming and number == self._coming[0].frame:
            ready += self._meet(self._coming.popleft(), turns=turns)
        elif turns and self._current is not None:
            ready += self._end()
            self._current = self._new_span(number)
        if self.is_done or not self._is_wanted(number):
            return ready
        self._remember(self._see(marked))
        return ready + (self._current.push(self._recent[-1]) if self._current else [])

    def _see(self, marked: MarkedFrame) -> Seen:
        """A frame as the network sees it: its exposure made even, fades undone."""
        frame, share, faded = marked.frame, None, None
        seen = self._manner.lightness.seen(frame)
        if self._manner.over_time.evens_exposure:
            fade = marked.correction.fade
            faded, seen = seen, unfade(seen, fade)
            share = faded_share(faded, seen, fade)
            faded = None if share is None else faded
            seen = even_out(seen, marked.correction.terms)
        listens = self._guide is not None and self._manner.model.spec.takes_guidance
        guidance = self._guide(marked.number) if self._guide and listens else None
        return Seen(
            marked.number, frame.seconds, marked.begins_shot, seen, share, faded, guidance,
            is_dissolve=marked.is_dissolve,
        )  # fmt: skip

    def _is_wanted(self, number: int) -> bool:
        """Whether a frame is coloured: frames before a run's first warm-up aren't."""
        first = self._coming[0] if self._current is None and self._coming else None
        return first is None or number >= self._warm_up_from(first)

    def _meet(self, span: SpanStart, *, turns: bool) -> list[Tensor]:
        """A span begins with the next frame; with ``turns`` another manner does, too."""
        if self._current is None:  # the run's first
            self._begin(span)
            return []
        self._later = span
        if span.is_boundary or turns or not self._manner.over_time.run_out:
            return self._begin_later()
        self._current.end = span.frame
        return []

    def _begin_later(self) -> list[Tensor]:
        """End the current span, and begin the next with what it needs of the frames so far."""
        span, self._later = self._later, None
        if span is None or self._current is None:
            return []
        self._current.end = span.frame
        before = self._current
        ready = self._end()
        self._ended.append(span)
        if self._only_one:
            self.is_done = True
            return ready
        return ready + self._begin(span, before)

    def _begin(self, span: SpanStart, before: SpanColorist | None = None) -> list[Tensor]:
        first, self._span_frame = self._warm_up_from(span), span.frame
        self._current = self._new_span(span.frame, before)
        recent = [seen for seen in self._recent if seen.number >= first]
        self._recent.clear()
        ready = []
        for seen in recent:
            self._remember(seen)
            ready += self._current.push(seen)
        return ready

    def _new_span(self, first: int, before: SpanColorist | None = None) -> SpanColorist:
        """What colours a span, or the rest of one from where the manner changes."""
        manner = self._manner
        keep_from = self._span_frame + self._rules.max_frames - manner.over_time.warm_up
        return SpanColorist(
            manner.batcher, manner.over_time, manner.model.finishing,
            first=first, batch_size=manner.batch_size, keep_from=keep_from, before=before,
        )  # fmt: skip

    def _end(self) -> list[Tensor]:
        if self._current is None:
            return []
        ready, self._keys = self._current.flush(), self._keys + self._current.keys
        self._current = None
        return ready

    def _warm_up_from(self, span: SpanStart) -> int:
        return max(span.read_from, span.frame - self._manner.over_time.warm_up)

    def _remember(self, seen: Seen) -> None:
        """Keep what the next span may need if it begins in mid-shot."""
        if seen.begins_shot:
            self._recent.clear()
        self._recent.append(seen)
        least = self._current.keep_from if self._current else 0
        while len(self._recent) > 1 and self._recent[0].number < least:
            self._recent.popleft()

    def _finish(self, ready: list[Tensor]) -> Colors:
        spans, self._ended = tuple(self._ended), []
        stored = (as_stored(ab, self._rotation) * self._saturation for ab in ready)
        return Colors(tuple(frame for ab in stored for frame in torch.split(ab, 1)), spans)


def color_alone(
    model: Colorizer, lightness: FrameLightness, frame: LumaFrame, *, saturation: float = 1.0,
    grey_mounts: bool = True,
) -> Tensor:  # fmt: skip
    """Colours of one frame without its neighbours, ``(1, 2, h, w)`` ab, turned as stored."""
    plan = TimePlan(grey_mounts=grey_mounts)
    alone = SpanColorist(Batcher(model, 1), plan, model.finishing, first=0, batch_size=1)
    (ab,) = alone.push(Seen(0, frame.seconds, True, lightness.seen(frame)))
    return as_stored(ab, lightness.rotation) * saturation


def join_frame(
    lightness: Tensor, ab: Tensor, target: PlanarFormat, source: LumaFrame
) -> PendingFrame:
    """Combine L* and ab on the device; start the copy to the host.

    Args:
        lightness: ``(1, 1, H, W)``, L*/100.
        ab: ``(1, 2, h, w)``, Lab ab of any size.
        target: the planes that the writer wants.
        source: the frame that they are of.
    """
    return start_download([plane[0] for plane in join_planes(lightness, ab, target)], source)


def side_by_side(
    source: Tensor, lightness: Tensor, ab: Tensor, rotation: int, *, is_mirrored: bool = False
) -> tuple[Tensor, Tensor]:
    """The grey frame and the coloured one next to each other, as shown: grey left, colour right.

    Args:
        source: ``(1, 1, H, W)``, L*/100 of the grey frame.
        lightness: the same of the coloured one.
        ab: its ab, any size.
        rotation: degrees clockwise by which the film is turned for display.
        is_mirrored: left and right are exchanged then.

    Returns:
        Lightness and ab of the pair.
    """
    across = 3 if rotation % 180 == 0 else 2
    full = resize(ab, (int(lightness.shape[-2]), int(lightness.shape[-1])))
    pairs = [(source, lightness), (torch.zeros_like(full), full)]
    # Turned or mirrored for display, what is stored first may be shown last.
    if (rotation in (90, 180)) != is_mirrored:
        pairs = [pair[::-1] for pair in pairs]
    both_l, both_ab = (torch.cat(pair, dim=across) for pair in pairs)
    return both_l, both_ab
