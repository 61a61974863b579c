"""What a decoder needs of an encoder. Another encoder is one file beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Pictures to features at strides 4, 8, 16 and 32, and to one vector for the whole scene.

    Attributes:
        name: what configurations call it.
        channels: of the features, finest first.
        scales: factors for the features, finest first, that make them about as large as what norms
            in a decoder let out; beside larger ones, smaller ones are hardly learnt.
        scene_channels: length of the scene's vector.
    """

    name: ClassVar[str]
    channels: ClassVar[tuple[int, int, int, int]]
    scales: ClassVar[tuple[float, float, float, float]]
    scene_channels: ClassVar[int]

    @property
    def dtype(self) -> torch.dtype:
        """Number format of its weights."""
        return next(self.parameters()).dtype

    def normalise(self, srgb: Tensor) -> Tensor:
        """The input that it was trained with.

        Args:
            srgb: ``(B, 1 or 3, H, W)`` float32, sRGB values in [0, 1].

        Returns:
            The same shape, float32.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features, finest first, ``(B, channels[i], H / stride, W / stride)``.

        Args:
            x: what ``normalise`` returned, in ``dtype``; H and W multiples of 32.
        """
        raise NotImplementedError

    def scene(self, deepest: Tensor) -> Tensor:
        """What the whole picture is.

        Encoders that keep their classification head may read the deepest features by that.

        Args:
            deepest: the coarsest features after scaling, ``(B, channels[-1], h, w)``.

        Returns:
            ``(B, scene_channels, 1, 1)``; here the mean over the picture.
        """
        return deepest.mean(dim=(2, 3), keepdim=True)

    def load_pretrained(self, path: Path) -> None:
        """Fill it with weights that were learnt on ImageNet.

        Raises:
            WeightsError: the file can't be read, or is of another encoder.
        """
        raise NotImplementedError
