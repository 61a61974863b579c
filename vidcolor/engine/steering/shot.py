"""One shot with known colours: what is known of each of its frames."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import IO

import numpy as np
import torch
from torch import Tensor

from vidcolor.color import resize
from vidcolor.engine.steering.carrying import EVERY, Carrier, Memory, State
from vidcolor.engine.steering.kernel import shipped_kernel
from vidcolor.engine.steering.known import Known
from vidcolor.engine.steering.look import FILM_SIDE, Look, look_at

_CHANNELS = 4
_SMALLEST = 1e-3


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


def grey_size(height: int, width: int) -> tuple[int, int]:
    """Height and width at which colours are carried: fine enough for 44 dB (docs/direction.md)."""
    scale = min(1.0, FILM_SIDE / min(height, width))
    return max(round(height * scale), 1), max(round(width * scale), 1)


def watch(frames: Iterable[tuple[int, Tensor]], first: int, wanted: Iterable[int] = ()) -> Grey:
    """Look at a shot.

    Args:
        frames: number and upright lightness ``(1, 1, H, W)`` of each, in order.
        first: number of the first.
        wanted: numbers of frames to look at besides every fourth.
    """
    also, seen = set(wanted), Grey(first, [], {})
    for number, lightness in frames:
        height, width = lightness.shape[-2:]
        small = resize(lightness.cpu(), grey_size(int(height), int(width)))[0].clamp(0.0, 1.0)
        seen.lightness.append((small * 255.0).round().to(torch.uint8))
        if (number - first) % EVERY == 0 or number in also:
            seen.looks[number] = look_at(lightness, side=FILM_SIDE)
    return seen


class Steered:
    """What is known of the frames of one shot; kept in a temporary file.

    Attributes:
        first: number of the first frame.
        count: frames.
    """

    def __init__(self, grey: Grey) -> None:
        self.first, self.count = grey.first, len(grey.lightness)
        # without a name: the system removes it with the last reference, whatever happens
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="vidcolor-")  # noqa: SIM115
        shape = (self.count, _CHANNELS, *grey.lightness[0].shape[-2:])
        self._planes = np.memmap(self._file, np.float16, "w+", shape=shape)

    def merge(self, number: int, state: State) -> None:
        """Add what one direction of time knows of a frame to what the other does."""
        at = number - self.first
        kept = torch.from_numpy(self._planes[at].astype(np.float32))
        share = state.direct / (kept[3:] + state.direct).clamp_min(_SMALLEST)
        ab = torch.lerp(kept[:2], state.ab, share)
        trust, direct = torch.maximum(kept[2:3], state.trust), kept[3:] + state.direct
        planes = torch.cat((ab, trust, direct))
        self._planes[at] = planes.half().numpy()

    def steer(self, number: int, ab: Tensor) -> Tensor:
        """A frame's colours ``(1, 2, h, w)`` as shown, upright, with what is known of it."""
        planes = torch.from_numpy(self._planes[number - self.first].astype(np.float32))
        height, width = planes.shape[-2:]
        own = resize(ab.cpu(), (height, width))[0]
        return torch.lerp(own, planes[:2], planes[2:3])[None].to(ab.device)


def steer_shot(
    grey: Grey, known: Mapping[int, Known], elsewhere: Memory | None, *, saturation: float
) -> Steered:
    """Carry what is known through a shot, forwards and backwards.

    Args:
        grey: the shot.
        known: of some of its frames, by number; each has a look.
        elsewhere: what other pictures and shots say.
        saturation: factor on ``compact``'s ab as it is shown.
    """
    parts = [
        Memory.of(grey.looks[number], each, saturation, frame=number)
        for number, each in known.items()
    ]
    memory = Memory.together([*parts, *([elsewhere] if elsewhere is not None else [])])
    made = Steered(grey)
    order = range(len(grey.lightness))
    for numbers in (order, reversed(order)):
        carrier = Carrier(shipped_kernel(), memory, saturation=saturation)
        for at in numbers:
            number = grey.first + at
            lightness = grey.lightness[at].float() / 255.0
            state = carrier.step(number, lightness, grey.looks.get(number), known.get(number))
            if state is not None:
                made.merge(number, state)
    return made
