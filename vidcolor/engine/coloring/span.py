"""Colours the frames of one span: network, key frames, smoothing, finishing."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidcolor.color import resize
from vidcolor.engine.coloring.batching import Batcher
from vidcolor.engine.coloring.finished import finished
from vidcolor.engine.coloring.over_time import TimePlan
from vidcolor.models.contract import Guidance, ModelInput
from vidcolor.models.finishing import Finishing
from vidcolor.temporal import ColoredFrames, Smoother, SparseColoring
from vidcolor.temporal.dissolving import DissolveSmoother


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame as the network sees it.

    Attributes:
        number: of the frame in the film.
        seconds: presentation time.
        begins_shot: it is the first of a shot.
        lightness: ``(1, 1, h, w)`` float32, L*/100, upright, exposure evened out, fades undone.
        share: factor on its ab, ``(1, 1, h, w)``: of its fade; None for 1.
        plain: ``lightness`` without a fade undone; None where nothing is faded.
        guidance: known colours, upright, for models that take them.
        is_dissolve: its shot begins by a dissolve, of which this is the middle.
    """

    number: int
    seconds: float
    begins_shot: bool
    lightness: Tensor
    share: Tensor | None = None
    plain: Tensor | None = None
    guidance: Guidance | None = None
    is_dissolve: bool = False


class SpanColorist:
    """Colours one span; knows nothing of the film but the frames that it is given.

    Batches of the network are counted from the first frame that comes, so that they hold the same
    frames, and round alike, wherever the span is coloured.

    Attributes:
        end: number of the frame behind the span, None while it isn't known. To be set before that
            frame is pushed: colours of frames from there on are not given out.
        keep_from: number of the first frame of which the network's results are kept for the next
            span, whose warm-up needs them again.
    """

    def __init__(
        self, network: Batcher, plan: TimePlan, finishing: Finishing, *, first: int,
        batch_size: int, keep_from: int | None = None, before: SpanColorist | None = None,
    ) -> None:  # fmt: skip
        """Begin.

        Args:
            network: the model.
            plan: how frames are treated over time.
            finishing: of the model.
            first: number of the span's first frame; frames before it only warm up.
            batch_size: frames per call of the network.
            keep_from: see the attribute; None keeps nothing.
            before: the span before this one, in the same film.
        """
        self._network, self._batch_size = network, batch_size

        def smoother() -> Smoother:
            return finished(plan.smoother(), finishing, grey_mounts=plan.grey_mounts)

        reach = plan.dissolve_frames
        self._dissolves = DissolveSmoother(smoother, reach=reach) if reach else None
        self._smoother = self._dissolves or smoother()
        self._sparse = (
            SparseColoring(
                network,
                plan.keys.every,
                longest=plan.keys.longest,
                saturation=finishing.saturation,
            )  # fmt: skip
            if plan.keys
            else None
        )
        self._first, self.keep_from = first, keep_from or 0
        self.end: int | None = None
        self._keeps = keep_from is not None and plan.warm_up > 0
        self._pending: list[Seen] = []
        self._begin: int | None = None
        self._shares: dict[int, Tensor] = {}
        self._next: int | None = None
        self._kept: dict[tuple[int, int], Tensor] = {}
        self._known = {} if before is None else before._kept

    @property
    def keys(self) -> int:
        """How many frames the network has coloured, where it colours key frames only."""
        return 0 if self._sparse is None else self._sparse.keys

    def push(self, seen: Seen) -> list[Tensor]:
        """Take the next frame; return finished ab ``(N, 2, h, w)`` of the span's next frames."""
        if self._begin is None:
            self._begin = self._next = seen.number
        if self._dissolves is not None:
            plain = None if seen.plain is None else seen.plain[0]
            index = seen.number - self._begin
            self._dissolves.announce(index, is_dissolve=seen.is_dissolve, plain=plain)
        self._pending.append(seen)
        if seen.share is not None:
            self._shares[seen.number] = seen.share
        return self._run() if len(self._pending) == self._batch_size else []

    def flush(self) -> list[Tensor]:
        """The colours that are still due: no frame follows."""
        ready = self._run() if self._pending else []
        if self._sparse is not None:
            ready += self._smooth(self._sparse.flush())
        return ready + self._wanted(self._smoother.flush())

    def _run(self) -> list[Tensor]:
        batch, self._pending = self._pending, []
        inputs = ModelInput.concatenate([self._input(seen) for seen in batch])
        seconds = [seen.seconds for seen in batch]
        cuts = [seen.begins_shot for seen in batch]
        if self._sparse is not None:
            return self._smooth(self._sparse.push(inputs, seconds, cuts))
        ab = self._colors(batch[0].number, batch[-1].number, inputs)
        return self._smooth(ColoredFrames(inputs.lightness, ab, seconds, cuts))

    def _input(self, seen: Seen) -> ModelInput:
        guidance = seen.guidance
        if guidance is not None:
            guidance = guidance.each(lambda planes: planes.to(seen.lightness.device))
        return ModelInput(seen.lightness, guidance)

    def _colors(self, first: int, last: int, inputs: ModelInput) -> Tensor:
        """The network's ab; from the span before, where that has run the very same batch."""
        found = self._known.pop((first, last), None)
        if found is None:
            self._known = {}  # batches fall otherwise here, or its warm-up is over
            found = self._network(inputs).ab
        if self._keeps and first >= self.keep_from:
            self._kept[first, last] = found
        return found

    def _smooth(self, frames: ColoredFrames) -> list[Tensor]:
        if not frames.seconds:
            return []
        return self._wanted(
            self._smoother.push(frames.lightness, frames.ab, frames.seconds, frames.cuts)
        )

    def _wanted(self, ab: Tensor) -> list[Tensor]:
        """Of the frames that come out of the smoother, those of the span."""
        if not len(ab) or self._next is None:
            return []
        begin, self._next = self._next, self._next + len(ab)
        self._forget_mixed()
        ab = self._faded(begin, ab)
        end = len(ab) if self.end is None else max(self.end - begin, 0)
        part = ab[max(self._first - begin, 0) : end]
        return [part] if len(part) else []

    def _forget_mixed(self) -> None:
        """Colours that were mixed are those of the frame as it is: it wasn't faded."""
        if self._dissolves is not None and self._begin is not None:
            for index in self._dissolves.mixed:
                self._shares.pop(self._begin + index, None)
            self._dissolves.mixed.clear()

    def _faded(self, begin: int, ab: Tensor) -> Tensor:
        """Colours of frames from ``begin`` on, weaker where these are faded."""
        found = {
            n: self._shares.pop(begin + n) for n in range(len(ab)) if begin + n in self._shares
        }
        if not found:
            return ab
        parts = [ab[number : number + 1] for number in range(len(ab))]
        for number, share in found.items():
            parts[number] = parts[number] * resize(share, (int(ab.shape[-2]), int(ab.shape[-1])))
        return torch.cat(parts)
