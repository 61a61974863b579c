"""Configurations: those shipped, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vidcolor.errors import InputError, OptionError
from vidcolor.training.config import is_of_repair, load_config, load_repair_config
from vidcolor.training.losses.objective import check_tables
from vidcolor.training.repair.loop import network_config

CONFIGS = sorted((Path(__file__).parents[2] / "vidcolor" / "training" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configurations_name_things_that_exist(path: Path) -> None:
    from vidcolor.models.networks.own.architectures import find_architecture

    assert f"vidcolor train vidcolor/training/configs/{path.name}" in path.read_text()
    if is_of_repair(path):
        repair = load_repair_config(path, data=("x",))
        assert repair.crop % network_config(repair).stride == 0
        return
    config = load_config(path, data=("x",))
    assert config.data == ("x",)
    architecture = find_architecture(config.architecture)
    assert all(crop % architecture.stride(config.network) == 0 for crop in config.crops)
    check_tables(config.losses)


@pytest.mark.parametrize("kind", ["gan", "wgan", "perceptual", "student"])
def test_what_starts_from_compact_is_built_as_compact(kind: str) -> None:
    folder = CONFIGS[0].parent
    finish = load_config(folder / f"compact-{kind}.toml")
    assert finish.network == load_config(folder / "compact.toml").network


def test_senseless_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    for text, said in (
        ("stepz = 3", "1: no setting 'stepz'; known are architecture, "),
        ("crop = 100", "1: crop should be a multiple of 32, got 100"),
        ('precision = "fp8"', "1: precision should be 'bf16' or 'fp32', got 'fp8'"),
        ("film_share = 2", "1: film_share should be less than or equal to 1, got 2"),
        ("batch_size = 0", "1: batch_size should be greater than or equal to 1, got 0"),
        ('lr = 1\nbatch_size = "many"', "2: batch_size should be a valid integer, got 'many'"),
        ("batch_size = 8.5", "1: batch_size should be a valid integer, got 8.5"),
        ('lr = "1e-3"', "1: lr should be a valid number"),
        ("lr = nan", "1: lr should be a finite number"),
        ("lr = true", "1: lr should be a valid number"),
        ("compile = 1", "1: compile should be a valid boolean"),
        ('val = ["a.tar"]', "1: val should be a text"),
        ("data = [1]", "1: data should be a text, got 1"),
        ("scale = 1.0", "1: scale should be a list, got 1.0"),
        ("scale = [0, 1]", "1: scale should be greater than 0, got 0"),
        ("scale = [2, 1]", "1: scale should rise, got [2, 1]"),
        ("stages = [[0.5, 64]]", "1: stages has too few values, got [0.5, 64]"),
        ("stages = [[0.5, 64, 0.0, 1.0]]", "1: stages should be greater than 0"),
        ("stages = [[0.5, 64, 1.0, 0.5]]", "1: stages should rise"),
        ("stages = [[0.5, 64, 1, 1], [0.5, 64, 1, 1]]", "1: stages should end one after the other"),
        ("saturation = -1", "1: saturation should be greater than or equal to 0"),
        ("temperature = 0", "1: temperature should be greater than 0"),
        ("seed = -1", "1: seed should be greater than or equal to 0"),
        ("seed = 4294967296", "1: seed should be less than or equal to 4294967295"),
        ("betas = [0.9, 1.0]", "1: betas should be less than 1"),
        ("[losses]", " losses should have at least one table"),
        ("losses = 1", "1: losses should be a table, got 1"),
        ("# a comment\n[losses]\nhuber = 1.0", "3: losses.huber should be a table, got 1.0"),
    ):
        path.write_text(text)
        with pytest.raises(OptionError) as caught:
            load_config(path)
        assert str(caught.value).startswith(f"{path}:{said}")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")
    path.write_text('pretrained = "a.safetensors"\ndata = "b.tar"\nstages = [[0.5, 64, 0.4, 0.8]]')
    config = load_config(path)
    assert config.pretrained == ("a.safetensors",)
    assert config.data == ("b.tar",)
    assert config.stages == ((0.5, 64, 0.4, 0.8),)


def test_what_the_command_line_gave_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("seed = 1")
    with pytest.raises(OptionError) as caught:
        load_config(path, seed=-1)
    assert str(caught.value) == "seed should be greater than or equal to 0, got -1"


def test_settings_of_losses_are_checked() -> None:
    for table, said in (
        ({"delta": "far"}, "[losses.huber]: delta should be a valid number, got 'far'"),
        ({"delta": 0}, "[losses.huber]: delta should be greater than 0, got 0"),
        ({"weight": -1}, "[losses.huber]: weight should be greater than or equal to 0, got -1"),
        ({"dleta": 1}, "[losses.huber]: no setting 'dleta'; known are weight, delta"),
    ):
        with pytest.raises(OptionError) as caught:
            check_tables({"huber": table})
        assert str(caught.value) == said
    check_tables({"huber": {"weight": 0, "delta": 3}, "wgan": {"penalty": 0, "critic_layers": 0}})


@pytest.mark.parametrize("package", ["pydantic", "matplotlib"])
def test_without_its_packages_train_says_how_to_install_them(package: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['vidcolor', 'train', 'c.toml']\n"
        "from vidcolor.__main__ import run; sys.exit(run())"
    )
    path = os.pathsep.join(sys.path)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert run.returncode == 1
    said = f"vidcolor train needs {package}: pip install 'vidcolor[training]'"
    assert run.stderr.splitlines()[-1].endswith(said)
    assert len(run.stderr.splitlines()) == 1
