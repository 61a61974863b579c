"""LPIPS and FID by torchmetrics, and KID, where the networks that they need are there.

Their backbones are files of other people: found in a folder, or in torch hub's cache, or downloaded
when asked for. Nothing here is needed for the other figures.

Sources: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric"
(CVPR 2018), AlexNet; Heusel et al., "GANs Trained by a Two Time-Scale Update Rule" (NeurIPS 2017).
"""

from __future__ import annotations

import importlib
import math
import os
import pickle
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vidcolor.errors import DependencyError, InputError, Message, Option
from vidcolor.evaluation.measures.backbones import load_edge_backbone
from vidcolor.evaluation.measures.kernel_distance import pooled_features

ALEXNET: str = "alexnet-owt-7be5be79.pth"
"""Torchvision's AlexNet, 244 MB: the backbone of LPIPS."""

INCEPTION: str = "weights-inception-2015-12-05-6726825d.pth"
"""Inception v3 as published for FID, 96 MB, from torch-fidelity."""

ENCODER: str = "mobilenet_edgetpu_075.safetensors"
"""The ImageNet encoder that networks start from (docs/training.md), 1.6 MB: KID's features."""

MIN_FID_PICTURES: int = 2
"""A covariance needs two; a figure to quote needs thousands."""

Source = Literal["found", "download", "off"]
"""Where backbones come from: only files that are there, those or a download, nowhere."""


@dataclass(frozen=True, slots=True)
class Backbones:
    """What the perceptual figures run on.

    Attributes:
        lpips: builds the metric ``(B, 3, H, W), (B, 3, H, W)`` in [0, 1] -> distance; None without.
        fid: features ``(B, 2048)`` of pictures ``(B, 3, H, W)`` uint8; None without.
        kid: features ``(B, C)`` of pictures ``(B, 3, H, W)``, in [0, 255]; None without.
        notes: one line for each that is missing: why, and what to do.
    """

    lpips: Callable[[Tensor, Tensor], Tensor] | None = None
    fid: Callable[[Tensor], Tensor] | None = None
    kid: Callable[[Tensor], Tensor] | None = None
    notes: tuple[str, ...] = ()


def find_backbones(perceptual: Source, folder: Path | None = None) -> Backbones:
    """Load what there is.

    Args:
        perceptual: "found" never uses the network; "download" may; "off" gives nothing, silently.
        folder: where ``ALEXNET``, ``INCEPTION`` and ``ENCODER`` are; None looks into torch hub's
            cache. ``ENCODER`` is never downloaded.

    Raises:
        DependencyError: if a download was asked for but packages are missing.
        InputError: if a backbone file is damaged.
    """
    if perceptual == "off":
        return Backbones()
    notes: list[str] = []
    built: dict[str, Any] = {}
    for name, file, modules, build in (
        ("LPIPS", ALEXNET, ("torchvision", "torchmetrics"), _build_lpips),
        ("FID", INCEPTION, ("torch_fidelity", "torchmetrics"), _build_fid),
    ):
        missing = _missing(modules)
        path = _find(file, folder)
        if missing and perceptual == "download":
            raise DependencyError(f"{name}: {missing}; pip install 'vidcolor[eval]'")
        if missing:
            notes.append(f"{name} skipped: {missing}; pip install 'vidcolor[eval]'")
        elif path is None and perceptual == "found":
            where = folder or "torch hub's cache"
            what = f"{name} skipped: no {file} in {where}; "
            notes.append(Message(what, Option("perceptual", "download"), " fetches it"))
        else:
            built[name] = _loading(name, build, path)
    encoder = _find(ENCODER, folder)
    kid = None if encoder is None else pooled_features(load_edge_backbone(encoder).eval())
    if encoder is None and folder is not None:
        notes.append(f"KID skipped: no {ENCODER} in {folder}")
    return Backbones(built.get("LPIPS"), built.get("FID"), kid, tuple(notes))


class FidMeter:
    """Frechet distance between the features of results and of true pictures, one by one."""

    def __init__(self) -> None:
        from torchmetrics.image.fid import FrechetInceptionDistance

        self._make: Callable[[nn.Module], Any] = lambda n: FrechetInceptionDistance(feature=n)
        self._metric: Any = None
        self._pictures = 0

    def add(self, result: Tensor, truth: Tensor) -> None:
        """Take the features of a pair, ``(1, C)`` each, from ``Backbones.fid``."""
        if self._metric is None:
            self._metric = self._make(_Features(result.shape[1]))
        self._metric.update(result, real=False)
        self._metric.update(truth, real=True)
        self._pictures += 1

    @property
    def value(self) -> float:
        """NaN for fewer than two pictures."""
        if self._pictures < MIN_FID_PICTURES:
            return math.nan
        return float(self._metric.compute())


class _Features(nn.Module):
    """Takes the place of torchmetrics' network: features are computed once for all contenders."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.num_features = count

    def forward(self, features: Tensor) -> Tensor:
        return features


def _missing(modules: tuple[str, ...]) -> str:
    """Why these can't be imported, "" if they can."""
    for name in modules:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(name)
        except ModuleNotFoundError as error:
            return f"{error.name or name} is not installed"
        except (ImportError, RuntimeError, OSError) as error:  # built for another torch
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            return f"{name} can't be imported ({reason})"
    return ""


def _find(file: str, folder: Path | None) -> Path | None:
    path = (folder or Path(torch.hub.get_dir()) / "checkpoints") / file
    return path if path.is_file() else None


def _loading(name: str, build: Callable[[Path | None], Any], path: Path | None) -> Any:  # noqa: ANN401
    if path is not None:
        _check_safe(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build(path)
    except (RuntimeError, OSError, ValueError) as error:
        origin = path or "the download"
        raise InputError(f"{name}: {origin} does not load: {str(error).splitlines()[0]}") from error


def _check_safe(path: Path) -> None:
    """Refuse files that would run code: torch-fidelity loads them without this check."""
    try:
        torch.load(path, map_location="cpu", weights_only=True, mmap=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path}: is damaged, or more than plain weights") from error


def _build_lpips(path: Path | None) -> Callable[[Tensor, Tensor], Tensor]:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    with _hub_holding(path):
        metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
    network: nn.Module = metric.eval()

    @torch.inference_mode()
    def distance(rgb: Tensor, truth: Tensor) -> Tensor:
        value: Tensor = network(rgb, truth)
        return value

    return distance


def _build_fid(path: Path | None) -> Callable[[Tensor], Tensor]:
    from torchmetrics.image.fid import NoTrainInceptionV3

    network: nn.Module = NoTrainInceptionV3(
        "inception-v3-compat", ["2048"], str(path) if path else None
    )

    @torch.inference_mode()
    def features(pictures: Tensor) -> Tensor:
        value: Tensor = network(pictures)
        return value

    return features


@contextmanager
def _hub_holding(path: Path | None) -> Iterator[None]:
    """Torch hub's cache holding just this file, so that torchvision finds it there."""
    if path is None:
        yield
        return
    before = torch.hub.get_dir()
    with tempfile.TemporaryDirectory(prefix="vidcolor-hub-") as folder:
        place = Path(folder) / "checkpoints" / ALEXNET
        place.parent.mkdir()
        try:
            os.symlink(path.resolve(), place)
        except OSError:  # file systems, or rights, without links
            shutil.copyfile(path, place)
        torch.hub.set_dir(folder)
        try:
            yield
        finally:
            torch.hub.set_dir(before)
