"""A plain class as ``model=``: a whole film and a photograph go through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import color, io

import vidcolor
from vidcolor import ColorizeOptions, Guidance, ModelInput, ModelSpec, Prediction, WorkingSize
from vidcolor.engine.coloring.batching import Batcher
from vidcolor.evaluation.film import bt709_frames
from vidcolor.models.colorizer import as_colorizer

TONE = (6.0, 18.0)
"""Sepia, Lab ab."""


class Sepia:
    """One colour everywhere; knows nothing of vidcolor but its values."""

    spec = ModelSpec(name="sepia", working_size=WorkingSize(video=4, image=4, multiple=2))
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.sizes: set[tuple[int, ...]] = set()

    def __call__(self, inputs: ModelInput) -> Prediction:
        self.sizes.add(tuple(inputs.lightness.shape[2:]))
        ones = torch.ones_like(inputs.lightness)
        return Prediction(torch.cat((TONE[0] * ones, TONE[1] * ones), dim=1))


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("smoothing", [0.0, 2.0])
def test_a_film(samples_dir: Path, tmp_path: Path, every: int, smoothing: float) -> None:
    model, out = Sepia(), tmp_path / "out.mkv"
    options = ColorizeOptions(
        end_s=0.6, video_codec="ffv1", pix_fmt="yuv444p10le", audio="none",
        every=every, smoothing=smoothing, saturation=0.5,
    )  # fmt: skip
    result = vidcolor.colorize_video(
        samples_dir / "newsreel.mp4", out, options=options, model=model
    )
    assert (result.model, result.precision) == ("sepia", "fp32")
    assert {min(size) for size in model.sizes} == {64}  # its own working size
    frames = [rgb.numpy() for _, rgb in bt709_frames(out)]  # the newsreel has BT.601's primaries
    assert len(frames) == result.frames > 10
    for rgb in frames:
        lab = color.rgb2lab(np.moveaxis(rgb, 0, -1) / 255.0)
        inside = lab[(lab[..., 0] > 30) & (lab[..., 0] < 85)]  # where the gamut holds it
        # 8-bit R'G'B' rounds single pixels by up to a unit, means hardly
        assert inside[:, 1].mean() == pytest.approx(TONE[0] / 2, abs=0.2)
        assert inside[:, 2].mean() == pytest.approx(TONE[1] / 2, abs=0.2)


def test_a_photograph(samples_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    vidcolor.colorize_image(samples_dir / "portrait.jpg", out, model=Sepia())
    lab = color.rgb2lab(io.imread(out))
    inside = lab[(lab[..., 0] > 30) & (lab[..., 0] < 85)]
    assert np.abs(inside[:, 1:].mean(axis=0) - TONE).max() < 0.2  # 8-bit codes


def test_something_else_is_refused_before_anything_is_written(
    samples_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.png"
    with pytest.raises(vidcolor.OptionError, match="must be a vidcolor.ColorModel"):
        vidcolor.colorize_image(samples_dir / "portrait.jpg", out, model=object())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


class Echo(Sepia):
    """Gives back the guidance, and the lightness as features."""

    spec = ModelSpec(name="echo", takes_guidance=True)

    def __call__(self, inputs: ModelInput) -> Prediction:
        assert inputs.guidance is not None
        return Prediction(
            inputs.guidance.ab,
            inputs.lightness if inputs.wants_features else None,
            inputs.guidance.confidence if inputs.wants_confidence else None,
        )


def test_guidance_goes_in_and_features_come_out_of_batches_in_order() -> None:
    lightness = torch.arange(7.0).view(-1, 1, 1, 1).expand(-1, 1, 4, 4) / 7
    guidance = Guidance(lightness.repeat(1, 2, 1, 1) * 50, lightness)
    inputs = ModelInput(lightness, guidance, wants_features=True, wants_confidence=True)
    found = Batcher(as_colorizer(Echo()), 3)(inputs)
    assert torch.equal(found.ab, guidance.ab)
    assert found.features is not None and torch.equal(found.features, lightness)
    assert found.confidence is not None and torch.equal(found.confidence, lightness)
