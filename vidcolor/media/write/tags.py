"""Tags, chapters and time codes (SMPTE 12M): what is copied, and the credit."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final

from vidcolor.media.source import FrameSource
from vidcolor.media.write.facts import ITUNES_KEYS, ContainerFacts

COLORIZED_BY = "colorized_by"

_OF_THE_OLD_FILE = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "filesize"}
)
"""Global tags that describe the source's container, not its content."""

_OF_THE_OLD_STREAM = (
    "encoder", "bps", "duration", "number_of_", "_statistics_", "source_id", "alpha_mode"
)  # fmt: skip
"""Beginnings of stream tags that describe the source's coding (Matroska statistics, alpha)."""

_CODE: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)([:;.])(\d{1,3})")
_DROP: Final = ";."
"""Separators before the frames that mark drop-frame codes, which skip frame numbers."""
_OFF_FRAME: Final = Fraction(1, 4)
"""Distance from a constant rate, in frames, beyond which a film has none."""


def global_tags(
    metadata: Mapping[str, str], container: ContainerFacts, comment: str, *, cover: bool
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Global tags of the output.

    MP4 and QuickTime have two ways: a list of fixed keys beside cover art, or any keys and no
    cover art. The first is taken for MP4 where it loses nothing or there is a cover.

    Args:
        metadata: the source's tags.
        container: what the container takes.
        comment: what colorized the film; "" adds nothing.
        cover: cover art will be written.

    Returns:
        Tags, muxer options, and a note where tags are lost.
    """
    tags = content_tags(metadata)
    if container.metadata == "none":
        return _few_tags(tags, container, comment)
    strange = sorted(key for key in tags if key.lower() not in ITUNES_KEYS)
    fixed_keys = cover or (container.name == "mp4" and not strange)
    if container.metadata == "mdta" and fixed_keys:
        notes = [f"{container.name} with cover art can't hold the tags {', '.join(strange)}"]
        kept = {key: value for key, value in tags.items() if key not in strange}
        return _with_comment(kept, comment), {}, notes if strange else []
    if comment:
        tags[COLORIZED_BY] = comment
    mdta = {"movflags": "+use_metadata_tags"} if container.metadata == "mdta" else {}
    return tags, mdta, []


def content_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Global tags without those that describe the source's container."""
    return {k: v for k, v in metadata.items() if k.lower() not in _OF_THE_OLD_FILE}


def stream_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags of the colorized stream: the source's without those that describe its old coding."""
    return {k: v for k, v in metadata.items() if not k.lower().startswith(_OF_THE_OLD_STREAM)}


def moved_chapters(
    chapters: list[dict[str, Any]], offset: Fraction, span: Fraction | None
) -> list[dict[str, Any]]:
    """Chapters ``offset`` seconds earlier, cut to 0..``span``; those wholly outside are dropped."""
    moved = []
    for chapter in chapters:
        unit = Fraction(chapter["time_base"])
        shift = round(offset / unit)
        last = math.inf if span is None else round(span / unit)
        start, end = chapter["start"] - shift, chapter["end"] - shift
        if shift or span is not None:
            start, end = max(0, start), min(end, last)
            if end <= start:
                continue
        moved.append({**chapter, "start": int(start), "end": int(end)})
    return moved


def _few_tags(
    tags: dict[str, str], container: ContainerFacts, comment: str
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Tags for containers without free text."""
    kept = {key: value for key, value in tags.items() if key in container.metadata_keys}
    lost = sorted(tags.keys() - kept.keys())
    if comment:
        lost.append("the credit (what colorized it)")
    notes = [f"{container.name} has no place for these tags: {', '.join(lost)}"]
    return kept, {}, notes if lost else []


def _with_comment(tags: dict[str, str], comment: str) -> dict[str, str]:
    """The credit goes in comment, else description, else is appended to comment."""
    if not comment:
        return tags
    text = f"colorized by {comment}"
    for key in ("comment", "description"):
        if key not in tags:
            return {**tags, key: text}
    return {**tags, "comment": f"{tags['comment']}; {text}"}


def is_time_code_tag(key: str) -> bool:
    """Whether a tag holds a time code, by its name; Matroska's names are in capitals."""
    return key.lower() == "timecode"


def time_codes(source: FrameSource) -> set[str]:
    """All time codes in tags of the file and its streams, time code tracks included."""
    tagged = [source.template, source.video_stream, *source.copied_streams]
    return {
        code
        for item in tagged
        if item is not None
        for key, code in item.metadata.items()
        if is_time_code_tag(key)
    }


def moved_codes(source: FrameSource, first: Fraction) -> dict[str, str]:
    """The output's time codes for the source's.

    Args:
        source: an open source.
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
    """Add frames to a time code.

    Args:
        code: "hh:mm:ss:ff"; with ";" before the frames it is a drop-frame code.
        frames: by how many.
        rate: frames per second, such as 30000/1001.

    Returns:
        The new code, modulo 24 hours; None where ``code`` isn't valid at that rate.
    """
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    hours, minutes, seconds, last = (int(match[n]) for n in (1, 2, 3, 5))
    base, drops = round(rate), match[4] in _DROP
    if last >= base or (drops and (base % 30 or rate == base)):
        return None
    left_out = base // 15 if drops else 0  # numbers in each minute, except every tenth
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
