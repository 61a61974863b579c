"""Global tags, stream tags and chapters: what is copied, and what says who colorized."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

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


def global_tags(
    metadata: Mapping[str, str], container: ContainerFacts, comment: str, *, cover: bool
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Global tags of the output.

    MP4 and QuickTime have two ways: a list of fixed keys beside cover art, or any keys and no
    cover art. The first is taken for MP4 where it loses nothing or there is a cover.

    Args:
        metadata: the source's tags.
        container: what the container takes.
        comment: who colorized; "" adds nothing.
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
    """Global tags, less what describes the source's container."""
    return {k: v for k, v in metadata.items() if k.lower() not in _OF_THE_OLD_FILE}


def stream_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags of the colorized stream: all of the source's, less what describes its old coding."""
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
    """What is left for containers without free text."""
    kept = {key: value for key, value in tags.items() if key in container.metadata_keys}
    lost = sorted(tags.keys() - kept.keys())
    if comment:
        lost.append("who colorized it")
    notes = [f"{container.name} has no place for these tags: {', '.join(lost)}"]
    return kept, {}, notes if lost else []


def _with_comment(tags: dict[str, str], comment: str) -> dict[str, str]:
    """Say who colorized in the first free one of two keys, else behind the comment."""
    if not comment:
        return tags
    text = f"colorized by {comment}"
    for key in ("comment", "description"):
        if key not in tags:
            return {**tags, key: text}
    return {**tags, "comment": f"{tags['comment']}; {text}"}
