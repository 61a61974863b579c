"""Weights and photos that the original and our network can both be given, from a seed; numpy only.

A network's parameters are drawn by name and shape from numpy's PCG64, of which only the raw
integers are used: unlike ``Generator.normal``, they are promised to stay the same for ever.

* Convolutions: He-uniform. Biases, BatchNorm's scales and shifts: uniform. Attention's gamma: 0.5.
* Spectral norm's vectors: one step of power iteration, so that sigma is of the weight's real size.
* BatchNorm's statistics: measured by ``record.py`` (``NormStatistics``). Without them, 100 layers
  of random weights overflow or saturate, and comparing outputs shows nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shapes = Mapping[str, tuple[int, ...]]

SEEDS = {"artistic": 1, "stable": 2, "video": 3}
"""The seed of each of DeOldify's published networks' stand-in."""

OTHER_SEEDS = {
    "zhang-eccv16": 4, "zhang-siggraph17": 5, "zhang-caffe": 6, "ddcolor-tiny": 7, "ddcolor": 8,
}  # fmt: skip
"""Those of the networks of ``others.py``."""

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
"""Photographs inside the scikit-image wheel, public domain or CC0."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_CHUNK = 1 << 16


@dataclass(slots=True)
class NormStatistics:
    """BatchNorm's running means and variances, 8 bits each, so that they are small enough to ship.

    Attributes:
        codes: by BatchNorm's name ``(2, C)`` uint8: mean and standard deviation.
        scales: by BatchNorm's name ``(2,)`` float32: what one step of each code is worth.
    """

    codes: dict[str, Array] = field(default_factory=dict)
    scales: dict[str, Array] = field(default_factory=dict)

    def measure(self, name: str, mean: Array, std: Array) -> None:
        """Stores what was measured of one BatchNorm's input, per channel."""
        # No channel is blown up much more than others: that would blow up rounding errors too.
        std = np.maximum(std, 0.5 * np.sqrt(np.mean(np.square(std))))
        tops = (np.abs(mean).max() / 127, std.max() / 255)
        top = np.maximum(tops, 1e-6).astype(np.float32)
        mean_code = np.clip(np.rint(mean / top[0]) + 128, 0, 255)
        std_code = np.clip(np.rint(std / top[1]), 1, 255)
        self.codes[name] = np.stack((mean_code, std_code)).astype(np.uint8)
        self.scales[name] = top

    def running(self, name: str) -> tuple[Array, Array]:
        """``running_mean`` and ``running_var`` of one BatchNorm, float32."""
        code, top = self.codes[name].astype(np.float32), self.scales[name]
        return (code[0] - np.float32(128)) * top[0], np.square(code[1] * top[1])

    def pack(self) -> dict[str, Array]:
        """As few arrays, for ``numpy.savez``; names in sorted order."""
        names = sorted(self.codes)
        codes = np.concatenate([self.codes[name] for name in names], axis=1)
        return {"norm_codes": codes, "norm_scales": np.stack([self.scales[name] for name in names])}

    @classmethod
    def unpack(cls, arrays: Mapping[str, Array], shapes: Shapes) -> NormStatistics:
        """What ``pack`` made, for the network with these ``shapes``."""
        statistics, place = cls(), 0
        for number, name in enumerate(sorted(norm_names(shapes))):
            channels = shapes[f"{name}.running_mean"][0]
            statistics.codes[name] = arrays["norm_codes"][:, place : place + channels]
            statistics.scales[name] = arrays["norm_scales"][number]
            place += channels
        return statistics


def norm_names(shapes: Shapes) -> list[str]:
    """Names of the BatchNorms of a state_dict."""
    return [name.removesuffix(".running_mean") for name in shapes if name.endswith(".running_mean")]


