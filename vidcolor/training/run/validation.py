"""Validation while training, and as ``vidcolor eval`` measures at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vidcolor.color import lab_to_rgb, rgb_to_lab
from vidcolor.data.photos import Photo, decode_rgb
from vidcolor.data.sources import iter_named
from vidcolor.engine.image import colorize_still
from vidcolor.engine.options import ColorizeOptions
from vidcolor.evaluation.measures.ab_statistics import AbScores, AbStatistics, colourfulness
from vidcolor.evaluation.photos import as_planes, grey_of
from vidcolor.models.contract import ModelInput
from vidcolor.models.finishing import Finishing
from vidcolor.models.loading import load_model
from vidcolor.training.run.held_out import HeldOut

logger = logging.getLogger(__name__)

_MULTIPLE_PX = 32


@dataclass(frozen=True, slots=True)
class Usable:
    """A network as it will be used.

    Attributes:
        network: takes a ``ModelInput`` of any size, gives a ``Prediction``.
        finishing: what is done to its colours then.
    """

    network: nn.Module
    finishing: Finishing = field(default_factory=Finishing)


@torch.inference_mode()
def validate(
    network: Usable, photos: Sequence[Photo], device: torch.device, *, bf16: bool
) -> AbScores:
    """Quick scores: each photograph at the nearest multiple of 32 pixels to its own size.

    Args:
        network: what is judged.
        photos: with true colours.
        device: where the network is.
        bf16: whether it runs in bfloat16 autocast.
    """
    statistics = AbStatistics()
    for photo in photos:
        lab = _lab(photo, device)
        ab = colorize(network, lab[:, :1] / 100.0, bf16=bf16)
        result = lab_to_rgb(torch.cat((lab[:, :1], ab), dim=1)).clamp(0.0, 1.0) * 255.0
        truth = torch.from_numpy(photo).permute(2, 0, 1)
        colours = (colourfulness(result[0].cpu().round()), colourfulness(truth))
        statistics.add(ab[0], lab[0, 1:], colours)
    return statistics.scores()


@torch.inference_mode()
def final_scores(weights: Path, photos: HeldOut, device: torch.device) -> AbScores:
    """What ``vidcolor eval --half report`` says of a file of weights, at its defaults.

    Args:
        weights: the file.
        photos: those of ``photos.report`` count, as they are.
        device: where to colorize.

    Raises:
        InputError: if the source can't be read any more.
    """
    model, options = load_model(weights, str(device), kind="image"), ColorizeOptions()
    statistics = AbStatistics()
    for name, blob in _named(photos):
        if name not in photos.report:
            continue
        photo = decode_rgb(blob)
        if photo is None:
            logger.warning("%s can't be decoded and doesn't count", name)
            continue
        truth = as_planes(photo)
        result = as_planes(colorize_still(grey_of(truth), model, options))
        pair = [rgb_to_lab(rgb[None] / 255.0)[0, 1:] for rgb in (result, truth)]
        statistics.add(pair[0], pair[1], (colourfulness(result), colourfulness(truth)))
    return statistics.scores()


def _named(photos: HeldOut) -> Iterator[tuple[str, bytes]]:
    for source in photos.sources:
        yield from iter_named(Path(source), split=photos.split)


def colorize(network: Usable, lightness: Tensor, *, bf16: bool) -> Tensor:
    """Ab ``(1, 2, H, W)`` float32 of lightness ``(1, 1, H, W)``, L*/100, float32."""
    size = [max(1, round(n / _MULTIPLE_PX)) * _MULTIPLE_PX for n in lightness.shape[-2:]]
    seen = F.interpolate(lightness, size=size, mode="bilinear", antialias=True)
    with torch.autocast(lightness.device.type, dtype=torch.bfloat16, enabled=bf16):
        ab = network.finishing(network.network(ModelInput(seen)).ab, seen)
    return F.interpolate(ab.float(), size=lightness.shape[-2:], mode="bilinear")


def _lab(photo: Photo, device: torch.device) -> Tensor:
    rgb = torch.from_numpy(photo).to(device).permute(2, 0, 1)[None].float()
    return rgb_to_lab(rgb / 255.0)
