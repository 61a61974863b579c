"""What numbered images can't hold of their source, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from vidcolor.media.scans.read import HEADER_CODECS, SequenceReader
from vidcolor.media.source import FrameSource
from vidcolor.media.write.streams import chapters_of, codec_name, is_chapter_text, is_time_code
from vidcolor.media.write.tags import content_tags, moved_chapters, time_codes
from vidcolor.types import EncodeSettings, LumaFrame

_UNEVEN: Final = "the frames' uneven times are left out: images hold none"
_FIELDS: Final = "the order of fields is left out: images hold none"


def film_losses(source: FrameSource, settings: EncodeSettings) -> list[str]:
    """What of a film isn't in its images, by its header and first frame."""
    lost = [f"{what} left out: images hold none" for what in _lost(source, settings)]
    info = source.info
    if info.is_vfr and info.rate:  # without a rate it depends on the frames
        lost.append(_UNEVEN)
    return [*lost, _FIELDS] if source.status.is_interlaced else lost


class LateLosses:
    """Losses that are known from the frames only: uneven times, and fields found by measuring."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._last: int | None = None
        self._step: int | None = None

    def show(self, frame: LumaFrame) -> list[str]:
        """Losses known up to this frame; frames are given in order."""
        step = None if self._last is None else frame.pts - self._last
        self._last = frame.pts
        self._step = self._step or step
        uneven = step is not None and self._step is not None and _differ(step, self._step)
        return [_UNEVEN] * uneven + [_FIELDS] * self._source.status.is_interlaced


def _differ(step: int, first: int) -> bool:
    """Whether two distances in time differ by more than rounding to the unit explains."""
    difference = abs(step - first)
    return difference * 10 > first and not (difference == 1 and first > 2)


def _lost(source: FrameSource, settings: EncodeSettings) -> Iterator[str]:
    """The names of lost things, each with its "is" or "are"."""
    chapters = chapters_of(source.template)
    for stream in source.copied_streams:
        if is_time_code(stream):
            continue
        is_unwanted = stream.type == "audio" and settings.audio == "none"
        if not is_unwanted and not (chapters and is_chapter_text(stream)):
            yield f"stream {stream.index} ({stream.type}, {codec_name(stream)}) is"
    for code in sorted(time_codes(source)):
        yield f"the time code {code} is"
    if "A53_CC" in source.status.side_data_kinds:
        yield "closed captions in the picture are"
    if source.info.sar != 1:
        yield f"the pixels' shape ({source.info.sar.numerator}:{source.info.sar.denominator}) is"
    if count := len(moved_chapters(chapters, source.time_offset_s, source.span_s)):
        yield "1 chapter is" if count == 1 else f"{count} chapters are"
    if tags := content_tags({} if source.template is None else source.template.metadata):
        names = ", ".join(sorted(tags))
        yield f"the tag {names} is" if len(tags) == 1 else f"the tags {names} are"


def header_losses(source: FrameSource, codec: str) -> list[str]:
    """Metadata of scans that the images don't keep.

    Args:
        source: an open source; films have no such headers.
        codec: FFmpeg's name of the image format that is written.
    """
    if not isinstance(source, SequenceReader):
        return []
    if codec == "dpx" or source.info.codec not in HEADER_CODECS:
        what = f"what the headers of {source.info.codec} files say (resolution, texts, times)"
        return [f"{what} isn't kept in {codec} files"]
    from vidcolor.media.scans.image import read_scan

    if read_scan(source.first_file)[1] is None:
        return []
    return ["the scans' colour profile isn't looked at: their codes are taken for sRGB"]
