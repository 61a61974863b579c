"""Stamps: every frame gets its own pts, and ``start_s`` and ``end_s`` cut all streams alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Final

from av.packet import Packet
from av.stream import Stream

from vidcolor.media.read.packets.container import is_cover

_TOLERANCE: Final = Fraction(1, 1_000_000)  # the file's start time is known to a microsecond
_MAX_COMMON_STEP: Final = Fraction(1, 10)


def exact_seconds(seconds: float | None) -> Fraction | None:
    """Return user-given seconds as a fraction, to the microsecond."""
    return None if seconds is None else Fraction(round(seconds * 1_000_000), 1_000_000)


def stamp_of(packet: Packet[Any]) -> int | None:
    """When a packet is shown, or else decoded, in its time base; None if unknown."""
    return packet.pts if packet.pts is not None else packet.dts


def decoding_stamp(packet: Packet[Any]) -> int | None:
    """When a packet is decoded, or else shown, in its time base; None if unknown."""
    return packet.dts if packet.dts is not None else packet.pts


class StampFiller:
    """Gives each frame a pts that is greater than the one before.

    Args:
        time_base: seconds per unit.
        rate: frames per second, for streams without stamps; None counts as 25.
        by_decoding: the container has decoding times alone, as AVI: those of B-frames' packets say
            nothing of when they are shown, and frames get the times at which they left the decoder.

    Attributes:
        nudged: frames whose stamp repeated or went back.
        step: from frame to frame at the stream's rate, in units of the time base.
    """

    def __init__(
        self, time_base: Fraction, rate: Fraction | None, *, by_decoding: bool = False
    ) -> None:
        self.nudged = 0
        self._by_decoding = by_decoding
        self._delay: int | None = None
        self._step = max(Fraction(1), 1 / (rate or Fraction(25)) / time_base)
        self.step = round(self._step)
        self._last: int | None = None
        self._ideal = Fraction(0)

    def place(self, pts: int | None, dts: int | None, duration: int) -> int:
        """Return the pts for the next frame in presentation order.

        Args:
            pts: the decoder's stamp (its best effort), None where it has none.
            dts: the stamp of the packet that released the frame, None where unknown.
            duration: of this frame, 0 where unknown.

        Returns:
            ``pts`` itself wherever that is possible.
        """
        if self._by_decoding:
            pts, duration = self._when_decoded(pts, dts), 0
        if pts is None:
            if self._last is not None:
                pts = round(self._ideal)
            else:
                pts = 0 if dts is None else dts
                self._ideal = Fraction(pts)
        else:
            self._ideal = Fraction(pts)
        if self._last is not None and pts <= self._last:
            # A repeat moves by one unit; a step back goes on at the stream's pace.
            self.nudged += 1
            pts = self._last + (1 if pts == self._last else max(1, round(self._step)))
            self._ideal = Fraction(pts)
        self._last = pts
        self._ideal += Fraction(duration) if duration > 0 else self._step
        return pts

    def _when_decoded(self, pts: int | None, dts: int | None) -> int | None:
        """A frame's time by that of the packet that released it, the first frame's kept."""
        if dts is None:  # the decoder's last frames: at the stream's pace
            return pts if self._last is None else None
        if self._delay is None:
            self._delay = 0 if pts is None else dts - pts
        return dts - self._delay


class Span:
    """The part of the file that is wanted.

    Args:
        origin: the file's start time in seconds; ``start`` and ``end`` count from it.
        start: seconds, None for all.
        end: seconds, None for all.
        time_bases: of all streams, to find an offset that is exact in each.

    Attributes:
        offset: seconds that are taken from all stamps; 0 without ``start``.
    """

    def __init__(
        self,
        *,
        origin: Fraction,
        start: Fraction | None,
        end: Fraction | None,
        time_bases: Iterable[Fraction],
    ) -> None:
        self.origin = origin
        self.start = None if start is None else origin + start
        self.end = None if end is None else origin + end
        self.length = None if end is None else end - (start or 0)
        self.offset = Fraction(0)
        if self.start is not None:
            self.offset = _exact_offset(self.start, time_bases)

    def before(self, seconds: Fraction) -> bool:
        """Whether that time lies before the span."""
        return self.start is not None and seconds < self.start - _TOLERANCE

    def after(self, seconds: Fraction) -> bool:
        """Whether that time lies at or after the end of the span."""
        return self.end is not None and seconds >= self.end - _TOLERANCE

    def shift(self, stamp: int, time_base: Fraction) -> int:
        """Move a stamp by the common offset."""
        return stamp - round(self.offset / time_base) if self.offset else stamp

    def admit(self, packet: Packet[Stream]) -> bool:
        """Cut and shift a copied packet in place; False drops it.

        Audio packets belong to the span in which they begin; subtitle and data packets that are
        still showing at the start begin there, and end with the span. Cover art always stays.
        """
        if self.start is None and self.end is None:
            return True
        stamp = stamp_of(packet)
        if stamp is None or is_cover(packet.stream):
            return True
        time_base = packet.time_base
        begin = stamp * time_base
        length = (packet.duration or 0) * time_base
        if self.after(begin):
            return False
        sparse = packet.stream.type not in ("audio", "video")
        if sparse and self.after(begin + length):
            self._clip_end(packet, begin)
        if self.before(begin):
            if not sparse or self.before(begin + length) or not length:
                return False
            self._clip_begin(packet, stamp, time_base)
        if packet.pts is not None:
            packet.pts = self.shift(packet.pts, time_base)
        if packet.dts is not None:
            packet.dts = self.shift(packet.dts, time_base)
        return True

    def _clip_begin(self, packet: Packet[Stream], stamp: int, time_base: Fraction) -> None:
        """Let a packet that began earlier begin at the start of the span."""
        assert self.start is not None
        late = math.ceil(self.start / time_base) - stamp
        packet.duration = max(1, (packet.duration or 0) - late)
        packet.pts = stamp + late
        if packet.dts is not None:
            packet.dts = stamp + late

    def _clip_end(self, packet: Packet[Stream], begin: Fraction) -> None:
        """Let a packet that would go on for longer end with the span."""
        assert self.end is not None
        packet.duration = max(1, math.floor((self.end - begin) / packet.time_base))


def _exact_offset(start: Fraction, time_bases: Iterable[Fraction]) -> Fraction:
    """Return the latest time up to ``start`` that is whole in all time bases.

    The least common multiple of fractions in lowest terms is lcm(numerators) / gcd(denominators).
    Where it is too coarse to be of use, the offset is whole in the coarsest time base only (say an
    AVI's frame), and the finer ones are off by up to half of their small units.
    """
    numerator, denominator = 1, 0
    bases = list(time_bases)
    for base in bases:
        numerator = math.lcm(numerator, base.numerator)
        denominator = math.gcd(denominator, base.denominator)
    if not denominator:
        return start
    step = Fraction(numerator, denominator)
    if step > _MAX_COMMON_STEP:
        step = max(bases)
    return start // step * step
