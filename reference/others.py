"""Compares vidcolor's networks of Zhang et al. and DDColor with other people's code.

Usage::

    python reference/others.py parity NAME [--code DIR] [PHOTO ...]
    python reference/others.py record FILE.npz NAME [--code DIR]    # for the fast tests

NAME is one of ``OTHER_SEEDS``. Runs in an environment with vidcolor and, by name,

* zhang-eccv16, zhang-siggraph17: the authors' ``colorizers`` package; DIR is a checkout of
  https://github.com/richzhang/colorization or of a fork of it.
* zhang-caffe: ``opencv-python<5``, whose importer reads Caffe's files.
* ddcolor-tiny, ddcolor: ``spandrel_extra_arches`` and ``torchvision``.

Weights are drawn from seeds (``synthetic.py``), BatchNorms calibrated on photographs, and written
to a file of the published form, which vidcolor loads as it loads any. PHOTOs are more photographs
to compare on than those of scikit-image. Exit code 1 if raw outputs differ by more than 1e-3.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from caffe_file import caffemodel, prototxt
from calibration import calibrate, load
from synthetic import OTHER_SEEDS, PHOTOS, Array, NormStatistics, draw_state, grey_photo
from torch import Tensor, nn

TOLERANCE = 1e-3
"""Largest difference allowed, in the raw output's unit."""

UNIT = {"zhang-eccv16": 110.0, "zhang-siggraph17": 110.0}
"""Lab units in one unit of the raw output, where it isn't in Lab units itself."""

SMALL_SIZE = (48, 64)
"""Height and width of the fast tests' photo."""

SIZES = {"ddcolor-tiny": 256, "ddcolor": 512}
"""Side of the square in the full comparison, where it isn't 256."""

Run = Callable[[Tensor, "Hints | None"], Tensor]
"""From lightness ``(1, 1, H, W)``, L*, and hints to raw ab ``(1, 2, h, w)``."""

Hints = tuple[Tensor, Tensor]
"""Known ab ``(1, 2, H, W)`` and where they are known ``(1, 1, H, W)``."""


def main() -> int:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("what", choices=("parity", "record"))
    parser.add_argument("words", nargs="+", metavar="FILE.npz | NAME | PHOTO")
    parser.add_argument("--code", type=Path)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    if options.what == "record":
        target, name = options.words
        record(Path(target), name, options.code)
        return 0
    name, *photos = options.words
    return 0 if prove(name, options.code, photos) else 1


def say(line: str) -> None:
    """One line on standard output."""
    sys.stdout.write(f"{line}\n")


def lightness(grey: Array) -> Tensor:
    """L* of grey sRGB codes ``(H, W)`` uint8, as ``(1, 1, H, W)`` float32."""
    from vidcolor.color import luma_to_lightness

    codes = torch.from_numpy(grey)[None, None]
    return luma_to_lightness(codes, depth=8, full_range=True) * 100.0


def hints_for(size: tuple[int, int]) -> Hints:
    """Two patches of known colours."""
    ab, known = torch.zeros(1, 2, *size), torch.zeros(1, 1, *size)
    for top, left, a, b in ((8, 8, 60.0, 40.0), (24, 40, -30.0, -50.0)):
        spot = (..., slice(top, top + 5), slice(left, left + 5))
        ab[spot] = torch.tensor([a, b]).view(1, 2, 1, 1)
        known[spot] = 1.0
    return ab, known


def authors_network(name: str, code: Path | None) -> nn.Module:
    """One of the authors' networks of Zhang et al."""
    if code is None:
        sys.exit(f"{name} needs --code DIR with the authors' colorizers package")
    sys.path.insert(0, str(code))
    # Imported by the package for debugging only.
    sys.modules.setdefault("IPython", types.ModuleType("IPython"))
    sys.modules["IPython"].embed = None  # type: ignore[attr-defined]
    import colorizers

    network: nn.Module = getattr(colorizers, name.removeprefix("zhang-"))(pretrained=False)
    return network.eval()


