"""How long each frame is shown, where the file says how long each is decoded."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from av.container import InputContainer
from av.video.stream import VideoStream

from vidcolor.types import LumaFrame

_ROUNDING_S: Final = Fraction(1, 100)
"""QuickTime gives a film's length in units of its own, often of 1/600 s."""


def in_decoding_order(container: str) -> bool:
    """Whether a frame's duration reaches to the next one in the file, not to the next shown.

    Args:
        container: libav's name; that of MP4 and QuickTime is one.
    """
    return "mov" in container.split(",")


def stream_end(container: InputContainer, stream: VideoStream) -> int | None:
    """Where the header lets a stream end, in its time base; None where it doesn't say."""
    if not in_decoding_order(container.format.name) or not stream.duration:
        return None
    return (stream.start_time or 0) + stream.duration


class ShownDurations:
    """Makes each frame last until the next one; for that it holds one frame back.

    Args:
        end: where the stream ends, in units of the frames' stamps, None where unknown.
    """

    def __init__(self, end: int | None) -> None:
        self._end = end
        self._exact = False
        self._longest = 0
        self._held: LumaFrame | None = None

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame in presentation order; return the one before it."""
        held, self._held = self._held, frame
        self._longest = max(self._longest, frame.duration)
        if held is None:
            return []
        held.duration = frame.pts - held.pts
        return [held]

    def stop(self, end: int) -> None:
        """Say where the last frame ends: better than the header does."""
        self._end, self._exact = end, True

    def flush(self) -> list[LumaFrame]:
        """Return the last frame."""
        last, self._held = self._held, None
        if last is None:
            return []
        if self._end is not None and self._end > last.pts:
            last.duration = self._until(self._end, last)
        return [last]

    def _until(self, end: int, last: LumaFrame) -> int:
        """How long the last frame is; the end of a film that is cut off is far behind it."""
        shown = end - last.pts
        if self._exact:
            return shown
        if abs(shown - last.duration) * last.time_base <= _ROUNDING_S:
            return last.duration
        return min(shown, self._longest)
