"""DDColor's colour decoder: learned queries look at features of three scales, nine times in turn.

A transformer decoder (Vaswani et al., 2017) with learned queries after DETR (Carion et al., 2020):
cross-attention, self-attention and an MLP, each added to its input and normed after it. Places are
told apart by sine waves of their coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

QUERIES: Final = 100
LAYERS: Final = 9
HEADS: Final = 8
_INSIDE: Final = 2048
"""Channels inside the MLPs."""

_PERIOD: Final = 10_000.0
"""Ratio of the longest wave of the positions to the shortest."""


class _SelfAttention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        at = x + where
        return self.norm(x + _attend(self.self_attn, at, at, x))  # type: ignore[no-any-return]


class _CrossAttention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(channels, HEADS, batch_first=True)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, where: Tensor, seen: Tensor, places: Tensor) -> Tensor:
        mixed = _attend(self.multihead_attn, x + where, seen + places, seen)
        return self.norm(x + mixed)  # type: ignore[no-any-return]


class _Mlp(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, _INSIDE)
        self.linear2 = nn.Linear(_INSIDE, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.linear2(F.relu(self.linear1(x))))  # type: ignore[no-any-return]


def _attend(layer: nn.MultiheadAttention, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    mixed: Tensor = layer(queries, keys, values, need_weights=False)[0]
    return mixed


class _Embed(nn.Module):
    """Three linear layers with ReLU between."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(channels, channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        first, second, last = self.layers
        return last(F.relu(second(F.relu(first(x)))))  # type: ignore[no-any-return]


class ColourDecoder(nn.Module):
    """From features of three scales to a vector for each query.

    Args:
        widths: channels of the scales, the coarsest first.
        channels: of queries and vectors.
    """

    def __init__(self, widths: Sequence[int], channels: int) -> None:
        super().__init__()
        self.queries = QUERIES
        kinds = {
            "self_attention": _SelfAttention, "cross_attention": _CrossAttention, "ffn": _Mlp,
        }  # fmt: skip
        for name, kind in kinds.items():
            each = nn.ModuleList(kind(channels) for _ in range(LAYERS))
            self.add_module(f"transformer_{name}_layers", each)
        self.decoder_norm = nn.LayerNorm(channels)
        self.query_feat = nn.Embedding(QUERIES, channels)
        self.query_embed = nn.Embedding(QUERIES, channels)
        self.level_embed = nn.Embedding(len(widths), channels)
        self.input_proj = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.color_embed = _Embed(channels)

    def forward(self, scales: Sequence[Tensor]) -> Tensor:
        """Look at features.

        Args:
            scales: ``(B, width, h, w)`` each, the coarsest first; any dtype.

        Returns:
            ``(B, queries, channels)`` float32.
        """
        seen, places = [], []
        for proj, x, level in zip(self.input_proj, scales, self.level_embed.weight, strict=True):
            seen.append(proj(x.float()).flatten(2).transpose(1, 2) + level)
            places.append(_waves(x.shape[-2], x.shape[-1], seen[-1]))
        batch = len(scales[0])
        where = self.query_embed.weight.expand(batch, -1, -1)
        x = self.query_feat.weight.expand(batch, -1, -1)
        for number in range(LAYERS):
            scale = number % len(seen)
            x = self._layer("cross_attention", number)(x, where, seen[scale], places[scale])
            x = self._layer("self_attention", number)(x, where)
            x = self._layer("ffn", number)(x)
        vectors: Tensor = self.color_embed(self.decoder_norm(x))
        return vectors

    def _layer(self, kind: str, number: int) -> nn.Module:
        return self.get_submodule(f"transformer_{kind}_layers.{number}")


def _waves(height: int, width: int, like: Tensor) -> Tensor:
    """Positions ``(1, H * W, C)``: half of the channels for rows, half for columns.

    Coordinates run from 1/n to 1 of a turn, as in DETR; channels are sines and cosines in turn.
    """
    half = like.shape[-1] // 2
    number = torch.arange(half, dtype=torch.float32, device=like.device)
    wave = _PERIOD ** (2.0 * torch.div(number, 2, rounding_mode="floor") / half)

    def along(count: int) -> Tensor:
        turn = torch.arange(1, count + 1, dtype=torch.float32, device=like.device)
        angle = (turn / (count + 1e-6) * (2.0 * math.pi))[:, None] / wave
        return torch.stack((angle[:, 0::2].sin(), angle[:, 1::2].cos()), dim=2).flatten(1)

    rows = along(height)[:, None].expand(-1, width, -1)
    columns = along(width)[None].expand(height, -1, -1)
    return torch.cat((rows, columns), dim=2).reshape(1, height * width, -1)
