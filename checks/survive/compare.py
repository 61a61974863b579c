"""Compare a source with what vidcolor made of it; each difference in a few words."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from survive.facts import (
    Rgb,
    VideoFacts,
    is_photo,
    lightness_difference,
    pick_frames,
    read_photo,
    read_video,
)

SAME = "="
_STAMP_TOLERANCE_S = 0.0011
"""Matroska's clock ticks in milliseconds; one tick of rounding is not a fault of ours."""
_SAMPLED_FRAMES = 4


@dataclass
class Comparison:
    """Columns of the outcome table, and pictures for the contact sheet."""

    columns: dict[str, str] = field(default_factory=dict)
    pairs: list[tuple[Rgb, Rgb]] = field(default_factory=list)


def compare(source: Path, result: Path) -> Comparison:
    """Compare a photo with a photo or a video with a video."""
    return _compare_photos(source, result) if is_photo(source) else _compare_videos(source, result)


def _compare_videos(source: Path, result: Path) -> Comparison:
    before, after = read_video(source), read_video(result)
    made = Comparison()
    frames = f"{len(before.stamps_s)} → {len(after.stamps_s)}"
    made.columns["frames"] = frames + (f" ({before.errors} damaged)" if before.errors else "")
    made.columns["pts"] = _stamps(before.stamps_s, after.stamps_s)
    made.columns["other streams"] = _packets(before, after)
    made.columns["first stamps"] = _starts(before.starts_s, after.starts_s)
    made.columns["properties"] = _properties(before, after)
    count = min(len(before.stamps_s), len(after.stamps_s))
    numbers = sorted({count * (2 * i + 1) // (2 * _SAMPLED_FRAMES) for i in range(_SAMPLED_FRAMES)})
    _look(made, pick_frames(source, numbers), pick_frames(result, numbers))
    return made


def _compare_photos(source: Path, result: Path) -> Comparison:
    before, picture = read_photo(source)
    after, coloured = read_photo(result)
    made = Comparison()
    made.columns["frames"] = "photo"
    kept = SAME if before.size == after.size else f"{before.size} → {after.size}"
    made.columns["properties"] = (
        f"size {kept}; {before.mode}{before.depth} → {after.mode}{after.depth}"
        f"{_lost('ICC', before.has_icc, after.has_icc)}"
        f"{_lost('EXIF', before.has_exif, after.has_exif)}"
    )
    _look(made, [picture], [coloured])
    return made


def _lost(what: str, before: bool, after: bool) -> str:
    return f"; {what} lost" if before and not after else ""


def _look(made: Comparison, sources: list[Rgb], results: list[Rgb]) -> None:
    made.pairs = list(zip(sources, results, strict=False))
    figures = [lightness_difference(a, b) for a, b in made.pairs if a.shape == b.shape]
    if figures:
        made.columns["dL*"] = f"{sum(f[0] for f in figures) / len(figures):.2f}"
        made.columns["C*"] = f"{sum(f[1] for f in figures) / len(figures):.1f}"


def _stamps(before: list[Fraction | None], after: list[Fraction | None]) -> str:
    if before == after:
        return SAME
    if len(before) != len(after):
        return "count differs"
    if None in before:
        return "source has none"
    apart = [float(b - a) for a, b in zip(before, after, strict=True) if a is not None and b]
    worst = max((abs(a) for a in apart), default=0.0)
    if worst <= _STAMP_TOLERANCE_S:
        return f"{SAME} (≤ {worst * 1000:.1f} ms)"
    if max(apart) - min(apart) <= _STAMP_TOLERANCE_S:
        return f"shifted {apart[0]:+.3f} s"
    return f"up to {worst:.3f} s apart"


def _packets(before: VideoFacts, after: VideoFacts) -> str:
    """Compare the payloads of all copied streams, in order."""
    if not before.packets and not after.packets:
        return "-"
    kept = [p for p in before.packets if p in after.packets]
    lost = [f"{kind} {codec}" for kind, codec, d in before.packets if (kind, codec, d) not in kept]
    words = [f"{len(kept)} {SAME}"] if kept else []
    return ", ".join(words + [f"{name} differs or lost" for name in lost])


def _starts(before: dict[str, float], after: dict[str, float]) -> str:
    def close(a: float, b: float) -> bool:
        return abs(a - b) <= _STAMP_TOLERANCE_S

    common = [kind for kind in before if kind in after]
    if all(close(before[k], after[k]) for k in common):
        return SAME
    offset = [f"{k} {before[k]:.3f} → {after[k]:.3f}" for k in common]
    if "audio" in common and "video" in common:
        gaps = [s["audio"] - s["video"] for s in (before, after)]
        offset.append(
            f"A/V offset {SAME}" if close(*gaps) else f"A/V {gaps[0]:.3f} → {gaps[1]:.3f}"
        )
    return "; ".join(offset)


def _properties(before: VideoFacts, after: VideoFacts) -> str:
    """Name what changed among geometry, colour tags and chapters."""
    changed = []
    for name, a, b in zip(
        ("SAR", "rotation", "size"), before.geometry, after.geometry, strict=True
    ):
        if a != b:
            changed.append(f"{name} {a} → {b}")
    for name, x, y in zip(
        ("primaries", "transfer", "matrix", "range"), before.tags, after.tags, strict=True
    ):
        if x != y:
            changed.append(f"{name} {x} → {y}")
    if before.chapters != after.chapters:
        changed.append(f"chapters {len(before.chapters)} → {len(after.chapters)}")
    return "; ".join(changed) or SAME
