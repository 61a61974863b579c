"""Interlace policy: header, decoder flags, then idet; deinterlaces with bwdif on request."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from vidcolor.media.pixels.fields import FieldDetector, FieldOrder, gray_frame, gray_graph
from vidcolor.types import LumaFrame

_HELD_FRAMES: Final = 25
_LEAST_SIDE_PX: Final = 4
"""bwdif refuses smaller pictures; they stay as they are."""


class FieldStage:
    """Watches frames go by; deinterlaces them where that was asked for.

    Header and decoder flags are believed where they say "interlaced"; else the first frames are
    measured. Asked to deinterlace, it holds back up to 25 frames of unflagged streams until the
    measurement knows which field comes first.

    Args:
        header: what the header says.
        deinterlace: whether to run bwdif.

    Attributes:
        order: field order as far as known.
        is_interlaced: there are fields.
        measured: only the measurement says so.
    """

    def __init__(self, *, header: FieldOrder, deinterlace: bool) -> None:
        self.order: FieldOrder = header
        self.is_interlaced = header in ("tff", "bff")
        self.measured = False
        self._flagged = False
        self._deinterlace = deinterlace
        self._detector = FieldDetector()
        self._deinterlacer: Deinterlacer | None = None
        self._held: list[LumaFrame] = []

    def fork(self) -> FieldStage:
        """The same in another place of the stream: what is known of its fields stays known."""
        stage = FieldStage(header=self.order, deinterlace=self._deinterlace)
        stage.is_interlaced, stage.measured = self.is_interlaced, self.measured
        stage._flagged, stage._detector = self._flagged, self._detector
        if self._deinterlacer is not None:
            stage._deinterlacer = self._deinterlacer.fork()
        return stage

    @property
    def found_nothing(self) -> bool:
        """Deinterlacing was asked for, and measured frames show no fields."""
        return (
            self._deinterlace and not self.is_interlaced and self._detector.verdict == "progressive"
        )

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame in presentation order; return those that are ready."""
        self._learn(frame)
        if not self._deinterlace:
            return [frame]
        if self._deinterlacer is not None:
            return self._deinterlacer.push(frame)
        self._held.append(frame)
        known = self.is_interlaced or self._detector.done
        return self._start() if known or len(self._held) >= _HELD_FRAMES else []

    def flush(self) -> list[LumaFrame]:
        """Return what is left."""
        frames = self._start() if self._held else []
        return frames + (self._deinterlacer.flush() if self._deinterlacer else [])

    def _learn(self, frame: LumaFrame) -> None:
        if frame.interlaced:
            if not self._flagged:
                self.order = "tff" if frame.top_field_first else "bff"
            self._flagged = self.is_interlaced = True
        elif not self.is_interlaced and not self._detector.done:
            self._detector.look(frame.luma)
            verdict = self._detector.verdict
            if verdict in ("tff", "bff"):
                self.order = verdict
                self.is_interlaced = self.measured = True

    def _start(self) -> list[LumaFrame]:
        self._deinterlacer = Deinterlacer(order=self.order, flagged=self._flagged)
        held, self._held = self._held, []
        return [ready for frame in held for ready in self._deinterlacer.push(frame)]


class Deinterlacer:
    """bwdif, one frame out for each frame in, in the same order and with the same stamps.

    Frames that the decoder flags as progressive, in a stream that it flags at all, keep their
    luma; the others, and all frames of unflagged streams, are deinterlaced.

    Args:
        order: the first field's parity.
        flagged: the decoder sets flags in this stream.
    """

    def __init__(self, *, order: FieldOrder, flagged: bool) -> None:
        self._parity = "bff" if order == "bff" else "tff"
        self._flagged = flagged
        self._graph: Graph | None = None
        self._waiting: deque[LumaFrame] = deque()
        self._count = 0

    def fork(self) -> Deinterlacer:
        """One with the same settings that has seen nothing."""
        return Deinterlacer(order="bff" if self._parity == "bff" else "tff", flagged=self._flagged)

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame; return those that are finished (bwdif looks one frame ahead)."""
        if min(frame.luma.shape) < _LEAST_SIDE_PX:
            return [frame]
        if self._graph is None:
            arguments = f"mode=send_frame:parity={self._parity}:deint=all"
            self._graph = gray_graph(frame.luma, ("bwdif", arguments))
        self._waiting.append(frame)
        self._graph.push(gray_frame(frame.luma, self._count))
        self._count += 1
        return self._pull()

    def flush(self) -> list[LumaFrame]:
        """Return the frames that are still inside; nothing can be pushed afterwards."""
        if self._graph is None:
            return []
        self._graph.push(None)
        finished = self._pull()
        # Should bwdif ever return fewer, frames go out as they are rather than get lost.
        finished.extend(self._waiting)
        self._waiting.clear()
        self._graph = None
        return finished

    def _pull(self) -> list[LumaFrame]:
        finished: list[LumaFrame] = []
        try:
            while self._waiting and self._graph is not None:
                picture = self._graph.pull()
                assert isinstance(picture, av.VideoFrame)
                finished.append(self._finish(self._waiting.popleft(), picture))
        except (FFmpegError, EOFError):
            pass
        return finished

    def _finish(self, frame: LumaFrame, picture: av.VideoFrame) -> LumaFrame:
        if self._flagged and not frame.interlaced:
            return frame
        luma = picture.to_ndarray()
        # bwdif clips to the 16 bits of its format, not to the depth of the codes.
        luma = np.minimum(luma, np.asarray((1 << frame.depth) - 1, luma.dtype))
        return replace(frame, luma=luma, interlaced=False)
