"""Fixtures of the command line's tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_helpers import Outcome, RunHere, make_clip, make_photo

from vidcolor.cli.main import main


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six grey frames, 64 x 48."""
    return make_clip(tmp_path / "film.mp4")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey PNG, 64 x 48."""
    return make_photo(tmp_path / "photo.png")


@pytest.fixture(scope="session")
def model_words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for a small network with random weights: quick, whatever is shipped."""
    import torch
    from safetensors.torch import save_file

    from vidcolor.models.networks.own.compact import CompactConfig, CompactNet

    torch.manual_seed(0)
    config = CompactConfig()
    state = {name: tensor.contiguous() for name, tensor in CompactNet(config).state_dict().items()}
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    metadata = {
        "format": "vidcolor",
        "architecture": "compact",
        "config": json.dumps(config.as_dict()),
        "saturation": "1.0",
    }
    save_file(state, path, metadata=metadata)
    return ["-m", str(path), "-d", "cpu", "--render-factor", "4", "--precision", "fp32"]


@pytest.fixture
def run_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> RunHere:
    """Run the program in this process, in ``tmp_path``: torch is loaded once for all tests."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str | Path) -> Outcome:
        capsys.readouterr()
        exit_code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Outcome(exit_code, out, err)

    return run
