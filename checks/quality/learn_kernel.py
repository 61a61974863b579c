"""Learn the kernel of vidcolor/engine/steering anew: weights/steering.safetensors."""

from __future__ import annotations

import argparse
import math
import random
from itertools import islice
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor

from vidcolor.color import resize, rgb_to_lab
from vidcolor.data.photos import decode_rgb
from vidcolor.data.sources import iter_named
from vidcolor.engine.steering.look import PHOTO_SIDE, grid_xy
from vidcolor.models.contract import ModelInput
from vidcolor.models.loading import load_model

FEATURES, DIMENSIONS, PARTS, QUERIES, PER_STEP = 64, 16, 3, 1024, 8
AB_SCALE, MOST_HINTS, LEAST_ERROR = 20.0, 200, 3.0
Places = tuple[Tensor, Tensor, Tensor, Tensor]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="folder, tar or list of colour photographs")
    parser.add_argument("output", type=Path)
    parser.add_argument("--photographs", type=int, default=500)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    data = seen(args.photos, args.photographs)
    values = fresh([places[0] for places, _ in data])
    scalars = ("pos", "lum", "col", "amp", "const", "noise")
    learned = [values[n] for n in ("W", "scale.weight", "scale.bias")]
    widths = [values[name] for name in scalars]
    for value in (*learned, *widths):
        value.requires_grad_()
    optimizer = torch.optim.Adam([{"params": learned, "lr": 2e-3}, {"params": widths, "lr": 2e-2}])
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, 2.0 * (1.0 - step / args.steps))
    )
    for step in range(args.steps):
        loss = sum((one(values, *random.choice(data)) for _ in range(PER_STEP)), torch.zeros(()))
        optimizer.zero_grad()
        (loss / PER_STEP).backward()
        torch.nn.utils.clip_grad_norm_([*learned, *widths], 1.0)
        optimizer.step()
        rates.step()
        if step % 100 == 99:
            print(step + 1, f"{float(loss) / PER_STEP:.3f}", flush=True)
    save_file({n: v.detach().contiguous() for n, v in values.items()}, args.output)


@torch.no_grad()
def seen(photos: Path, count: int) -> list[tuple[Places, Tensor]]:
    """What ``compact`` sees in each photograph, and the true ab, at all places."""
    model, found = load_model("compact", "cpu", "fp32"), []
    for _, blob in islice(iter_named(photos), count):
        photo = decode_rgb(blob)
        if photo is None:
            continue
        rgb = torch.from_numpy(photo).permute(2, 0, 1).float()[None] / 255.0
        scale = PHOTO_SIDE / min(rgb.shape[-2:])
        size = [round(length * scale / 32) * 32 for length in rgb.shape[-2:]]
        lab = rgb_to_lab(resize(rgb, size).clamp(0.0, 1.0))
        lightness = lab[:, :1] / 100.0
        made = model(ModelInput(lightness, wants_features=True))
        grid = made.ab.shape[-2:]
        small = F.adaptive_avg_pool2d(torch.cat((lightness, lab[:, 1:]), 1), grid)[0]
        rows = [p.flatten(1).T for p in (made.features[0].float(), small[:1])]
        ab = model.finishing(made.ab, lightness)[0].flatten(1).T
        xy = grid_xy(int(grid[0]), int(grid[1]))
        found.append(((rows[0].clone(), rows[1], ab.clone(), xy), small[1:].flatten(1).T))
    return found


def fresh(features: list[Tensor]) -> dict[str, Tensor]:
    """Values to begin with: widths of 0.06, 0.25 and 3 shorter sides."""
    some = torch.cat([each[::37] for each in features])
    return {
        "W": torch.randn(PARTS, DIMENSIONS, FEATURES) * 0.05,
        "pos": -torch.tensor([0.06, 0.25, 3.0]).log(), "lum": torch.tensor([6.0, 4.0, 2.0]).log(),
        "col": torch.full((PARTS,), -math.log(15.0)), "amp": torch.full((PARTS,), math.log(0.5)),
        "const": torch.tensor(math.log(0.1)), "noise": torch.tensor(math.log(0.1)),
        "scale.weight": torch.zeros(1, FEATURES + 1), "scale.bias": torch.zeros(1),
        "mean": some.mean(0), "std": some.std(0) + 1e-4,
    }  # fmt: skip


def one(values: dict[str, Tensor], places: Places, true: Tensor) -> Tensor:
    """Logarithm of the squared error after a random number of hints of true colours."""
    from vidcolor.engine.steering.kernel import Kernel

    kernel, all_ = Kernel(values), len(true)
    count = round(math.exp(random.uniform(0.0, math.log(MOST_HINTS))))
    known, asked = torch.randint(all_, (count,)), torch.randint(all_, (QUERIES,))
    error = true[known] - places[2][known]
    at = [kernel.places(*(each[index] for each in places)) for index in (known, asked)]
    found, _ = kernel.solve(at[0], error, torch.ones(count), at[1])
    left = places[2][asked] + found - true[asked]
    return (left.square().mean() + LEAST_ERROR).log()


if __name__ == "__main__":
    main()
