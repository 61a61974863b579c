"""Colour planes to the frames that an encoder takes."""

from __future__ import annotations

from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from vidcolor.media.pixels.planes import plane_view
from vidcolor.media.source import SideDatum
from vidcolor.types import ColorFrame, ColorTags, PlanarFormat, Plane

_NO_PICTURE_TYPE = 0
_CARRIED = frozenset({"A53_CC"})
"""Per-frame side data that encoders write."""


class FrameBuilder:
    """Makes one ``av.VideoFrame`` from each ``ColorFrame``: planes are copied once."""

    def __init__(
        self,
        planes: PlanarFormat,
        tags: ColorTags,
        size: tuple[int, int],
        *,
        fields: str = "",
        captions: bool = False,
    ) -> None:
        """Set the format.

        Args:
            planes: pixel format.
            tags: colour description, also written on frames (ProRes takes it from there).
            size: width, height.
            fields: "tff" or "bff" marks every frame as two fields; "" leaves them.
            captions: attach closed captions of the source's frames.
        """
        self._planes = planes
        self._tags = tags
        self._size = size
        self._fields = fields
        self._wants_captions = captions
        self._graph: Graph | None = None

    def build(
        self, frame: ColorFrame, pts: int, duration: int, time_base: Fraction
    ) -> av.VideoFrame:
        """Copy ``frame`` into a new video frame with the given stamps.

        Raises:
            ValueError: planes of another size than the writer's.
        """
        video = self._blank(frame)
        fill_planes(video, frame.planes, self._planes)
        video.pts, video.time_base, video.duration = pts, time_base, duration
        video.color_primaries, video.color_trc = self._tags.primaries, self._tags.transfer
        video.colorspace, video.color_range = self._tags.matrix, self._tags.range
        return self._mark_fields(video, time_base) if self._fields else video

    def _blank(self, frame: ColorFrame) -> av.VideoFrame:
        """A frame to be filled, with the source frame's captions where there are any."""
        width, height = self._size
        carrier = _carrier(frame) if self._wants_captions else None
        if carrier is None:
            return av.VideoFrame(width, height, self._planes.pix_fmt)
        # PyAV can't attach side data, but what it reformats keeps it
        video = carrier.reformat(width, height, self._planes.pix_fmt, interpolation="POINT")
        video.make_writable()
        video.pict_type = _NO_PICTURE_TYPE  # the source's type would force the encoder's
        return video

    def _mark_fields(self, video: av.VideoFrame, time_base: Fraction) -> av.VideoFrame:
        """Set the flags that PyAV has no setter for; no pixel is touched."""
        if self._graph is None:
            width, height = self._size
            graph = Graph()
            form = av.VideoFormat(self._planes.pix_fmt, width, height)
            source = graph.add_buffer(width=width, height=height, format=form, time_base=time_base)
            marker, sink = graph.add("setfield", self._fields), graph.add("buffersink")
            source.link_to(marker)
            marker.link_to(sink)
            graph.configure()
            self._graph = graph
        self._graph.push(video)
        return cast(av.VideoFrame, self._graph.pull())


def fill_planes(
    video: av.VideoFrame, planes: tuple[Plane, Plane, Plane], form: PlanarFormat
) -> None:
    """Copy three planes into ``video``.

    P010 and P210 interleave Cb and Cr and hold codes in the upper ten of sixteen bits.

    Raises:
        ValueError: a plane's shape isn't the format's.
    """
    dtype = np.dtype(np.uint8 if form.depth <= 8 else "<u2")
    if not form.pix_fmt.startswith("p"):
        for target, plane in zip(video.planes, planes, strict=True):
            _copy(plane_view(target, dtype), plane)
        return
    luma, chroma = (plane_view(each, "<u2", per_pixel=n) for n, each in enumerate(video.planes, 1))
    for view, plane in zip((luma, chroma[:, 0::2], chroma[:, 1::2]), planes, strict=True):
        _copy(view, np.left_shift(plane, 16 - form.depth))


def _copy(view: npt.NDArray[np.generic], plane: npt.NDArray[np.generic]) -> None:
    if view.shape != plane.shape:
        raise ValueError(f"expected a plane of {view.shape}, got {plane.shape}")
    view[...] = plane


def _carrier(frame: ColorFrame) -> av.VideoFrame | None:
    """The small frame that holds the source frame's side data, if any of it is written."""
    for item in frame.source.side_data:
        if isinstance(item, SideDatum) and item.kind in _CARRIED and item.carrier is not None:
            return item.carrier
    return None
