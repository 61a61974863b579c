"""Corrects time lines that damage or splicing has broken.

``StrayStamps``: one flipped bit in a stamp (say, of the sound in a transport stream) would shift or
delay all that follows; such a stamp is put back between its neighbours. ``Discontinuities``: where
stamps jump and go on from there, as in recordings appended to each other, what follows is shifted.
``HiddenPackets``: what edit lists cut away isn't copied.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any, Final

from av.packet import Packet
from av.stream import Stream

from vidcolor.media.read.packets.stamps import decoding_stamp

_BACKWARD_JUMP: Final = -1  # seconds; dts never goes back within a stream
_FORWARD_JUMP: Final = 3600  # seconds; shorter gaps are what a lost signal leaves
_FORWARD_JUMP_PS: Final = 10
"""Likewise in program streams (DVD), which aren't received; as ffmpeg has it."""
_LONG_GAP_S: Final = 10
"""A gap in all streams that is said."""
_BACK_S: Final = -1
"""A decoding time never goes back within a stream; damaged durations make it seem so, a little."""
_AHEAD_S: Final = 1
"""After a longer gap it is checked whether the stamps come back."""
_LONGEST_DELAY_S: Final = 10
"""Between a picture's decoding and its showing."""
_LONGEST_PRIMING_S: Final = Fraction(1, 8)
_LONGEST_PRIMING: Final = 2624
"""Samples that encoders put before the first that is to be heard, at most (HE-AAC); at 8 kHz even
AAC's 1,024 last longer than the seconds above."""
_PATIENCE: Final = 500
_MOST_BYTES: Final = 64 << 20
"""Packets that are looked at, of all streams together."""
_LONGEST_RUN: Final = 16
"""Packets of the same stream: one stamp of a transport stream may be that of several sounds."""


