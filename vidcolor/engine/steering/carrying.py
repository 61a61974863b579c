"""Known colours carried through a shot, frame by frame, in one direction of time.

What is known of a frame goes to the next along the motion. Where that fails (occlusion, what comes
into the picture), and every few frames elsewhere, colours are found anew by the kernel: from a
sample of what was carried to this frame, and from all places of the shot that were known in the
first place. So what was hidden gets its colour back when it returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import resize
from vidcolor.engine.steering.kernel import Kernel, Places, belief, likeness
from vidcolor.engine.steering.known import Known
from vidcolor.engine.steering.look import Look
from vidcolor.engine.steering.motion import Care, Step
from vidcolor.temporal.flow import warp

_SAMPLES, _REMEMBERED = 96, 224
"""Places of the carried colours, and of the memory, that the kernel is given: its time grows with
their number."""

_SURE = 0.5
"""Trust from which a carried colour counts as known."""

_CORRECTED = 0.05
"""Share of the coarse difference between carried colours and those found anew that is taken from
the carried ones, each time: flow's errors add up, and fine detail stays."""

_STRANGE = 0.75
"""Share of its directness that a carried colour loses where nothing looks like a hint."""

_DOUBT_LATER, _DOUBT_ELSEWHERE = 2.0, 8.0
"""Factors on the noise of colours that were known in another frame of the shot, or in another
shot."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Places whose colours are known, apart from where they are now.

    Attributes:
        places: N.
        error: ``(N, 2)``: how wrong ``compact`` is there.
        doubt: ``(N,)``: factor on the noise.
        frame: ``(N,)`` int64, number of the frame of the shot in which they are known, -1 for
            other pictures and shots.
        xy: ``(N, 2)``, where they are there, in shorter sides.
        keeps: ``(N,)`` bool, right as they are.
        whole: some of it is of pictures whose colours are known everywhere, not at some things.
    """

    places: Places
    error: Tensor
    doubt: Tensor
    frame: Tensor
    xy: Tensor
    keeps: Tensor
    whole: bool = False

    def __len__(self) -> int:
        """How many places."""
        return len(self.error)

    @staticmethod
    def of(
        look: Look, known: Known, saturation: float, *, frame: int = -1, only_far: bool = False
    ) -> Memory:
        """What a frame's known places say to other frames; ``only_far``: to other shots."""
        which = known.reaches if only_far else torch.ones_like(known.reaches)
        index = known.index[which]
        error = known.ab[which] - saturation * look.ab.flatten(1).T[index]
        doubt = torch.full((len(index),), _DOUBT_ELSEWHERE if only_far else _DOUBT_LATER)
        frames = torch.full((len(index),), -1 if only_far else frame)
        return Memory(
            look.places.at(index), error, doubt, frames, look.xy[index], known.keeps[which],
            known.whole,
        )  # fmt: skip

    @staticmethod
    def together(parts: list[Memory]) -> Memory | None:
        """All of several, None if there is nothing."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return None
        places = Places.together([part.places for part in parts])
        order = torch.randperm(len(places), generator=torch.Generator().manual_seed(0))
        chosen = order[:_REMEMBERED].sort().values
        error, doubt, frame, xy, keeps = (
            torch.cat([getattr(part, name) for part in parts])[chosen]
            for name in ("error", "doubt", "frame", "xy", "keeps")
        )
        whole = any(part.whole for part in parts)
        return Memory(places.at(chosen), error, doubt, frame, xy, keeps, whole)


@dataclass(slots=True)
class State:
    """What is known of a frame.

    Attributes:
        ab: ``(2, h, w)`` float32, colours as they are to be shown.
        trust: ``(1, h, w)`` in [0, 1]: how far they replace the network's.
        direct: ``(1, h, w)`` in [0, 1]: how far they were given or carried, not found anew.
    """

    ab: Tensor
    trust: Tensor
    direct: Tensor


class Carrier:
    """Goes through a shot in one direction.

    Args:
        kernel: the shipped one.
        memory: what is known of the shot, apart from its own frames' known places.
        care: with which the shot was watched.
        saturation: factor on ``compact``'s ab as it is shown.
    """

    def __init__(
        self, kernel: Kernel, memory: Memory | None, care: Care, *, saturation: float
    ) -> None:
        self._kernel, self._memory, self._saturation = kernel, memory, saturation
        self._care = care
        self._xy = None if memory is None else memory.xy.clone()
        self._met = None if memory is None else torch.zeros(len(memory), dtype=torch.bool)
        self._state: State | None = None

    @torch.no_grad()
    def step(
        self, number: int, size: tuple[int, int], moved: Step | None, look: Look | None,
        known: Known | None,
    ) -> State | None:  # fmt: skip
        """Go on by a frame.

        Args:
            number: of the frame.
            size: height and width of the state.
            moved: from the frame before it, in this direction of time; None at the first.
            look: at this frame; None where the kernel isn't asked.
            known: what is known of this very frame; needs a look.

        Returns:
            None as long as nothing is known.
        """
        state = self._state
        if self._memory is not None and self._met is not None:
            self._met |= self._memory.frame == number
        if moved is not None:
            self._follow(moved.ahead)
            if state is not None:
                planes = warp(torch.cat((state.ab, state.trust, state.direct)), moved.back)
                trust = planes[2:3] if self._care.compares else planes[2:3] * moved.sure
                state = State(planes[:2], trust, planes[3:] * moved.sure)
        if look is not None:
            state = self._asked(look, known, state, size)
        self._state = state
        return state

    def _follow(self, ahead: Tensor) -> None:
        """Move the remembered places that were met along the flow into the next frame."""
        if self._xy is None or self._met is None or not bool(self._met.any()):
            return
        height, width = ahead.shape[-2:]
        unit = min(height, width)
        at = (self._xy[self._met] * unit).long()
        x, y = at[:, 0].clamp(0, width - 1), at[:, 1].clamp(0, height - 1)
        self._xy[self._met] += ahead[:, y, x].T / unit

    def _asked(
        self, look: Look, known: Known | None, state: State | None, size: tuple[int, int]
    ) -> State | None:
        own = self._saturation * look.ab
        places, error, doubt = self._evidence(look, own, known, state)
        if not len(error):
            return state
        shift, explained = self._kernel.solve(places, error, doubt, look.places)
        grid = shift.T.reshape(2, *look.size)
        belongs = self._belonging(look, known)
        explained = belief(explained) * belongs
        trust = resize(explained.T.reshape(1, 1, *look.size), size)[0]
        ab = resize((own + grid)[None], size)[0]
        # where hints say nothing, that counts too: else what was carried wrongly would stay
        weight = trust if self._care.compares else torch.ones_like(trust)
        direct = weight * (self._care.found if known is None else 1.0)
        if state is not None:
            doubted = (1.0 - _STRANGE) + _STRANGE * belongs.expand(len(look.places), 1)
            doubted = resize(doubted.T.reshape(1, 1, *look.size), size)[0]
            state = State(state.ab, state.trust, state.direct * doubted)
            share = state.direct / (state.direct + direct).clamp_min(1e-3)
            coarse = own + grid - resize(state.ab[None], look.size)[0]
            carried = state.ab + _CORRECTED * trust * resize(coarse[None], size)[0]
            ab = torch.lerp(ab, carried, share)
            trust = torch.lerp(trust, state.trust, share)
            direct = torch.maximum(direct, state.direct)
        if known is not None and known.exact is not None:
            exact = resize(known.exact[None], size)[0]
            ab = torch.lerp(ab, exact[:2], exact[2:])
            trust, direct = (torch.maximum(each, exact[2:]) for each in (trust, direct))
        return State(ab, trust, direct)

    def _belonging(self, look: Look, known: Known | None) -> Tensor:
        """How far places belong to what hints change, ``(M, 1)``."""
        everything = torch.ones(1, 1)
        if known is not None:
            if known.whole or not len(known):
                return everything
            return likeness(look.places, look.places.at(known.index), known.keeps)
        if self._memory is None or self._memory.whole or self._xy is None:
            return everything
        return likeness(
            look.places, self._kernel.moved(self._memory.places, self._xy), self._memory.keeps
        )

    def _evidence(
        self, look: Look, own: Tensor, known: Known | None, state: State | None
    ) -> tuple[Places, Tensor, Tensor]:
        rows = own.flatten(1).T
        places, errors, doubts = list[Places](), list[Tensor](), list[Tensor]()
        if known is not None and len(known):
            places.append(look.places.at(known.index))
            errors.append(known.ab - rows[known.index])
            doubts.append(torch.ones(len(known)))
        if state is not None:
            trust = F.adaptive_avg_pool2d(state.direct[None], look.size).flatten()
            index = _spread(trust > _SURE)
            ab = resize(state.ab[None], look.size)[0].flatten(1).T
            places.append(look.places.at(index))
            errors.append(ab[index] - rows[index])
            doubts.append(1.0 / trust[index].square())
        if self._memory is not None and known is None:
            assert self._xy is not None
            places.append(self._kernel.moved(self._memory.places, self._xy))
            errors.append(self._memory.error)
            doubts.append(self._memory.doubt)
        if not places:
            return look.places.at(torch.empty(0).long()), torch.empty(0, 2), torch.empty(0)
        return Places.together(places), torch.cat(errors), torch.cat(doubts)


def _spread(mask: Tensor) -> Tensor:
    """At most ``_SAMPLES`` of the places where ``mask`` holds, the same in each frame."""
    order = torch.randperm(len(mask), generator=torch.Generator().manual_seed(0))
    return order[mask[order]][:_SAMPLES]