def uniform(name: str, shape: tuple[int, ...], seed: int, low: float, high: float) -> Array:
    """Float32 in [low, high), of this shape, decided by seed and name alone."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    source = np.random.PCG64(int.from_bytes(digest[:8], "little"))
    values = np.empty(int(np.prod(shape)), np.float32)
    for start in range(0, values.size, _CHUNK):  # pieces that stay in the processor's cache
        piece = values[start : start + _CHUNK]
        raw = np.asarray(source.random_raw((piece.size + 1) // 2), dtype="<u8")
        np.multiply(raw.view("<u4")[: piece.size] >> 8, np.float32((high - low) / 2**24), out=piece)
        piece += np.float32(low)
    return values.reshape(shape)


def draw_state(
    shapes: Shapes, *, seed: int, statistics: NormStatistics | None = None
) -> dict[str, Array]:
    """A whole state_dict as arrays.

    Args:
        shapes: of every entry, by name.
        seed: decides all that is drawn.
        statistics: of the BatchNorms; mean 0 and variance 1 where None.
    """
    state: dict[str, Array] = {}
    for name, shape in shapes.items():
        owner, _, kind = name.rpartition(".")
        if kind == "weight_orig":
            _draw_spectral(state, owner, shape, seed)
        elif kind == "num_batches_tracked":
            state[name] = np.zeros(shape, np.int64)
        elif kind == "running_mean":
            mean, variance = np.zeros(shape, np.float32), np.ones(shape, np.float32)
            if statistics is not None:
                mean, variance = statistics.running(owner)
            state[name], state[f"{owner}.running_var"] = mean, variance
        elif kind != "running_var" and name not in state and f"{owner}.weight_orig" not in shapes:
            state[name] = _draw_plain(name, shape, seed) * _damping(owner, kind, shapes)
        elif kind == "bias":
            state[name] = _draw_plain(name, shape, seed)
    return {name: state[name] for name in shapes}


def _draw_plain(name: str, shape: tuple[int, ...], seed: int) -> Array:
    kind = name.rpartition(".")[2]
    if len(shape) > 1 and kind in ("weight", "weight_v", "in_proj_weight"):
        return _he_uniform(name, shape, seed)
    if kind in ("bias", "in_proj_bias"):
        return uniform(name, shape, seed, -0.3, 0.3)
    if kind == "gamma":
        return np.full(shape, 0.5, np.float32)
    if kind == "weight_g":
        return uniform(
            name, shape, seed, 0.25, 0.75
        )  # keeps the sigmoid at the end from saturating
    return uniform(name, shape, seed, 0.5, 1.5)  # BatchNorm's weight


def _damping(owner: str, kind: str, shapes: Shapes) -> np.float32:
    """What keeps rounding errors from growing a hundredfold, as untrained networks let them.

    A residual block adds a quarter of its input's scale, and self-attention's softmax sees logits
    that leave it soft.
    """
    block, _, place = owner.rpartition(".")
    if kind != "weight" or f"{owner}.running_mean" not in shapes:
        return np.float32(1.0)
    if f"{block}.3.gamma" in shapes and place == "2":
        return np.float32(0.4)
    last = place == "bn3" or (place == "bn2" and f"{block}.bn3.weight" not in shapes)
    return np.float32(0.25 if last else 1.0)


def _he_uniform(name: str, shape: tuple[int, ...], seed: int) -> Array:
    bound = float(np.sqrt(6.0 / np.prod(shape[1:])))
    return uniform(name, shape, seed, -bound, bound)


def _draw_spectral(state: dict[str, Array], owner: str, shape: tuple[int, ...], seed: int) -> None:
    weight = _he_uniform(f"{owner}.weight_orig", shape, seed)
    matrix = weight.reshape(shape[0], -1)
    left = uniform(f"{owner}.weight_u", (shape[0],), seed, -1.0, 1.0)
    right = left @ matrix
    right /= np.linalg.norm(right)
    left = matrix @ right
    left /= np.linalg.norm(left)
    state.update(
        {f"{owner}.weight_orig": weight, f"{owner}.weight_u": left, f"{owner}.weight_v": right}
    )


def grey_photo(name: str, height: int, width: int) -> Array:
    """One of ``PHOTOS`` as grey codes ``(height, width)`` uint8, stretched as the original does."""
    from skimage import data  # only who renders photos needs scikit-image

    photo = np.asarray(getattr(data, name)()).astype(np.int64)
    grey = photo if photo.ndim == 2 else photo[..., :3] @ np.array([299, 587, 114]) / 1000.0
    resized = _area_weights(grey.shape[0], height) @ grey @ _area_weights(grey.shape[1], width).T
    return np.rint(resized).astype(np.uint8)


def _area_weights(source: int, target: int) -> Array:
    """``(target, source)``: each target pixel is the mean of the source pixels that it covers."""
    edges = np.linspace(0, source, target + 1)
    pixels = np.arange(source)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.clip(covered, 0, None)
    return covered / covered.sum(axis=1, keepdims=True)


def network_input(grey: Array) -> Array:
    """Grey codes ``(B, H, W)`` uint8 to the ImageNet-normalised input ``(B, 3, H, W)`` float32."""
    mean = np.array(IMAGENET_MEAN, np.float32).reshape(1, 3, 1, 1)
    std = np.array(IMAGENET_STD, np.float32).reshape(1, 3, 1, 1)
    value = (grey.astype(np.float32) / np.float32(255))[:, None]
    return (value - mean) / std
