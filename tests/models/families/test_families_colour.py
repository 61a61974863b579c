"""Every published network colours a photograph and a film with drawn weights, without a warning."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from vidcolor import ColorizeOptions, colorize_image, colorize_video, load_model
from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.registry import MODELS, family_of
from vidcolor.models.weights.safe_load import Checkpoint

OPTIONS = ColorizeOptions(device="cpu", render_factor=4, overwrite=True)
SMALL = ("zhang-eccv16", "zhang-siggraph17", "ddcolor-tiny")


@dataclass(frozen=True)
class Drawn:
    """A network with drawn weights.

    Attributes:
        name: of the model.
        file: its weights, saved as training programs do.
        state: what is in the file.
        model: loaded from it.
    """

    name: str
    file: Path
    state: dict[str, torch.Tensor]
    model: Colorizer


@pytest.fixture(scope="module", params=SMALL)
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """As ``-m FILE`` gets it: a file whose name says nothing."""
    spec = MODELS[request.param]
    family = family_of(spec)
    assert family.draw is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = family.draw(spec).state_dict
    path = tmp_path_factory.mktemp("weights") / "download.bin"
    torch.save({"params": state}, path)
    return Drawn(spec.name, path, state, load_model(path, "cpu", "fp32"))


def test_portrait_and_newsreel_are_coloured(
    drawn: Drawn, samples_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        photo = colorize_image(
            samples_dir / "portrait.jpg", tmp_path / "out.png", options=OPTIONS, model=drawn.model
        )
        clip = replace(OPTIONS, start_s=1.0, end_s=1.25, every="auto", crf=30)
        film = colorize_video(
            samples_dir / "newsreel.mp4", tmp_path / "film.mkv", options=clip, model=drawn.model
        )
    assert photo.warnings == film.warnings == ()
    assert not caplog.records
    assert film.frames == 6


def test_a_file_is_recognised_by_its_tensors_and_refused_where_it_is_not_whole(
    drawn: Drawn, tmp_path: Path
) -> None:
    assert drawn.model.spec.name == drawn.name
    names = list(drawn.state)
    middle = names[len(names) // 2]
    checkpoint = Checkpoint({name: drawn.state[name] for name in names if name != middle})
    spec = MODELS[drawn.name]
    with pytest.raises(WeightsError, match=f"{re.escape(middle)} is missing") as caught:
        family_of(spec).build(checkpoint, torch.float32)
    assert "\n" not in str(caught.value)
    cut = tmp_path / "cut.bin"
    cut.write_bytes(drawn.file.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"cut\.bin") as caught:
        load_model(cut, "cpu", "fp32")
    assert "\n" not in str(caught.value)
