"""Frames that wait for their colours, and the copied packets between them, in file order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from typing import TypeAlias

    from av import Packet as _Packet

    from vidcolor.engine.coloring.transfer import PendingFrame

    Packet: TypeAlias = _Packet[Any]
    Item: TypeAlias = LumaFrame | PendingFrame | Packet

MAX_WAITING_PACKETS = 4096
"""Packets that may wait behind frames: minutes of sound; the usual look-ahead is seconds."""

MAX_WAITING_PACKET_BYTES = 32 << 20
"""Their size, where packets are large: uncompressed sound, a second film in the file."""

LOOK_AHEAD_BYTES = 256 << 20
"""Code values of all frames that wait for later ones."""

FADE_BYTES = 128 << 20
"""What may wait besides while a picture comes out of black or white, and it isn't known yet how
bright it will be."""

DISSOLVE_BYTES = 192 << 20
"""What may wait besides around a dissolve, until the new shot has colours: luma, and what the
network saw and made of it. A third of it waits in all films."""

DISSOLVE_WORKING_BYTES_PER_PIXEL = 12
"""Of these frames, at the network's working size: lightness, and ab that may be as large."""

LOOK_AHEAD_WORKING_BYTES = 1 << 30
"""What is kept of them at the network's working size; only large working sizes come near it."""

WORKING_BYTES_PER_PIXEL = 40
"""Of a waiting frame, at most: lightness, ab, flow to both neighbours, confidence, past, future;
and the lightness of a frame that is kept to warm up the next span. Measured: 32 with ab as large
as the lightness; far less with a quarter of its sides."""

MAX_LOOK_AHEAD_FRAMES = 64
"""Frames that wait for later ones, however small they are."""


def frame_bytes(width: int, height: int, depth: int) -> int:
    """Size of a frame's luma, at least 1."""
    return max(width * height * (1 if depth == 8 else 2), 1)


def look_ahead_frames(width: int, height: int, depth: int, *, working_pixels: int) -> int:
    """How many frames of a film may wait for later ones: 0 where even a few are too large.

    Args:
        width: in pixels.
        height: in pixels.
        depth: bits per code value.
        working_pixels: of a frame as the network sees it.
    """
    size = frame_bytes(width, height, depth)
    known = working_pixels * WORKING_BYTES_PER_PIXEL
    return min(
        MAX_LOOK_AHEAD_FRAMES,
        LOOK_AHEAD_BYTES // size,
        LOOK_AHEAD_WORKING_BYTES // max(known, 1),
    )


class WaitingLine:
    """A queue of uncoloured frames and packets; frames leave when there are colours for them.

    Packets keep their places between the frames, so the muxer gets everything interleaved as the
    source has it. Only where very much waits (sound that is stored behind the film, say) packets
    overtake frames: a muxer can wait for a few seconds of film, but memory is bounded.

    Attributes:
        frames: how many frames wait.
        released: frames that have left.
    """

    def __init__(self) -> None:
        self._items: deque[_Slot | Packet] = deque()
        self._slots: deque[_Slot] = deque()
        self._packets = self._packet_bytes = 0
        self.released = 0

    @property
    def frames(self) -> int:
        """How many frames wait."""
        return len(self._slots)

    @property
    def items(self) -> int:
        """How many frames and packets wait."""
        return len(self._items)

    def add(self, items: Iterable[LumaFrame | Packet]) -> None:
        """Join the end of the queue."""
        for item in items:
            if isinstance(item, LumaFrame):
                slot = _Slot(item)
                self._slots.append(slot)
                self._items.append(slot)
            else:
                self._items.append(item)
                self._packets += 1
                self._packet_bytes += item.size

    def replace(self, number: int, frame: LumaFrame) -> None:
        """Put what filters made of a frame in its place; nothing if the frame has left.

        Args:
            number: of the frame, counted from the first that was ever added.
            frame: the new one.

        Raises:
            ValueError: no such frame was added.
        """
        at = number - self.released
        if at >= len(self._slots):
            raise ValueError(f"frame {number} doesn't wait")
        if at >= 0:
            self._slots[at].frame = frame

    def release(self, frames: int) -> Iterator[LumaFrame | Packet]:
        """Yield what may go: this many frames, and the packets that wait for no other frame.

        Raises:
            ValueError: fewer frames wait.
        """
        if frames > self.frames:
            raise ValueError(f"colours for {frames} frames, but only {self.frames} wait")
        while self._items and (frames or not isinstance(self._items[0], _Slot)):
            item = self._items.popleft()
            if isinstance(item, _Slot):
                self._slots.popleft()
                self.released += 1
                frames -= 1
                yield item.frame
            else:
                self._packets -= 1
                self._packet_bytes -= item.size
                yield item
        if self._packets > MAX_WAITING_PACKETS or self._packet_bytes > MAX_WAITING_PACKET_BYTES:
            yield from self._packets_first()

    def _packets_first(self) -> list[Packet]:
        packets = [item for item in self._items if not isinstance(item, _Slot)]
        self._items = deque(self._slots)
        self._packets = self._packet_bytes = 0
        return packets


@dataclass(slots=True)
class _Slot:
    """The place of a frame in the queue."""

    frame: LumaFrame