class StrayStamps:
    """Finds single stamps far from their neighbours' and corrects them; one object per pass.

    Attributes:
        mended: how many stamps were put back.
    """

    def __init__(self) -> None:
        self.mended = 0
        self._last: dict[int, Fraction] = {}
        self._waiting: deque[Packet[Any]] = deque()
        self._bytes = 0

    def mend(self, packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Yield the packets in their order, in place corrected.

        Where a stamp looks wrong, packets are read ahead until the same stream's next ones decide.

        Args:
            packets: in file order.
        """
        while True:
            packet = self._next(packets)
            if packet is None:
                return
            seconds = _seconds(packet)
            if seconds is not None:
                if not self._follows(packet.stream_index, seconds):
                    seconds = self._judge(packet, seconds, packets)
                self._last[packet.stream_index] = seconds
            yield packet

    def _next(self, packets: Iterator[Packet[Any]]) -> Packet[Any] | None:
        """The next packet in the file's order, None after the last."""
        if not self._waiting:
            return next(packets, None)
        packet = self._waiting.popleft()
        self._bytes -= packet.size
        return packet

    def _follows(self, stream: int, seconds: Fraction) -> bool:
        """Whether a time is near that of the stream's packet before."""
        last = self._last.get(stream)
        return last is None or _BACK_S <= seconds - last <= _AHEAD_S

    def _judge(
        self, packet: Packet[Any], seconds: Fraction, packets: Iterator[Packet[Any]]
    ) -> Fraction:
        """Return the packet's time, its own or the mended one."""
        stream = packet.stream_index
        coming = (_seconds(p) for p in self._ahead(packets) if p.stream_index == stream)
        times = (each for each in islice(coming, _LONGEST_RUN) if each is not None)
        after = self._back(stream, seconds, times)
        if after is None:
            return seconds
        last, base = self._last[stream], packet.time_base
        length = (packet.duration or 0) * base
        # by its length behind the one before, unless that is behind the next one
        seconds = last + length if 0 < length < after - last else (last + after) / 2
        delay = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
        stamp = round(seconds / base)
        packet.dts = stamp
        packet.pts = stamp + (delay if 0 < delay * base <= _LONGEST_DELAY_S else 0)
        self.mended += 1
        return seconds

    def _back(self, stream: int, seconds: Fraction, coming: Iterator[Fraction]) -> Fraction | None:
        """Return when a stream is back after a time that is off; None where it goes on from there.

        What goes on may reach the old time too, step by step: a short recording behind another.
        """
        straight = True
        for each in coming:
            straight = straight and 0 <= each - seconds <= -_BACK_S
            if self._follows(stream, each):
                return None if straight else each
            seconds = each
        return None

    def _ahead(self, packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
        """Look at the next packets, which stay where they are."""
        yield from tuple(self._waiting)
        while len(self._waiting) < _PATIENCE and self._bytes < _MOST_BYTES:
            packet = next(packets, None)
            if packet is None:
                return
            self._waiting.append(packet)
            self._bytes += packet.size
            yield packet


def _seconds(packet: Packet[Any]) -> Fraction | None:
    """The packet's decoding time; None for what has none, and for sparse streams.

    A picture's time of showing doesn't do: it goes back and forth.
    """
    if packet.dts is not None and packet.stream.type in ("audio", "video"):
        return packet.dts * packet.time_base
    return None


class Discontinuities:
    """Joins what transport streams leave apart: a jump of dts shifts all that follows.

    For formats whose stamps may restart (MPEG-TS, MPEG-PS), as where recordings were appended to
    each other. What follows goes behind the latest packet of any stream. Each stream is shifted
    from its own jump on: the last picture before it comes late, when the sound has jumped.

    Args:
        received: the film may be a recording of a broadcast, which has gaps.

    Attributes:
        found: how many jumps there were.
        gaps: seconds of each long gap that was kept.
    """

    def __init__(self, *, received: bool = True) -> None:
        self.found = 0
        self.gaps: list[float] = []
        self._forward_jump = _FORWARD_JUMP if received else _FORWARD_JUMP_PS
        self._newest = Fraction(0)
        self._shifts: dict[int, Fraction] = {}
        self._last: dict[int, Fraction] = {}
        self._lengths: dict[int, Fraction] = {}

    def join(self, packet: Packet[Stream]) -> None:
        """Correct a packet's stamps in place; packets come in file order."""
        delay = 0 if packet.pts is None or packet.dts is None else packet.pts - packet.dts
        if delay * packet.time_base > _LONGEST_DELAY_S:
            packet.pts = packet.dts  # at a jump libav goes on with the times that it expects
        stamp = decoding_stamp(packet)
        shift = self._newest
        if stamp is not None and packet.stream.type in ("audio", "video"):
            seconds, stream = stamp * packet.time_base, packet.stream_index
            self._shifts[stream] = shift = self._choose(stream, seconds)
            self._last[stream] = seconds + shift
            self._lengths[stream] = (packet.duration or 0) * packet.time_base
        _move(packet, shift)

    def _choose(self, stream: int, seconds: Fraction) -> Fraction:
        """Return what is added to a stream's stamps: its own shift, the newest, or another."""
        last = self._last.get(stream)
        if last is None:
            return self._newest
        gaps = {shift: seconds + shift - last for shift in (self._shifts[stream], self._newest)}
        latest = max(self._last.values())  # a picture may stand still while there is sound
        near = [
            shift
            for shift, gap in gaps.items()
            if gap >= _BACKWARD_JUMP and seconds + shift - latest <= self._forward_jump
        ]
        if near:
            chosen = min(near, key=lambda shift: abs(gaps[shift]))
            if seconds + chosen - latest > _LONG_GAP_S:
                self.gaps.append(float(seconds + chosen - latest))
            return chosen
        # of the other streams one more packet may be to come
        ends = (at + self._lengths[s] * (1 if s == stream else 2) for s, at in self._last.items())
        self._newest = max(ends) - seconds
        self.found += 1
        return self._newest


class HiddenPackets:
    """Finds packets of other streams that an edit list hides, as in trimmed MP4 and QuickTime.

    libav marks them, since decoders may need them. Pictures are decoded and dropped; of the other
    streams, which are copied, only what an encoder puts before its first sample (priming) is kept.
    """

    def __init__(self) -> None:
        self._priming: dict[int, bool] = {}

    def drops(self, packet: Packet[Stream]) -> bool:
        """Whether a packet isn't copied; packets come in file order."""
        index = packet.stream_index
        if not packet.is_discard:
            self._priming[index] = False
            return False
        if index not in self._priming:
            start, stamp = packet.stream.start_time or 0, decoding_stamp(packet)
            ahead = 0 if stamp is None else (start - stamp) * packet.time_base
            self._priming[index] = ahead <= _longest_priming(packet.stream)
        return not self._priming[index]


def _longest_priming(stream: Stream) -> Fraction:
    """Seconds."""
    rate = getattr(stream.codec_context, "sample_rate", 0)
    return max(_LONGEST_PRIMING_S, Fraction(_LONGEST_PRIMING, rate or 48000))


def _move(packet: Packet[Stream], shift: Fraction) -> None:
    """Add seconds to a packet's stamps."""
    units = round(shift / packet.time_base) if shift else 0
    if packet.pts is not None:
        packet.pts += units
    if packet.dts is not None:
        packet.dts += units
