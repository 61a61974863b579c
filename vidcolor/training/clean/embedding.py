"""What is in a picture, as a vector: features of an image encoder, averaged over the picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.data.photos import Photo
from vidcolor.evaluation.measures.backbones import load_edge_backbone
from vidcolor.models.families.own import build_own
from vidcolor.models.networks.own.encoders.encoder import Encoder
from vidcolor.models.weights.safe_load import load_checkpoint
from vidcolor.models.weights.store import bundled_path

Vectors = npt.NDArray[np.float32]
"""``(N, C)``, a row for each picture."""

SIDE_PX = 160
"""The network sees pictures squeezed to squares of this side."""

_DEFAULT = "compact.safetensors"

Embed = Callable[[list[Photo]], Vectors]
"""Vectors of pictures of ``SIDE_PX`` a side."""


def load_embedder(encoder: Path | None, device: torch.device) -> Embed:
    """Build the function that embeds pictures.

    Args:
        encoder: the ImageNet encoder's file; None takes the encoder of the shipped ``compact``,
            which sees lightness only.
        device: where it runs.

    Raises:
        WeightsError: the file is missing or doesn't fit.
    """
    if encoder is not None:
        network: Encoder = load_edge_backbone(encoder).encoder
    else:
        built = build_own(load_checkpoint(bundled_path(_DEFAULT)), torch.float32).network
        network = next(part for part in built.modules() if isinstance(part, Encoder))
    network = network.float().eval().to(device)
    colour = encoder is not None

    def embed(photos: list[Photo]) -> Vectors:
        rgb = torch.from_numpy(np.stack(photos)).to(device).permute(0, 3, 1, 2).float() / 255.0
        seen = rgb if colour else _grey(rgb)
        with torch.inference_mode():
            vectors = network.scene(network(network.normalise(seen))[-1])
        return vectors.flatten(1).cpu().numpy()

    return embed


def squeezed(photo: Photo) -> Photo:
    """The picture as ``Embed`` takes it."""
    size = (SIDE_PX, SIDE_PX)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def directions(vectors: Vectors) -> Vectors:
    """Unit vectors from the mean of all: their products are cosines that tell pictures apart.

    Without that all cosines are near 1, for features of ReLU networks share a large mean.
    """
    centred = vectors - vectors.mean(axis=0)
    scaled = centred / np.maximum(vectors.std(axis=0), 1e-6)
    lengths = np.linalg.norm(scaled, axis=1, keepdims=True)
    return np.asarray(scaled / np.maximum(lengths, 1e-6), np.float32)


def _grey(rgb: Tensor) -> Tensor:
    weights = torch.tensor([0.299, 0.587, 0.114], device=rgb.device)
    return (rgb * weights.view(3, 1, 1)).sum(dim=1, keepdim=True)
