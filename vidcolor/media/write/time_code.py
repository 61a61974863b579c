"""Time codes (SMPTE 12M) in tags: in a film that is cut at its start they begin later."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from vidcolor.media.source import FrameSource

_CODE: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d{1,3})")
_DROP: Final = ";."
"""Before the frames: frame numbers are left out, so that codes keep up with the clock."""
_OFF_FRAME: Final = Fraction(1, 4)
"""A frame that is further than this from its place is of a film without a constant rate."""


def is_time_code_tag(key: str) -> bool:
    """Whether a tag of that name holds one; Matroska's names are in capitals."""
    return key.lower() == "timecode"


def time_codes(source: FrameSource) -> set[str]:
    """All time codes that tags of the file and its streams hold, be it those of a track."""
    tagged = [source.template, source.video_stream, *source.copied_streams]
    return {
        code
        for item in tagged
        if item is not None
        for key, code in item.metadata.items()
        if is_time_code_tag(key)
    }


def moved_codes(source: FrameSource, first: Fraction) -> dict[str, str]:
    """What becomes of the source's time codes in the output.

    Args:
        source: where they are from.
        first: time of its first frame in seconds, ``source.time_offset_s`` taken off.

    Returns:
        Old and new; without those that can't be moved, because they are none or the film has no
        constant rate.
    """
    codes = time_codes(source)
    rate = None if source.info.is_vfr else source.info.rate
    frames = (first + source.time_offset_s - _begin(source)) * (rate or 0)
    if not source.time_offset_s and not round(frames):
        return {code: code for code in codes}
    if rate is None or abs(frames - round(frames)) > _OFF_FRAME:
        return {}
    moved = {code: later(code, round(frames), rate) for code in codes}
    return {old: new for old, new in moved.items() if new is not None}


def _begin(source: FrameSource) -> Fraction:
    """When the whole film's first frame is shown, in seconds."""
    stream = source.video_stream
    if stream is None or stream.start_time is None or stream.time_base is None:
        return Fraction(source.info.start_s)
    return stream.start_time * Fraction(stream.time_base)


def later(code: str, frames: int, rate: Fraction) -> str | None:
    """Count a time code on.

    Args:
        code: "hh:mm:ss:ff"; with ";" before the frames it is a drop-frame code.
        frames: by how many.
        rate: frames per second, such as 30000/1001.

    Returns:
        The code, which begins anew after 24 hours; None where ``code`` isn't one of that rate.
    """
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    hours, minutes, seconds, last = (int(match[n]) for n in (1, 2, 3, 5))
    base, drops = round(rate), match[4] in _DROP
    if last >= base or (drops and (base % 30 or rate == base)):
        return None
    left_out = base // 15 if drops else 0  # of each minute's numbers, but not every tenth's
    minutes += 60 * hours
    number = (60 * minutes + seconds) * base + last - left_out * (minutes - minutes // 10)
    ten_minutes = 600 * base - 9 * left_out
    number = (number + frames) % (144 * ten_minutes)
    tens, rest = divmod(number, ten_minutes)
    number += left_out * (9 * tens + max(0, rest - left_out) // (60 * base - left_out))
    seconds, last = divmod(number, base)
    width = len(match[5])
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}{match[4]}{last:0{width}}"
