"""One shot with known colours: what is known of each of its frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from vidcolor.color import resize
from vidcolor.engine.steering.carrying import Carrier, Memory, State
from vidcolor.engine.steering.kernel import shipped_kernel
from vidcolor.engine.steering.known import Known
from vidcolor.engine.steering.look import FILM_SIDE, Look, look_at
from vidcolor.engine.steering.motion import Care, Motion
from vidcolor.engine.steering.planes import Planes
from vidcolor.models.contract import Guidance

_CHANNELS = 4
_SMALLEST = 1e-3
_SURE = 0.5


@dataclass(slots=True)
class Grey:
    """A shot's frames, small and grey, and looks at some of them.

    Attributes:
        first: number of the first frame.
        lightness: ``(1, h, w)`` uint8 each, L* of 0 to 255.
        looks: by number of the frame; about 1 MB each at 16:9.
    """

    first: int
    lightness: list[Tensor]
    looks: dict[int, Look]


class Frame(Protocol):
    """A frame of a shot."""

    @property
    def number(self) -> int:
        """Of the frame."""
        ...

    @property
    def is_wanted(self) -> bool:
        """Something is said of this very frame."""
        ...

    def small(self, side: int) -> Tensor:
        """Upright L*, ``(1, h, w)`` uint8 of 0 to 255, the shorter side as said or its own."""
        ...

    def lightness(self) -> Tensor:
        """Upright, at full size: ``(1, 1, H, W)`` float32, L*/100."""
        ...


def watch(frames: Iterable[Frame], first: int, care: Care) -> Grey:
    """Look at a shot.

    Args:
        frames: in order.
        first: number of the first.
        care: how carefully.
    """
    seen = Grey(first, [], {})
    for frame in frames:
        seen.lightness.append(frame.small(care.side))
        if (frame.number - first) % care.every == 0 or frame.is_wanted:
            seen.looks[frame.number] = look_at(frame.lightness(), side=FILM_SIDE)
    return seen


class Steered:
    """What is known of the frames of one shot; kept in a temporary file.

    Attributes:
        first: number of the first frame.
        count: frames.
    """

    def __init__(self, grey: Grey, care: Care) -> None:
        self._care = care
        self.first, self.count = grey.first, len(grey.lightness)
        self._planes = Planes(self.count, _CHANNELS, tuple(grey.lightness[0].shape[-2:]))

    def merge(self, number: int, state: State) -> None:
        """Add what one direction of time knows of a frame to what the other does."""
        at = number - self.first
        kept = self._planes[at]
        share = state.direct / (kept[3:] + state.direct).clamp_min(_SMALLEST)
        ab = torch.lerp(kept[:2], state.ab, share)
        if self._care.compares:
            trust = torch.maximum(kept[2:3], state.trust)
        else:
            trust = torch.lerp(kept[2:3], state.trust, share)
        direct = kept[3:] + state.direct
        self._planes[at] = torch.cat((ab, trust, direct))

    def guide(self, number: int, saturation: float) -> Guidance:
        """What is known well enough to be told to a model that listens."""
        planes = self._planes[number - self.first][None]
        trust = planes[:, 2:3]
        return Guidance(planes[:, :2] / saturation, trust * (trust > _SURE))

    def steer(self, number: int, ab: Tensor) -> Tensor:
        """A frame's colours ``(1, 2, h, w)`` as shown, upright, with what is known of it."""
        planes = self._planes[number - self.first]
        height, width = planes.shape[-2:]
        own = resize(ab.cpu(), (height, width))[0]
        return torch.lerp(own, planes[:2], planes[2:3])[None].to(ab.device)


def steer_shot(
    grey: Grey, known: Mapping[int, Known], elsewhere: Memory | None, *, saturation: float,
    care: Care,
) -> Steered:  # fmt: skip
    """Carry what is known through a shot, forwards and backwards.

    Args:
        grey: the shot.
        known: of some of its frames, by number; each has a look.
        elsewhere: what other pictures and shots say.
        saturation: factor on ``compact``'s ab as it is shown.
        care: with which the shot was watched.
    """
    parts = [
        Memory.of(grey.looks[number], each, saturation, frame=number)
        for number, each in known.items()
    ]
    memory = Memory.together([*parts, *([elsewhere] if elsewhere is not None else [])])
    made, motion = Steered(grey, care), Motion(grey.lightness, care)
    height, width = grey.lightness[0].shape[-2:]
    for backwards in (False, True):
        carrier = Carrier(shipped_kernel(), memory, care, saturation=saturation)
        order = range(made.count)
        for at in reversed(order) if backwards else order:
            number = grey.first + at
            state = carrier.step(
                number, (int(height), int(width)), motion.step(at, backwards=backwards),
                grey.looks.get(number), known.get(number),
            )  # fmt: skip
            if state is not None:
                made.merge(number, state)
    return made
