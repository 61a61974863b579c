"""Which field comes first, and is it interlaced at all: header, flags, and libav's idet."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal, cast

import av
import numpy as np
from av.error import FFmpegError
from av.filter import Graph

from vidcolor.types import Plane

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


def gray_graph(luma: Plane, *filters: tuple[str, str]) -> Graph:
    """Build buffer -> filters -> buffersink for luma planes of this shape, as gray frames."""
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


def gray_frame(luma: Plane, index: int) -> av.VideoFrame:
    """A luma plane as a gray frame for such a graph."""
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
            self._graph = gray_graph(part, ("idet", ""))
        self._graph.push(gray_frame(part, self._seen))
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
        # Real fields keep their order; scrolling and dithering look like fields of both orders.
        leading: FieldOrder = "tff" if count["tff"] >= count["bff"] else "bff"
        if fields >= 3 * count["progressive"] and count[leading] >= 0.9 * fields:
            self.verdict = leading
