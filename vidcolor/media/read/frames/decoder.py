"""A decoder that survives damage, counts it, and gives out every frame there is.

Three things that PyAV leaves to its users are done here:

* A packet that the decoder refuses is counted and skipped.
* With frame threads an error shows some packets late, and decoders lose frames around it that one
  thread finds. From the first error on, one thread decodes, beginning at a key frame before it.
* An error that shows while the decoder is being drained hides all frames behind it (PyAV can't go
  on draining after an error). When fewer frames than packets came out, the last packets are decoded
  again on one thread and the missing frames are taken from there.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

# What is kept for decoding again: whole groups of pictures, the older ones dropped as soon
# as the younger ones hold enough; nothing where even one group is too long.
_TAIL_PACKETS: Final = 48
_TAIL_BYTES: Final = 64 << 20
_MAX_TAIL_PACKETS: Final = 1000


class Decoder:
    """Decodes one video stream.

    Args:
        stream: the stream; its codec context is opened by the first packet.
        threads: decoder threads, 0 for as many as there are cores.
        frame_threads: False where packets have no stamps, by which salvaged frames are recognised.

    Attributes:
        damaged: packets that the decoder refused.
        packets: non-empty packets fed whose pictures are shown.
        frames: frames returned.
    """

    def __init__(
        self, stream: VideoStream, *, threads: int = 0, frame_threads: bool = True
    ) -> None:
        self._stream = stream
        self._context = stream.codec_context
        if self._context.is_open:
            self._context.flush_buffers()  # a seek went before
        else:
            self._context.thread_type = "AUTO" if frame_threads else "SLICE"
            self._context.thread_count = threads
        self.damaged = 0
        self.packets = 0
        self.frames = 0
        self._tail: deque[list[Packet[VideoStream]]] = deque()
        self._tail_packets = 0
        self._tail_bytes = 0
        self._last_pts: int | None = None
        self._in_order = True
        self._alone = not frame_threads or threads == 1

    def feed(self, packet: Packet[VideoStream]) -> list[av.VideoFrame]:
        """Decode one packet; return the frames that are ready, in presentation order."""
        if not packet.size:
            return []
        self.packets += not packet.is_discard
        self._remember(packet)
        return self._decode(packet)

    def flush(self) -> list[av.VideoFrame]:
        """Return what is still inside; the decoder takes nothing afterwards."""
        frames = self._decode(None)
        if self.frames + self.damaged < self.packets:
            frames.extend(self._salvage())
        if not self.frames:
            self.damaged = self.packets  # draining shows only the first of several errors
        self._tail.clear()
        return frames

    def _decode(self, packet: Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            frames = self._context.decode(packet)
        except EOFError:
            return []
        except (FFmpegError, UnicodeDecodeError) as error:
            if packet is not None or self.frames + self.damaged < self.packets:
                self.damaged += 1
                logger.debug("damaged packet: %s", error)
            return [] if self._alone or packet is None else self._go_on_alone()
        return self._counted(frames)

    def _go_on_alone(self) -> list[av.VideoFrame]:
        """Replace the decoder by one without threads that has seen all that is kept."""
        self._alone = True
        if not self._can_repeat():
            return []
        found, refused, context = self._repeat(end=False)
        if refused > self.damaged and not found:
            return []  # VP9's decoder goes on after a damaged header only with threads
        self._context = context
        # the first error brings us here, so all that was counted is among what is decoded again
        self.damaged = max(self.damaged, refused)
        return self._counted(found)

    def _counted(self, frames: list[av.VideoFrame]) -> list[av.VideoFrame]:
        self.frames += len(frames)
        for frame in frames:
            if frame.pts is not None:
                if self._last_pts is not None and frame.pts <= self._last_pts:
                    self._in_order = False
                self._last_pts = frame.pts
        return frames

    def _remember(self, packet: Packet[VideoStream]) -> None:
        """Keep the last packets, starting at a key frame or the stream's beginning."""
        if packet.is_keyframe or (self.packets <= 1 and not self._tail):
            self._tail.append([])
        if not self._tail:
            return
        self._tail[-1].append(packet)
        self._tail_packets += 1
        self._tail_bytes += packet.size
        while len(self._tail) > 1 and (
            self._tail_packets - len(self._tail[0]) >= _TAIL_PACKETS
            or self._tail_bytes > _TAIL_BYTES
        ):
            self._forget(self._tail.popleft())
        if self._tail_packets > _MAX_TAIL_PACKETS or self._tail_bytes > _TAIL_BYTES:
            self._forget(self._tail.pop())

    def _forget(self, group: list[Packet[VideoStream]]) -> None:
        self._tail_packets -= len(group)
        self._tail_bytes -= sum(packet.size for packet in group)

    def _salvage(self) -> list[av.VideoFrame]:
        """Decode the tail again, single-threaded, and return frames later than those returned."""
        if not self._can_repeat():
            return []
        found, refused, _ = self._repeat(end=True)
        logger.debug("%d frames found behind a damaged packet at the end", len(found))
        missing = self.packets - self.frames - self.damaged - len(found)
        self.damaged += max(0, min(refused, missing))
        return self._counted(found)

    def _can_repeat(self) -> bool:
        """Whether another decoder's frames can be matched with those that were returned."""
        # by stamps that repeat or go back they can't
        return (
            bool(self._tail) and self._in_order and (self.frames == 0 or self._last_pts is not None)
        )

    def _repeat(self, *, end: bool) -> tuple[list[av.VideoFrame], int, VideoCodecContext]:
        """Decode what is kept on one thread, with ``end`` to the last frame.

        Returns:
            Frames later than those returned, packets that were refused, and the decoder.
        """
        context = self._fresh_context()
        found: list[av.VideoFrame] = []
        refused = 0
        for packet in [*(packet for group in self._tail for packet in group), *[None] * end]:
            try:
                decoded = context.decode(packet)
            except (FFmpegError, EOFError, UnicodeDecodeError):
                refused += packet is not None
                continue
            found.extend(frame for frame in decoded if _is_after(frame, self._last_pts))
        return found, refused, context

    def _fresh_context(self) -> VideoCodecContext:
        """Make a single-threaded decoder with this one's parameters."""
        used = self._context
        context = CodecContext.create(used.codec.name, "r")
        assert isinstance(context, VideoCodecContext)
        if used.extradata:
            context.extradata = used.extradata
        context.width, context.height = used.width, used.height
        # what the container says where the stream itself doesn't
        context.color_range, context.colorspace = used.color_range, used.colorspace
        context.color_primaries, context.color_trc = used.color_primaries, used.color_trc
        context.bits_per_coded_sample = used.bits_per_coded_sample
        context.codec_tag = used.codec_tag
        context.thread_type = "NONE"
        context.thread_count = 1
        return context


def _is_after(frame: av.VideoFrame, pts: int | None) -> bool:
    """Whether a frame is shown later than ``pts``; any is where that is None."""
    return pts is None or (frame.pts is not None and frame.pts > pts)
