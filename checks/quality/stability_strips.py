"""Flicker strips: one column of the picture, frame after frame from left to right."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from quality.stability_clips import Clip
from quality.stability_measures import enlarge
from torch import Tensor

from vidcolor.color import lab_to_rgb

_WIDE = 6
"""Pixels per frame."""


def strip(clip: Clip, ab: Tensor, column: float) -> NDArray[np.uint8]:
    """One row of a sheet, BGR: the column at ``column`` (0 to 1) over time.

    Lightness is that of the clip's middle frame's mean, so that only colour changes show.
    """
    at = int(column * (clip.lightness.shape[-1] - 1))
    colours = enlarge(ab, clip)[..., at].permute(1, 2, 0)  # (2, h, N)
    level = (
        clip.lightness[..., at].mean(dim=0).mul(50).add(30)[0][:, None].expand(colours.shape[1:])
    )
    rgb = lab_to_rgb(torch.cat((level[None], colours))[None])[0].clamp(0, 1)
    picture = (rgb.permute(1, 2, 0).numpy()[..., ::-1] * 255).astype(np.uint8)
    return np.repeat(picture, _WIDE, axis=1)


def write_strips(
    folder: Path, clip: Clip, versions: dict[str, Tensor], *, column: float = 0.5
) -> Path:
    """Write one sheet: a strip for each version, named."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for name, ab in versions.items():
        picture = strip(clip, ab, column)
        label = np.full((18, picture.shape[1], 3), 255, np.uint8)
        cv2.putText(label, name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        parts += [label, picture]
    target = folder / f"{Path(clip.name).stem}.png"
    cv2.imwrite(str(target), np.concatenate(parts))
    return target
