"""Repair of photographs with drawn damage, against the true pictures and OpenCV's inpainting."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.data.damage import damaged
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.evaluation.measures.metrics import histogram_similarity, masked_mean, ssim_map
from vidcolor.repair.network import Mask, Repairer
from vidcolor.repair.photo import find_damage, repair_photo

Codes = npt.NDArray[np.uint8]
Photo = npt.NDArray[np.uint8]
"""``(H, W, 3)`` RGB."""
Photos = Callable[[], Iterable[tuple[str, Photo]]]

WEAKEST: float = 0.1
"""Least strength of drawn damage; the strongest is 1. See ``data.damage``."""
NEAR_PX: int = 2
"""Distance up to which a pixel that was found counts as right."""

NONE, TELEA, STOKES = "damaged, as it is", "Telea, true mask", "Navier-Stokes, true mask"
GIVEN, FOUND = "vidcolor, true mask", "vidcolor, mask found"
ROWS = (NONE, TELEA, STOKES, GIVEN, FOUND)
_RADIUS_PX = 3


@dataclass(slots=True)
class Filled:
    """How near one way of filling comes to the truth.

    Attributes:
        error: squared, in codes, summed over damaged pixels.
        ssim_inside, ssim, histogram: sums over pictures.
    """

    error: float = 0.0
    ssim_inside: float = 0.0
    ssim: float = 0.0
    histogram: float = 0.0


@dataclass(slots=True)
class RepairScores:
    """Sums over photographs, and the figures that follow from them.

    Attributes:
        rows: by name, see ``ROWS``.
        photos: how many, and how many of them have damage.
        pixels: damaged ones; and whole ones, and how many of these were taken for damage, more than
            ``NEAR_PX`` away from any.
    """

    rows: dict[str, Filled] = field(default_factory=lambda: {name: Filled() for name in ROWS})
    photos: int = 0
    damaged_photos: int = 0
    pixels: int = 0
    whole: int = 0
    touched: int = 0
    found: int = 0
    right: int = 0
    caught: int = 0

    @property
    def f1(self) -> float:
        """F1 of detection by pixel, with the tolerance."""
        precision, recall = self.right / max(self.found, 1), self.caught / max(self.pixels, 1)
        return 2.0 * precision * recall / max(precision + recall, 1e-9)

    def figures(self) -> dict[str, float | dict[str, dict[str, float]]]:
        """Plain values, ready for JSON."""
        rows = {
            name: {
                "psnr_inside": psnr_of(row.error, self.pixels),
                "ssim_inside": row.ssim_inside / max(self.damaged_photos, 1),
                "ssim": row.ssim / max(self.photos, 1),
                "histogram": row.histogram / max(self.photos, 1),
            }
            for name, row in self.rows.items()
        }
        return {
            "photos": self.photos, "damaged_share": self.pixels / max(self.pixels + self.whole, 1),
            "f1": self.f1, "precision": self.right / max(self.found, 1),
            "recall": self.caught / max(self.pixels, 1),
            "touched": self.touched / max(self.whole, 1), "rows": rows,
        }  # fmt: skip


def evaluate_repair(
    photos: Photos, repairer: Repairer, *, strength: float = 0.5, seed: int = 0,
    progress: Progress | None = None,
) -> RepairScores:  # fmt: skip
    """Draw damage on photographs, repair it, and compare.

    Args:
        photos: any; their lightness counts.
        repairer: the network.
        strength: of the repair.
        seed: of the damage, which depends on it and the photo's name alone.
        progress: advanced by one per photograph; not closed here.
    """
    progress = progress or NullProgress()
    scores = RepairScores()
    progress.start(None, "photos", "repairing")
    for name, photo in photos():
        whole = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB)[..., 0].astype(np.uint8, copy=False)
        rng = np.random.default_rng((seed, zlib.crc32(name.encode("utf-8", "surrogateescape"))))
        drawn = damaged(whole.astype(np.float32) / 255.0, rng.uniform(WEAKEST, 1.0), rng)
        seen = np.rint(drawn.lightness * 255.0).astype(np.uint8)
        found = find_damage(
            seen.astype(np.float32) / np.float32(255.0), repairer, strength=strength
        )
        _add_detection(scores, found, drawn.mask)
        _add_fills(scores, whole, drawn.mask, _versions(seen, drawn.mask, found, repairer))
        progress.advance(1)
    return scores


def _versions(seen: Codes, mask: Mask, found: Mask, repairer: Repairer) -> dict[str, Codes]:
    holes = mask.view(np.uint8)
    return {
        NONE: seen,
        TELEA: np.asarray(cv2.inpaint(seen, holes, _RADIUS_PX, cv2.INPAINT_TELEA), np.uint8),
        STOKES: np.asarray(cv2.inpaint(seen, holes, _RADIUS_PX, cv2.INPAINT_NS), np.uint8),
        GIVEN: repair_photo(seen, repairer, mask=mask)[0].astype(np.uint8, copy=False),
        FOUND: repair_photo(seen, repairer, mask=found)[0].astype(np.uint8, copy=False),
    }


def _add_detection(scores: RepairScores, found: Mask, true: Mask) -> None:
    near_true, near_found = near(true), near(found)
    scores.found += int(found.sum())
    scores.right += int((found & near_true).sum())
    scores.caught += int((true & near_found).sum())
    scores.pixels += int(true.sum())
    scores.whole += int((~true).sum())
    scores.touched += int((found & ~near_true).sum())


def _add_fills(scores: RepairScores, whole: Codes, mask: Mask, versions: dict[str, Codes]) -> None:
    scores.photos += 1
    truth, inside = _planes(whole), torch.from_numpy(mask)
    edge = mask[3:-3, 3:-3]
    scores.damaged_photos += bool(edge.any())
    for name, made in versions.items():
        row = scores.rows[name]
        row.error += squared_error(made, whole, mask)
        result = _planes(made)
        similar = ssim_map(result, truth)
        row.ssim += float(similar.mean())
        row.histogram += histogram_similarity(result, truth)
        if edge.any():
            row.ssim_inside += masked_mean(similar, inside)


def near(mask: Mask, distance_px: int = NEAR_PX) -> Mask:
    """Where a mask is at most that far away."""
    side = 2 * distance_px + 1
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((side, side), np.uint8)) > 0)


def squared_error(made: Codes, truth: Codes, mask: Mask) -> float:
    """Sum of squared differences within a mask, in codes."""
    difference = made[mask].astype(np.float64) - truth[mask]
    return float((difference * difference).sum())


def psnr_of(error: float, pixels: int) -> float:
    """PSNR in dB of a sum of squared errors in codes of 8 bits."""
    return float(-10.0 * np.log10(max(error / max(pixels, 1), 1e-6) / 255.0**2))


def _planes(codes: Codes) -> torch.Tensor:
    return torch.from_numpy(codes).float().expand(3, -1, -1)


def repair_table(scores: RepairScores) -> str:
    """The figures as text."""
    figures = scores.figures()
    lines = [f"{'':26}{'PSNR inside':>12}{'SSIM inside':>12}{'SSIM':>9}{'histogram':>11}"]
    for name, row in scores.figures()["rows"].items():  # type: ignore[union-attr]
        lines.append(
            f"{name:26}{row['psnr_inside']:12.2f}{row['ssim_inside']:12.4f}{row['ssim']:9.4f}"
            f"{row['histogram']:11.4f}"
        )
    lines.append(
        f"{figures['photos']} photographs, {figures['damaged_share']:.1%} of their pixels damaged; "
        f"found: F1 {figures['f1']:.3f} (precision {figures['precision']:.3f}, recall "
        f"{figures['recall']:.3f}), {figures['touched']:.2%} of whole pixels touched"
    )
    return "\n".join(lines)
