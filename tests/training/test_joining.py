"""Several networks in one file: their mean, and nothing that doesn't belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from vidcolor.models.calm import Calm
from vidcolor.models.contract import ModelInput
from vidcolor.models.finishing import Finishing
from vidcolor.models.loading import load_model
from vidcolor.models.mirrored import Mirrored
from vidcolor.models.networks.own.architectures import find_architecture
from vidcolor.training.joining import main

_VALUES: dict[str, object] = {"decoder": [16, 16, 8, 8]}


def _network(seed: int, **values: object) -> nn.Module:
    torch.manual_seed(seed)
    return find_architecture("compact").build({**_VALUES, **values}).eval()


def _written(path: Path, network: nn.Module, *, without: str = "", **said: str) -> str:
    config = network.config.as_dict()  # type: ignore[union-attr, operator]
    metadata = {
        "format": "vidcolor", "architecture": "compact", "config": json.dumps(config),
        "training": json.dumps({"from": path.stem}), **said,
    }  # fmt: skip
    tensors = {name: tensor for name, tensor in network.state_dict().items() if name != without}
    save_file(tensors, path, metadata=metadata)
    return str(path)


def _join(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(words))
    return result.exit_code, result.output


@pytest.mark.parametrize("count", [2, 3])
def test_the_joined_file_gives_the_mean(tmp_path: Path, count: int) -> None:
    networks = [_network(seed) for seed in range(count)]
    files = [_written(tmp_path / f"{i}.safetensors", n) for i, n in enumerate(networks)]
    out = tmp_path / "joined.safetensors"
    options = (
        "--saturation",
        "1.5",
        "--cast",
        "0.1",
        "--shadows",
        "0.6",
        "--reds",
        "0.2",
        "--mirrored",
    )
    code, said = _join(*files, str(out), *options)
    assert code == 0, said
    model = load_model(out, "cpu", "fp32")
    assert model.spec.name == "large"
    assert model.finishing == Finishing(Calm(cast=0.1, shadows=0.6, reds=0.2), 1.5)
    assert isinstance(model.network, Mirrored)
    inner = model.network.network
    lightness = torch.rand(2, 1, 64, 96)
    with torch.inference_mode():
        wanted = sum(network(ModelInput(lightness)) for network in networks) / count
        found = inner(ModelInput(lightness)).ab
    # Norms are folded in the product, so sums are rounded elsewhere.
    assert torch.allclose(found, wanted, atol=2e-3)
    assert (networks[0](ModelInput(lightness)) - wanted).abs().mean() > 0.1  # they do differ


def test_a_joined_file_says_how_its_members_were_made(tmp_path: Path) -> None:
    files = [_written(tmp_path / f"{name}.safetensors", _network(3)) for name in ("one", "two")]
    out = tmp_path / "joined.safetensors"
    assert _join(*files, str(out))[0] == 0
    with safe_open(out, framework="pt") as file:
        made = json.loads(file.metadata()["training"])
    assert made == {"members": [{"from": "one"}, {"from": "two"}]}


def test_a_slip_destroys_nothing_and_writes_nothing(tmp_path: Path) -> None:
    one, two = (_written(tmp_path / f"{n}.safetensors", _network(3)) for n in ("one", "two"))
    before, out = Path(two).read_bytes(), tmp_path / "out.safetensors"
    for words, reason in (
        ((one, two), "two.safetensors exists"),
        ((one, two, "-y"), "at least two networks"),
        ((one, one, two), "two.safetensors exists"),
        ((one, two, str(out), "--cast", "3"), "its cast is 3.0"),
        ((one, two, str(out), "--saturation", "0"), "its saturation is 0.0"),
        (
            (one, two, str(tmp_path / "nowhere" / "out.safetensors")),
            "nowhere doesn't exist; create it first",
        ),
    ):
        code, said = _join(*words)
        assert (code, reason in said) == (1, True), said
        assert said.count("\n") == 1
    assert Path(two).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.safetensors",
        "two.safetensors",
    ]
    out.write_bytes(b"an older one")
    assert _join(one, two, str(out), "-y")[0] == 0
    assert load_model(out, "cpu", "fp32").spec.name == "large"


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    one = _written(tmp_path / "one.safetensors", _network(1))
    out = tmp_path / "joined.safetensors"
    wide = _written(tmp_path / "wide.safetensors", _network(2, decoder=[16, 16, 16, 8]))
    mute = str(tmp_path / "mute.safetensors")
    save_file(load_file(one), mute)
    torn = _written(tmp_path / "torn.safetensors", _network(1), without="decoder.bottom.0.weight")
    other_head = _written(tmp_path / "bins.safetensors", _network(1), decoding="annealed-mean")
    joined = tmp_path / "first.safetensors"
    assert _join(one, one, str(joined))[0] == 0
    for other, reason in (
        (wide, "aren't built alike"), (mute, "how it was made"), (str(joined), "only compact"),
        (other_head, "by regression"),
        (torn, "don't make a network"), (str(tmp_path / "absent.safetensors"), "absent"),
    ):  # fmt: skip
        code, said = _join(one, other, str(out))
        assert (code, reason in said) == (1, True), said
        assert said.count("\n") == 1
        assert not out.exists()
