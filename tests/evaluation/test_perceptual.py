"""LPIPS and FID: the wiring, with random backbones; and what is said where parts are missing."""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import linalg
from skimage import data

from vidcolor.errors import DependencyError, InputError
from vidcolor.evaluation.measures import perceptual
from vidcolor.evaluation.measures.perceptual import ALEXNET, INCEPTION, FidMeter, find_backbones


@pytest.fixture(scope="module")
def torchvision() -> Any:  # noqa: ANN401
    """Torchvision, its compiled part or not: a build for CUDA works on a CPU without it."""
    if not importlib.util.find_spec("torchvision") or not importlib.util.find_spec("torchmetrics"):
        pytest.skip("torchmetrics and torchvision aren't installed: pip install 'vidcolor[eval]'")
    try:
        return importlib.import_module("torchvision")
    except RuntimeError:
        signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", signature)
        return importlib.import_module("torchvision")


@pytest.fixture
def photo() -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(data.chelsea()[:160, :180])).permute(2, 0, 1)


def test_missing_packages_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError(f"No module named '{name}'", name=name)

    monkeypatch.setattr(perceptual.importlib, "import_module", fail)
    found = find_backbones("found")
    assert found.lpips is found.fid is None
    assert len(found.notes) == 2
    assert found.notes[0].startswith("LPIPS skipped: torchvision is not installed; pip install")
    with pytest.raises(DependencyError, match=r"LPIPS: torchvision is not installed"):
        find_backbones("download")
    assert find_backbones("off").notes == ()


def test_packages_built_for_another_torch_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(perceptual.importlib, "import_module", fail)
    assert "can't be imported (operator" in find_backbones("found").notes[0]


def test_missing_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perceptual, "_missing", lambda modules: "")
    found = find_backbones("found", tmp_path)
    assert found.lpips is found.fid is None
    assert f"no {ALEXNET} in {tmp_path}" in found.notes[0]
    assert INCEPTION in found.notes[1]


def test_damaged_and_dangerous_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(perceptual, "_missing", lambda modules: "")
    (tmp_path / ALEXNET).write_bytes(b"no weights")
    with pytest.raises(InputError, match=ALEXNET):
        find_backbones("found", tmp_path)
    torch.save({"weight": print}, tmp_path / ALEXNET)  # a pickle that names a function
    with pytest.raises(InputError, match="more than plain weights"):
        find_backbones("found", tmp_path)


def test_lpips_is_its_formula_on_the_given_backbone(
    torchvision: Any,  # noqa: ANN401
    tmp_path: Path, photo: torch.Tensor,
) -> None:  # fmt: skip
    torch.manual_seed(1)
    alexnet = torchvision.models.alexnet(weights=None).eval()
    torch.save(alexnet.state_dict(), tmp_path / ALEXNET)
    hub = torch.hub.get_dir()
    distance = find_backbones("found", tmp_path).lpips
    assert distance is not None
    assert torch.hub.get_dir() == hub
    truth = photo.float() / 255.0
    result = truth.mean(dim=0, keepdim=True).expand(3, -1, -1).contiguous()
    got = distance(result[None], truth[None])
    assert float(got) == pytest.approx(_plain_lpips(alexnet, result, truth), rel=1e-4)
    assert float(distance(truth[None], truth[None])) == 0.0


def _plain_lpips(alexnet: Any, *pictures: torch.Tensor) -> float:  # noqa: ANN401
    """Zhang et al. 2018, with the linear weights that torchmetrics ships."""
    import torchmetrics.functional.image.lpips as shipped

    file = Path(shipped.__file__).parent / "lpips_models" / "alex.pth"
    lin = torch.load(file, map_location="cpu", weights_only=True)
    shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1)
    layers: list[list[torch.Tensor]] = []
    for picture in pictures:
        x, taken = (picture[None] * 2 - 1 - shift) / scale, []
        for at, layer in enumerate(alexnet.features):
            x = layer(x)
            if at in (1, 4, 7, 9, 11):
                taken.append(x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-8))
        layers.append(taken)
    total = 0.0
    for number, (a, b) in enumerate(zip(*layers, strict=True)):
        weight = lin[f"lin{number}.model.1.weight"]
        total += ((a - b).square() * weight).sum(dim=1).mean().item()
    return total


def test_fid_runs_on_the_given_inception(
    torchvision: Any,  # noqa: ANN401
    tmp_path: Path, photo: torch.Tensor, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("torch_fidelity")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3 as Fid

    torch.save({}, tmp_path / INCEPTION)
    with monkeypatch.context() as patch:  # only to get at random weights
        patch.setattr(Fid, "load_state_dict", lambda self, state: None)
        random = Fid("x", ["2048"], str(tmp_path / INCEPTION))
    torch.save(random.state_dict(), tmp_path / INCEPTION)
    features = find_backbones("found", tmp_path).fid
    assert features is not None
    one, other = features(photo[None]), features(photo.flip(2)[None])
    assert one.shape == (1, 2048)
    assert not torch.equal(one, other)


@pytest.mark.usefixtures("torchvision")
def test_fid_is_the_frechet_distance() -> None:
    random = np.random.default_rng(2)
    results = random.normal(0.3, 1.2, (40, 6))
    truths = random.normal(0.0, 1.0, (40, 6))
    meter = FidMeter()
    assert math.isnan(meter.value)
    for result, truth in zip(results, truths, strict=True):
        meter.add(*(torch.from_numpy(x)[None] for x in (result, truth)))
    covariances = [np.cov(x, rowvar=False) for x in (results, truths)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    want = ((results.mean(0) - truths.mean(0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)
    assert meter.value == pytest.approx(want, rel=1e-6)
