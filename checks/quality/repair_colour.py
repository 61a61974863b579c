"""Does repair before colouring bring the colours of the whole picture back?

    python checks quality/repair_colour PHOTO_OR_FOLDER_OR_TAR ... --limit 100

For each photograph: ab of its undamaged grey; of its grey with drawn damage (as
`vidcolor eval --damage` draws it); and of that grey repaired, with the true mask and with what
is found. Printed is the root mean square distance of ab from that of the undamaged grey, and from
the true colours, inside damage and within 8 pixels of it.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import vidcolor
from vidcolor.color import rgb_to_lab
from vidcolor.data.damage import damaged
from vidcolor.engine.image import still_ab
from vidcolor.evaluation.damage.photos import WEAKEST, near
from vidcolor.evaluation.inputs import PhotoFiles
from vidcolor.evaluation.photos import as_planes, grey_of
from vidcolor.repair.network import load_repairer
from vidcolor.repair.photo import repair_photo

_AROUND_PX = 8


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--model", default="compact")
    parser.add_argument("--limit", type=int, default=100)
    arguments = parser.parse_args()
    model, repairer = vidcolor.load_model(arguments.model), load_repairer()
    errors: dict[str, float] = defaultdict(float)
    pixels = 0
    for name, photo in PhotoFiles(arguments.paths, arguments.limit)():
        planes = as_planes(photo)
        whole = grey_of(planes)
        rng = np.random.default_rng((0, zlib.crc32(name.encode())))
        plane = whole.luma.astype(np.float32) / np.float32(255.0)
        drawn = damaged(plane, rng.uniform(WEAKEST, 1.0), rng)
        luma = np.rint(drawn.lightness * 255.0).astype(np.uint8)
        found, _ = repair_photo(luma, repairer)
        given, _ = repair_photo(luma, repairer, mask=drawn.mask)
        place = torch.from_numpy(near(drawn.mask, _AROUND_PX))
        greys = {"damaged": luma, "repaired, mask found": found, "repaired, true mask": given}
        true = rgb_to_lab(planes[None] / 255.0)[0, 1:]

        def ab_of(codes: np.ndarray, size: torch.Size = true.shape[-2:]) -> torch.Tensor:
            ab = still_ab(replace(whole, luma=codes), model, grey_mounts=False)  # noqa: B023
            return F.interpolate(ab, size, mode="bilinear")[0]

        wanted = ab_of(whole.luma)
        pixels += int(place.sum())
        errors["undamaged, from the truth"] += _squared(wanted, true, place)
        for kind, codes in greys.items():
            ab = ab_of(codes)
            errors[f"{kind}, from the undamaged"] += _squared(ab, wanted, place)
            errors[f"{kind}, from the truth"] += _squared(ab, true, place)
    for kind, total in sorted(errors.items()):
        print(f"{kind:44}{(total / max(pixels, 1)) ** 0.5:8.3f}")


def _squared(ab: torch.Tensor, other: torch.Tensor, place: torch.Tensor) -> float:
    return float((ab - other).square().sum(dim=0)[place].sum())


if __name__ == "__main__":
    main()
