"""Interlaced material: which field comes first, is it interlaced at all, and bwdif.

All of it works on luma planes wrapped as gray frames, so chroma costs nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from fractions import Fraction
from typing import Final, Literal, cast

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from vidcolor.types import LumaFrame, Plane

FieldOrder = Literal["progressive", "tff", "bff", "unknown"]

_HEADER_ORDER: Final[dict[int, FieldOrder]] = {
    1: "progressive",
    2: "tff",  # TT
    3: "bff",  # BB
    4: "tff",  # TB: FFmpeg's muxers write it for top field first
    5: "bff",  # BT
}
_IDET_FRAMES: Final = 60
_IDET_MIN_HEIGHT: Final = 400  # no interlaced system has fewer lines
_IDET_EVIDENCE: Final = 15
_IDET_COLUMNS: Final = 640


def header_field_order(code: int) -> FieldOrder:
    """Translate libav's AVFieldOrder."""
    return _HEADER_ORDER.get(code, "unknown")


def frame_field_order(frame: av.VideoFrame) -> FieldOrder:
    """Tell a flagged frame's field order; PyAV shows no such flag, libav's select filter does."""
    if not frame.interlaced_frame:
        return "progressive"
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 25),
    )
    select = graph.add("select", "eq(interlace_type,TOPFIRST)")
    sink = graph.add("buffersink")
    source.link_to(select)
    select.link_to(sink)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    try:
        graph.pull()
    except (FFmpegError, EOFError):
        return "bff"
    return "tff"


def _gray_graph(luma: Plane, *filters: tuple[str, str]) -> Graph:
    """Build buffer -> filters -> buffersink for planes of this shape."""
    graph = Graph()
    height, width = luma.shape
    pix_fmt = "gray" if luma.dtype == np.uint8 else "gray16le"
    node = graph.add_buffer(
        width=width,
        height=height,
        format=av.VideoFormat(pix_fmt, width, height),
        time_base=Fraction(1, 1000),
    )
    for name, arguments in (*filters, ("buffersink", "")):
        following = graph.add(name, arguments or None)
        node.link_to(following)
        node = following
    graph.configure()
    return graph


def _gray_frame(luma: Plane, index: int) -> av.VideoFrame:
    pix_fmt = "gray" if luma.dtype == np.uint8 else "gray16le"
    frame = av.VideoFrame.from_ndarray(cast(Plane, np.ascontiguousarray(luma)), format=pix_fmt)
    frame.pts = index
    frame.time_base = Fraction(1, 1000)
    return frame


class FieldDetector:
    """Measures with libav's idet whether unflagged frames hold two fields.

    Only the first frames are looked at; still pictures say nothing. ``verdict`` is None until
    there is enough evidence.
    """

    def __init__(self) -> None:
        self.verdict: FieldOrder | None = None
        self._graph: Graph | None = None
        self._seen = 0

    @property
    def done(self) -> bool:
        """Whether more frames would change nothing."""
        return self.verdict is not None or self._seen >= _IDET_FRAMES

    def look(self, luma: Plane) -> None:
        """Measure one more frame, in presentation order."""
        if self.done:
            return
        height, width = luma.shape
        if height < _IDET_MIN_HEIGHT or height % 2:
            self.verdict = "progressive"
            return
        part = luma[:, (width - _IDET_COLUMNS) // 2 :][:, :_IDET_COLUMNS] if width > 640 else luma
        if self._graph is None:
            self._graph = _gray_graph(part, ("idet", ""))
        self._graph.push(_gray_frame(part, self._seen))
        self._seen += 1
        self._pull(self._graph)
        if self.verdict is not None or self._seen >= _IDET_FRAMES:
            self._graph = None

    def _pull(self, graph: Graph) -> None:
        try:
            while True:
                self._judge(graph.pull().metadata)
        except (FFmpegError, EOFError):
            return

    def _judge(self, metadata: dict[str, str]) -> None:
        count = {
            order: float(metadata.get(f"lavfi.idet.multiple.{order}", 0))
            for order in ("tff", "bff", "progressive")
        }
        fields = count["tff"] + count["bff"]
        if fields + count["progressive"] < _IDET_EVIDENCE:
            return
        if count["progressive"] > fields:
            self.verdict = "progressive"
            return
        # Real fields keep their order; scrolling and dithering fool idet in both directions.
        leading: FieldOrder = "tff" if count["tff"] >= count["bff"] else "bff"
        if fields >= 3 * count["progressive"] and count[leading] >= 0.9 * fields:
            self.verdict = leading


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

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame; return those that are finished (bwdif looks one frame ahead)."""
        if self._graph is None:
            arguments = f"mode=send_frame:parity={self._parity}:deint=all"
            self._graph = _gray_graph(frame.luma, ("bwdif", arguments))
        self._waiting.append(frame)
        self._graph.push(_gray_frame(frame.luma, self._count))
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