def spandrel_network(name: str) -> nn.Module:
    """DDColor by spandrel_extra_arches."""
    with contextlib.suppress(RuntimeError):  # a torchvision for CUDA beside a torch without
        library = torch.library.Library("torchvision", "DEF")
        for operator in ("nms", "qnms", "roi_align", "qroi_align"):
            library.define(f"{operator}(Tensor x) -> Tensor")
    from spandrel_extra_arches.architectures.DDColor.__arch.ddcolor import DDColor

    network: nn.Module = DDColor(
        encoder_name="convnext-t" if name == "ddcolor-tiny" else "convnext-l",
        input_size=(64, 64), num_output_channels=2, last_norm="Spectral", num_queries=100,
    )  # fmt: skip
    return network.eval()


def calls(name: str, network: nn.Module) -> Run:
    """How a network is called by its own people; the raw output, before any resizing."""
    if name == "zhang-eccv16":
        kept: list[Tensor] = []
        network.model_out.register_forward_hook(lambda *args: kept.append(args[2]))

        def eccv(light: Tensor, hints: Hints | None) -> Tensor:
            network(light)
            return kept.pop() * 110.0

        return eccv
    if name == "zhang-siggraph17":
        return lambda light, hints: network(light, *(hints or ()))
    return lambda light, hints: network(_grey_rgb(light))


def _grey_rgb(light: Tensor) -> Tensor:
    """Grey sRGB of a picture, ``(1, 3, H, W)`` in [0, 1]; in double precision, by the standard."""
    t = (light.double() + 16.0) / 116.0
    linear = torch.where(t > 6.0 / 29.0, t**3, 3.0 * (6.0 / 29.0) ** 2 * (t - 4.0 / 29.0))
    curved = 1.055 * linear.clamp_min(1e-12) ** (1.0 / 2.4) - 0.055
    srgb = torch.where(linear <= 0.0031308, 12.92 * linear, curved)
    return srgb.float().expand(-1, 3, -1, -1)


def prepare(name: str, code: Path | None) -> tuple[Run, dict[str, Array], NormStatistics]:
    """Somebody else's network with drawn weights: how to call it, its state, its statistics."""
    is_caffe = name == "zhang-caffe"
    network = (
        spandrel_network(name)
        if name.startswith("ddcolor")
        else authors_network("zhang-eccv16" if is_caffe else name, code)
    )
    run = calls("zhang-eccv16" if is_caffe else name, network)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load(network, stand_in(name, shapes))
    statistics = calibrate_by(network, run)
    state = stand_in(name, shapes, statistics)
    load(network, state)
    entries, numbers = len(shapes), sum(each.numel() for each in network.parameters())
    say(f"{name}: {entries} entries, {numbers} parameters")
    return (opencv_run(state) if is_caffe else run), state, statistics


def stand_in(
    name: str, shapes: Mapping[str, tuple[int, ...]], statistics: NormStatistics | None = None
) -> dict[str, Array]:
    """Drawn weights. Caffe's BatchNorms have no scale and no shift."""
    state = draw_state(shapes, seed=OTHER_SEEDS[name], statistics=statistics)
    if name == "zhang-siggraph17":
        state["model_out.0.weight"] *= np.float32(0.25)  # keeps the tanh from saturating
    if name == "zhang-caffe":
        # Scores as sharp as drawn ones are, times 2.606, blow rounding errors up in the softmax.
        state["model8.6.weight"] *= np.float32(0.1)
        for key in shapes:
            owner, _, kind = key.rpartition(".")
            if f"{owner}.running_mean" in shapes and kind in ("weight", "bias"):
                state[key] = np.full(shapes[key], kind == "weight", np.float32)
    return state


def calibrate_by(network: nn.Module, run: Run) -> NormStatistics:
    """``calibrate`` on photographs, whatever the network's input looks like."""
    photos = torch.cat([lightness(grey_photo(name, 96, 96)) for name in PHOTOS])

    class Calls(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, light: Tensor) -> Tensor:
            return run(light, None)

    found = calibrate(Calls(), photos)
    found.codes = {name.removeprefix("inner."): codes for name, codes in found.codes.items()}
    found.scales = {name.removeprefix("inner."): top for name, top in found.scales.items()}
    return found


