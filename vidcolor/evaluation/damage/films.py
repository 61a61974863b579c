"""Repair of films with drawn dust, scratches and flicker, against the true frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
from torch import Tensor

from vidcolor.data.film_damage import DirtyFrame, dirty_film
from vidcolor.evaluation.damage.photos import near, psnr_of, squared_error
from vidcolor.media.still.raster import luma_601
from vidcolor.repair.dust import Motion
from vidcolor.repair.film import FilmRepair
from vidcolor.repair.network import Mask
from vidcolor.temporal import MarkedFrame
from vidcolor.types import LumaFrame

Codes = npt.NDArray[np.uint8]

_MOST_HEIGHT_PX = 480
_LEAST_PX = 4
"""Of a blob of dust that counts."""
_HIT = 0.3
"""Share of it that has to be found."""


@dataclass(slots=True)
class FilmScores:
    """Sums over frames, of a film or several; a shot's first and last frame don't count.

    Attributes:
        frames: that were looked at.
        hits, misses: blobs of dust that were found, or not.
        false: blobs that were taken for damage, away from any.
        pixels: with dust or scratches.
        whole: pixels without.
        none, median, repaired: squared error in the damaged pixels, in codes: without repair, by a
            median of 3 along the motion, repaired.
        median_changed, changed: of the whole pixels, how many these change.
        clean: share of pixels that repair changes in the film without damage.
    """

    frames: int = 0
    hits: int = 0
    misses: int = 0
    false: int = 0
    pixels: int = 0
    whole: int = 0
    none: float = 0.0
    median: float = 0.0
    repaired: float = 0.0
    median_changed: int = 0
    changed: int = 0
    clean: float = 0.0

    def add(self, other: FilmScores) -> None:
        """Add another film's sums."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)

    def figures(self) -> dict[str, float]:
        """What follows from the sums, ready for JSON."""
        found, whole = 2 * self.hits, max(self.whole, 1)
        return {
            "frames": self.frames,
            "f1": found / max(found + self.misses + self.false, 1),
            "recall": self.hits / max(self.hits + self.misses, 1),
            "false_per_frame": self.false / max(self.frames, 1),
            "psnr_none": psnr_of(self.none, self.pixels),
            "psnr_median": psnr_of(self.median, self.pixels),
            "psnr_repaired": psnr_of(self.repaired, self.pixels),
            "median_changed": self.median_changed / whole,
            "changed": self.changed / whole,
            "clean_changed": self.clean / max(self.frames, 1),
        }


def evaluate_film_repair(
    frames: Sequence[Codes], *, strength: float = 0.5, seed: int = 0, dust: float = 6.0,
    scratches: float = 1.0,
) -> FilmScores:  # fmt: skip
    """Draw damage on one shot, repair it, and compare.

    Args:
        frames: of one shot, ``(H, W)`` uint8.
        strength: of the repair.
        seed: of the damage.
        dust: specks per frame.
        scratches: at a time.
    """
    plain = [frame.astype(np.float32) / np.float32(255.0) for frame in frames]
    drawn = list(dirty_film(plain, seed, dust=dust, scratches=scratches))
    seen = [_codes(each.lightness) for each in drawn]
    repaired, masks = repair_frames(seen, strength)
    scores, motion = FilmScores(), Motion()
    for at in range(1, len(frames) - 1):
        (_, before), (_, after) = (motion.way(seen[at], seen[k]) for k in (at - 1, at + 1))
        low, high = cv2.min(before, after), cv2.max(before, after)
        median = np.asarray(cv2.max(low, cv2.min(high, seen[at])), np.uint8)
        _add(scores, drawn[at], seen[at], repaired[at], median, masks[at])
    kept, _ = repair_frames(list(frames), strength)
    scores.clean = sum(
        float((a != b).mean()) for a, b in zip(frames[1:-1], kept[1:-1], strict=True)
    )
    return scores


def grey_codes(rgb: Tensor) -> Codes:
    """A frame's luma, ``(H, W)`` uint8, reduced to a height of 480 where it is larger.

    Args:
        rgb: ``(3, H, W)`` float32 code values in [0, 255].
    """
    codes = luma_601(rgb.round().byte().permute(1, 2, 0).contiguous().numpy())
    height, width = codes.shape
    if height > _MOST_HEIGHT_PX:
        size = (round(width * _MOST_HEIGHT_PX / height), _MOST_HEIGHT_PX)
        codes = np.asarray(cv2.resize(codes, size, interpolation=cv2.INTER_AREA), np.uint8)
    return codes.astype(np.uint8, copy=False)


def repair_frames(frames: Sequence[Codes], strength: float) -> tuple[list[Codes], list[Mask]]:
    """One shot through the filter: repaired frames, and masks."""
    masks: list[Mask] = []
    filtering = FilmRepair(strength=strength, on_mask=lambda _, mask: masks.append(mask))
    marked = [
        MarkedFrame(LumaFrame(codes, 8, True, at, Fraction(1, 25)), at, at == 0)
        for at, codes in enumerate(frames)
    ]
    ready = filtering.push(marked) + filtering.flush()
    return [each.frame.luma.astype(np.uint8, copy=False) for each in ready], masks


def _add(
    scores: FilmScores, drawn: DirtyFrame, seen: Codes, repaired: Codes, median: Codes, mask: Mask
) -> None:
    truth, bad = _codes(drawn.whole), drawn.dust | drawn.scratches
    scores.frames += 1
    for size, caught in _blobs(drawn.dust, mask):
        if size >= _LEAST_PX:
            scores.hits += caught >= _HIT
            scores.misses += caught < _HIT
    scores.false += sum(caught == 0.0 for _, caught in _blobs(mask, near(bad)))
    scores.pixels += int(bad.sum())
    scores.whole += int((~bad).sum())
    scores.none += squared_error(seen, truth, bad)
    scores.median += squared_error(median, truth, bad)
    scores.repaired += squared_error(repaired, truth, bad)
    scores.median_changed += int((median != seen)[~bad].sum())
    scores.changed += int((repaired != seen)[~bad].sum())


def _blobs(mask: Mask, other: Mask) -> list[tuple[int, float]]:
    """Size of each blob of a mask, and the share of it that another mask covers."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel(), minlength=count)[1:]
    both = np.bincount(labels[other], minlength=count)[1:]
    return [(int(n), float(m) / float(n)) for n, m in zip(sizes, both, strict=True)]


def _codes(plane: npt.NDArray[np.float32]) -> Codes:
    return np.asarray(np.rint(plane * np.float32(255.0)), np.uint8)


def film_table(rows: dict[str, FilmScores]) -> str:
    """The figures as text, one film a line, all together in the last."""
    total = FilmScores()
    lines = [
        f"{'':28}{'F1':>6}{'recall':>8}{'false/frame':>12}{'PSNR none':>11}{'median':>8}"
        f"{'repaired':>9}{'clean changed':>15}"
    ]
    for scores in rows.values():
        total.add(scores)
    for name, scores in {**rows, "all": total}.items():
        f = scores.figures()
        lines.append(
            f"{name[:27]:28}{f['f1']:6.2f}{f['recall']:8.2f}{f['false_per_frame']:12.2f}"
            f"{f['psnr_none']:11.2f}{f['psnr_median']:8.2f}{f['psnr_repaired']:9.2f}"
            f"{f['clean_changed']:15.4%}"
        )
    f = total.figures()
    lines.append(
        f"undamaged pixels that change: repaired {f['changed']:.4%}, median "
        f"{f['median_changed']:.2%}"
    )
    return "\n".join(lines)
