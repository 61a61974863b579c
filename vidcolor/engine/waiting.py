"""Frames that wait for their colours, and the copied packets between them, in file order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from vidcolor.types import LumaFrame

if TYPE_CHECKING:
    from typing import TypeAlias

    from av import Packet as _Packet

    from vidcolor.engine.transfer import FrameOnItsWay

    Packet: TypeAlias = _Packet[Any]
    Item: TypeAlias = LumaFrame | FrameOnItsWay | Packet

MAX_WAITING_PACKETS = 4096
"""Packets that may wait behind frames: minutes of sound beside a usual look-ahead of seconds."""

MAX_WAITING_PACKET_BYTES = 32 << 20
"""Their size, where packets are large: uncompressed sound, a second film in the file."""

LOOK_AHEAD_BYTES = 256 << 20
"""Code values of all frames that wait for later ones."""

LOOK_AHEAD_WORKING_BYTES = 1 << 30
"""What is known of them at the network's working size; only large ones come near it."""

WORKING_BYTES_PER_PIXEL = 40
"""At most, for a waiting frame: lightness, ab, flow to both neighbours, confidence, past, future.
Measured: 32 with ab as large as the lightness; far less with a quarter of its sides."""

MAX_LOOK_AHEAD_FRAMES = 64
"""Frames that wait for later ones, however small they are."""


def look_ahead_frames(width: int, height: int, depth: int, *, working_pixels: int) -> int:
    """How many frames of a film may wait for later ones: 0 where even a few are too large.

    Args:
        width: in pixels.
        height: in pixels.
        depth: bits per code value.
        working_pixels: of a frame as the network sees it.
    """
    size = width * height * (1 if depth == 8 else 2)
    known = working_pixels * WORKING_BYTES_PER_PIXEL
    return min(
        MAX_LOOK_AHEAD_FRAMES,
        LOOK_AHEAD_BYTES // max(size, 1),
        LOOK_AHEAD_WORKING_BYTES // max(known, 1),
    )


class WaitingLine:
    """A queue of uncoloured frames and packets; frames leave when there are colours for them.

    Packets keep their places between the frames, so the muxer gets everything interleaved as the
    source has it. Only where very much waits (sound that is stored behind the film, say) packets
    overtake frames: a muxer can wait for a few seconds of film, but memory is bounded.

    Attributes:
        frames: how many frames wait.
    """

    def __init__(self) -> None:
        self._items: deque[LumaFrame | Packet] = deque()
        self._packets = self._packet_bytes = 0
        self.frames = 0

    def __len__(self) -> int:
        """Frames and packets that wait."""
        return len(self._items)

    def add(self, items: Iterable[LumaFrame | Packet]) -> None:
        """Join the end of the line."""
        for item in items:
            self._items.append(item)
            self._count(item, 1)

    def release(self, frames: int) -> Iterator[LumaFrame | Packet]:
        """Yield what may go: this many frames, and the packets that wait for no other frame.

        Raises:
            ValueError: fewer frames wait.
        """
        if frames > self.frames:
            raise ValueError(f"colours for {frames} frames, but only {self.frames} wait")
        while self._items and (frames or not isinstance(self._items[0], LumaFrame)):
            item = self._items.popleft()
            self._count(item, -1)
            frames -= isinstance(item, LumaFrame)
            yield item
        if self._packets > MAX_WAITING_PACKETS or self._packet_bytes > MAX_WAITING_PACKET_BYTES:
            yield from self._packets_first()

    def _packets_first(self) -> list[Packet]:
        packets = [item for item in self._items if not isinstance(item, LumaFrame)]
        self._items = deque(item for item in self._items if isinstance(item, LumaFrame))
        self._packets = self._packet_bytes = 0
        return packets

    def _count(self, item: LumaFrame | Packet, change: int) -> None:
        if isinstance(item, LumaFrame):
            self.frames += change
        else:
            self._packets += change
            self._packet_bytes += change * item.size