def opencv_run(state: Mapping[str, Array]) -> Run:
    """The tutorials' way: OpenCV's importer, the 313 colours and 2.606 put in by hand."""
    import cv2

    from vidcolor.models.families.caffe_eccv import hull_points

    weights = caffemodel(state)

    def run(light: Tensor, hints: Hints | None) -> Tensor:
        height, width = light.shape[2:]
        description = np.frombuffer(prototxt(height, width).encode(), np.uint8)
        net: Any = cv2.dnn.readNetFromCaffe(description, np.frombuffer(weights, np.uint8))
        net.enableWinograd(False)  # its rounding is a hundred times that of plain sums
        points = hull_points().numpy().transpose().reshape(2, 313, 1, 1)
        net.getLayer(net.getLayerId("class8_ab")).blobs = [points]
        factor = np.full([1, 313], 2.606, np.float32)
        net.getLayer(net.getLayerId("conv8_313_rh")).blobs = [factor]
        net.setInput(light.numpy() - 50.0)
        return torch.from_numpy(net.forward("class8_ab").copy())

    return run


def ours(name: str, state: Mapping[str, Array], folder: Path) -> Run:
    """The network of vidcolor, loaded from a file of the published form."""
    from vidcolor.models.contract import Guidance, ModelInput
    from vidcolor.models.loading import load_model

    if name == "zhang-caffe":
        path = folder / "colorization_release_v2.caffemodel"
        path.write_bytes(caffemodel(state))
        (folder / "colorization_deploy_v2.prototxt").write_text(prototxt(224, 224))
    else:
        path = folder / f"{name}.pth"
        torch.save({key: torch.from_numpy(value) for key, value in state.items()}, path)
    say(f"{path.name}: {path.stat().st_size} bytes")
    model = load_model(path, "cpu", "fp32")

    def run(light: Tensor, hints: Hints | None) -> Tensor:
        guidance = None if hints is None else Guidance(*hints)
        return model(ModelInput(light / 100.0, guidance)).ab

    return run


def prove(name: str, code: Path | None, photos: list[str]) -> bool:
    """Both on five photographs, and on more that are named; with hints, where they are taken."""
    theirs, state, _ = prepare(name, code)
    side = SIZES.get(name, 256)
    greys = {each: grey_photo(each, side, side) for each in (*PHOTOS, "camera")}
    greys |= {Path(path).name: _read(path, side) for path in photos}
    with tempfile.TemporaryDirectory() as scratch:
        mine = ours(name, state, Path(scratch))
        worst = 0.0
        for label, grey in greys.items():
            light = lightness(grey)
            spots = hints_for((side, side)) if label in PHOTOS[:2] and "siggraph" in name else None
            for hints in [None, spots] if spots else [None]:
                wanted, found = theirs(light, hints), mine(light, hints)
                error = float((found - wanted).abs().max()) / UNIT.get(name, 1.0)
                worst = max(worst, error)
                marks = " with hints" if hints else ""
                spread = float(wanted.std(dim=(2, 3)).min())
                say(f"  {label}{marks}: largest difference {error:.2e}, spread {spread:.2f}")
    say(f"{name}: largest difference {worst:.2e} on {len(greys)} photographs")
    return worst < TOLERANCE


def _read(path: str, side: int) -> Array:
    import cv2

    grey = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    if grey is None:
        sys.exit(f"{path}: can't be read")
    return np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA))


def record(target: Path, name: str, code: Path | None) -> None:
    """One small photo, the other code's output, and the statistics."""
    run, _, statistics = prepare(name, code)
    size = (64, 64) if name.startswith("ddcolor") else SMALL_SIZE
    grey = grey_photo("astronaut", *size)
    arrays = {"grey": grey, "output": run(lightness(grey), None).numpy()[0]}
    if name == "zhang-siggraph17":
        arrays["output_with_hints"] = run(lightness(grey), hints_for(size)).numpy()[0]
    spread = min(float(arrays["output"][channel].std()) for channel in range(2))
    if not np.isfinite(arrays["output"]).all() or spread < 0.1:
        sys.exit(f"the output is not finite or flat ({spread:.3f}): nothing to compare with")
    np.savez_compressed(target, **arrays, **statistics.pack())
    say(f"{target}: {target.stat().st_size} bytes, spread {spread:.2f}")


if __name__ == "__main__":
    sys.exit(main())
