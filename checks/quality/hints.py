"""What hints of true colours gain on photographs, beside Levin's optimisation and nearest hints."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import distance_transform_edt
from scipy.sparse import coo_array, csc_array
from scipy.sparse.linalg import splu
from torch import Tensor

from vidcolor.color import lab_to_rgb, resize, rgb_to_lab
from vidcolor.data.photos import decode_rgb
from vidcolor.data.sources import iter_named
from vidcolor.direction.model import Direction, Hint
from vidcolor.engine.image import still_ab
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.steering.still import steer_still
from vidcolor.types import StillImage

SIDE, HALF = 256, 3
Plane = npt.NDArray[np.float64]
Known = list[tuple[int, int, Tensor]]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder, tar or list of colour photographs")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--photographs", type=int, default=100)
    parser.add_argument("--hints", type=int, nargs="+", default=[1, 10, 50, 100])
    parser.add_argument("--without-others", action="store_true", help="ours alone")
    args = parser.parse_args()
    model = load_for("image", ColorizeOptions(model=args.model, device="cpu"), NullProgress(), None)
    rows: dict[tuple[int, str], list[float]] = {}
    named = islice(iter_named(args.photos), args.photographs)
    for number, (_, blob) in enumerate(named):
        photo = decode_rgb(blob)
        if photo is None:
            continue
        rgb = torch.from_numpy(photo).permute(2, 0, 1).float()[None] / 255.0
        scale = SIDE / min(rgb.shape[-2:])
        rgb = resize(rgb, [round(length * scale) for length in rgb.shape[-2:]]).clamp(0.0, 1.0)
        lab = rgb_to_lab(rgb)
        codes = (lab_to_rgb(torch.cat((lab[:, :1], 0 * lab[:, 1:]), 1))[0, 0] * 255.0).round()
        grey = StillImage(codes.byte().numpy(), 8, None, "", has_color=False)
        auto = resize(still_ab(grey, model), lab.shape[-2:])
        score = scorer(lab, rgb)
        for count in args.hints:
            known = hints_for(lab, count, seed=number)
            rows.setdefault((count, "auto"), []).append(score(auto))
            ours = steer_still(auto, lab[:, :1] / 100.0, Direction(hints=as_hints(known)))
            rows.setdefault((count, "ours"), []).append(score(resize(ours, lab.shape[-2:])))
            if not args.without_others:
                for name, ab in others(lab, auto, known).items():
                    rows.setdefault((count, name), []).append(score(ab))
    for (count, name), values in rows.items():
        base = rows[count, "auto"]
        gain = np.mean(values) - np.mean(base)
        print(f"{count:4d}  {name:22s} PSNR {np.mean(values):6.2f}  gain {gain:+.2f}")


def scorer(lab: Tensor, rgb: Tensor) -> Callable[[Tensor], float]:
    """PSNR in dB of ab on the true lightness, RGB of 8 bit, arithmetic in float."""
    truth = (rgb * 255.0).round().double()

    def score(ab: Tensor) -> float:
        made = (lab_to_rgb(torch.cat((lab[:, :1], ab), 1)).clamp(0.0, 1.0) * 255.0).round().double()
        return 10.0 * math.log10(255.0**2 / float((made - truth).square().mean()))

    return score


def hints_for(lab: Tensor, count: int, *, seed: int) -> Known:
    """Random places, with the mean true ab of the 7 x 7 pixels around each."""
    random = np.random.default_rng(seed)
    height, width = lab.shape[-2:]
    found = []
    for _ in range(count):
        y, x = int(random.integers(HALF, height - HALF)), int(random.integers(HALF, width - HALF))
        patch = lab[0, 1:, y - HALF : y + HALF + 1, x - HALF : x + HALF + 1]
        found.append((y, x, patch.mean(dim=(1, 2))))
    return found


def as_hints(known: Known) -> tuple[Hint, ...]:
    """The same as hints of a direction."""
    return tuple(
        Hint(x, y, f"lab({float(ab[0]):.2f},{float(ab[1]):.2f})", radius=HALF + 0.5)
        for y, x, ab in known
    )


def others(lab: Tensor, auto: Tensor, known: Known) -> dict[str, Tensor]:
    """Levin's optimisation and nearest-hint filling, of colours and of differences to auto."""
    height, width = lab.shape[-2:]
    mask, values = np.zeros((height, width), bool), np.zeros((4, height, width))
    for y, x, ab in known:
        rows, columns = slice(y - HALF, y + HALF + 1), slice(x - HALF, x + HALF + 1)
        mask[rows, columns] = True
        values[:2, rows, columns] = ab.numpy()[:, None, None]
    values[2:] = np.where(mask, values[:2] - auto[0].numpy(), 0.0)
    levin = optimised(lab[0, 0].double().numpy() / 100.0, mask, values)
    at = distance_transform_edt(~mask, return_distances=False, return_indices=True)
    nearest = values[:, at[0], at[1]]
    as_ab = lambda planes: torch.from_numpy(planes).float()[None]  # noqa: E731
    return {
        "Levin 2004": as_ab(levin[:2]), "Levin, of differences": auto + as_ab(levin[2:]),
        "nearest": as_ab(nearest[:2]), "nearest, of differences": auto + as_ab(nearest[2:]),
    }  # fmt: skip


def optimised(luma: Plane, mask: npt.NDArray[np.bool_], values: Plane) -> Plane:
    """Levin, Lischinski and Weiss (2004): a place has the weighted mean of its 3 x 3 neighbours."""
    height, width = luma.shape
    number = np.arange(height * width).reshape(height, width)
    padded, numbers = np.pad(luma, 1, mode="edge"), np.pad(number, 1, constant_values=-1)
    moves = [(dy, dx) for dy in (0, 1, 2) for dx in (0, 1, 2) if (dy, dx) != (1, 1)]
    near = np.stack([padded[dy : dy + height, dx : dx + width] for dy, dx in moves])
    who = np.stack([numbers[dy : dy + height, dx : dx + width] for dy, dx in moves])
    spread = np.maximum(np.var(np.concatenate((near, luma[None])), axis=0) * 0.6, 2e-6)
    weight = np.where(who >= 0, np.exp(-((near - luma) ** 2) / spread) + 1e-6, 0.0)
    weight = np.where(mask, 0.0, weight / weight.sum(axis=0))
    there = weight > 0
    rows = np.broadcast_to(number, who.shape)[there]
    system = coo_array((-weight[there], (rows, who[there])), shape=(luma.size, luma.size))
    diagonal = coo_array((np.ones(luma.size), (number.ravel(), number.ravel())))
    solver = splu(csc_array(system + diagonal))
    right = np.where(mask, values, 0.0).reshape(len(values), -1)
    found: Plane = np.stack([solver.solve(each) for each in right]).reshape(values.shape)
    return found


if __name__ == "__main__":
    main()
