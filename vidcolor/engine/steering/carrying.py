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
from vidcolor.engine.steering.kernel import Kernel, Places, belief, ramp
from vidcolor.engine.steering.known import Known
from vidcolor.engine.steering.look import Look
from vidcolor.temporal.flow import FlowEstimator, confidence, warp

EVERY = 4
"""Frames between two for which the kernel is asked: motion carries well for so long."""

_SAMPLES, _REMEMBERED = 160, 96
"""Places of the carried colours, and of the memory, that the kernel is given: its time grows with
their number."""

_SURE = 0.5
"""Trust from which a carried colour counts as known."""

_TRUST = (0.15, 0.5)
"""Confidence of one step of flow from which trust begins, and from which it is whole: flow that is
wrong by half a pixel carries a colour well, and trust is multiplied from frame to frame."""

_INDIRECT = 0.1
"""Directness of a colour that the kernel found, where one that was given or carried has 1."""

_DOUBT_LATER, _DOUBT_ELSEWHERE = 4.0, 8.0
"""Factors on the noise of colours that were known in another frame of the shot, or in another
shot."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Places whose colours are known, apart from where they are now.

    Attributes:
        places: N.
        error: ``(N, 2)``: how wrong ``compact`` is there.
        doubt: ``(N,)``: factor on the noise.
    """

    places: Places
    error: Tensor
    doubt: Tensor

    def __len__(self) -> int:
        """How many places."""
        return len(self.error)

    @staticmethod
    def of(look: Look, known: Known, saturation: float, *, only_far: bool = False) -> Memory:
        """What a frame's known places say to other frames; ``only_far``: to other shots."""
        which = known.reaches if only_far else torch.ones_like(known.reaches)
        index = known.index[which]
        error = known.ab[which] - saturation * look.ab.flatten(1).T[index]
        doubt = torch.full((len(index),), _DOUBT_ELSEWHERE if only_far else _DOUBT_LATER)
        return Memory(look.places.at(index), error, doubt)

    @staticmethod
    def together(parts: list[Memory]) -> Memory | None:
        """All of several, None if there is nothing."""
        parts = [part for part in parts if len(part)]
        if not parts:
            return None
        places = Places.together([part.places for part in parts])
        error, doubt = (torch.cat([getattr(p, name) for p in parts]) for name in ("error", "doubt"))
        order = torch.randperm(len(error), generator=torch.Generator().manual_seed(0))
        chosen = order[:_REMEMBERED].sort().values
        return Memory(places.at(chosen), error[chosen], doubt[chosen])


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
        saturation: factor on ``compact``'s ab as it is shown.
    """

    def __init__(self, kernel: Kernel, memory: Memory | None, *, saturation: float) -> None:
        self._kernel, self._memory, self._saturation = kernel, memory, saturation
        self._flow = FlowEstimator()
        self._before: Tensor | None = None
        self._state: State | None = None

    @torch.no_grad()
    def step(self, lightness: Tensor, look: Look | None, known: Known | None) -> State | None:
        """Go on by a frame.

        Args:
            lightness: ``(1, h, w)`` float32, L*/100, on the grid of the state.
            look: at this frame; None where the kernel isn't asked.
            known: what is known of this very frame; needs a look.

        Returns:
            None as long as nothing is known.
        """
        before, self._before = self._before, lightness
        state = self._state
        if state is not None and before is not None:
            state = self._carried(state, before, lightness)
        if look is not None:
            state = self._asked(look, known, state, lightness.shape[-2:])
        self._state = state
        return state

    def _carried(self, state: State, before: Tensor, lightness: Tensor) -> State:
        back, ahead = self._flow(lightness, before), self._flow(before, lightness)
        sure = confidence(lightness, before, back, ahead)
        moved = warp(torch.cat((state.ab, state.trust, state.direct)), back)
        kept = ramp(sure, _TRUST)
        return State(moved[:2], moved[2:3] * kept, moved[3:] * kept)

    def _asked(
        self, look: Look, known: Known | None, state: State | None, size: torch.Size
    ) -> State | None:
        own = self._saturation * look.ab
        places, error, doubt = self._evidence(look, own, known, state)
        if not len(error):
            return state
        shift, explained = self._kernel.solve(places, error, doubt, look.places)
        grid = shift.T.reshape(2, *look.size)
        trust = resize(belief(explained).T.reshape(1, 1, *look.size), size)[0]
        ab = resize((own + grid)[None], size)[0]
        direct = _INDIRECT * trust if known is None else trust
        if state is not None:
            share = state.direct / (state.direct + direct).clamp_min(1e-3)
            ab = torch.lerp(ab, state.ab, share)
            trust = torch.maximum(trust, state.trust)
            direct = torch.maximum(direct, state.direct)
        if known is not None and known.exact is not None:
            exact = resize(known.exact[None], size)[0]
            ab = torch.lerp(ab, exact[:2], exact[2:])
            trust, direct = (torch.maximum(each, exact[2:]) for each in (trust, direct))
        return State(ab, trust, direct)

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
            places.append(self._memory.places)
            errors.append(self._memory.error)
            doubts.append(self._memory.doubt)
        if not places:
            return look.places.at(torch.empty(0).long()), torch.empty(0, 2), torch.empty(0)
        return Places.together(places), torch.cat(errors), torch.cat(doubts)


def _spread(mask: Tensor) -> Tensor:
    """At most ``_SAMPLES`` of the places where ``mask`` holds, the same in each frame."""
    order = torch.randperm(len(mask), generator=torch.Generator().manual_seed(0))
    return order[mask[order]][:_SAMPLES]
