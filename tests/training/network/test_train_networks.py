"""Architectures by name: built, started from weights, and used from the files they write."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from run_config import MakeConfig
from safetensors.torch import load_file, save_file
from skimage import data

from vidcolor.errors import OptionError, WeightsError
from vidcolor.models.contract import ModelInput
from vidcolor.models.loading import load_model
from vidcolor.models.networks.layers.ab_bins import AbBins, annealed_mean
from vidcolor.models.networks.layers.packed import can_pack
from vidcolor.models.networks.own.architectures import (
    ARCHITECTURES,
    as_trainable,
    find_architecture,
)
from vidcolor.models.networks.own.encoders.edgetpu import EdgeEncoder
from vidcolor.training.config import load_config
from vidcolor.training.data.batches import Batch
from vidcolor.training.losses.backbones import load_backbone
from vidcolor.training.losses.objective import Objective
from vidcolor.training.losses.terms import LossContext, NetworkOutput
from vidcolor.training.network.building import build_network, load_pretrained, start_from
from vidcolor.training.network.frozen import pack_frozen
from vidcolor.training.network.predictor import Predictor
from vidcolor.training.network.teacher import Teacher, load_teacher
from vidcolor.training.optimization import make_optimizer

SMALL: dict[str, dict[str, object]] = {
    "compact": {"decoder": [16, 16, 8, 8]},
    "large": {"decoder": [16, 16, 8, 8], "members": 2},
    "unet": {"width": 4, "widest": 16},
    "unet-resblock": {"width": 4, "widest": 16, "output_stride": 2},
    "pix2pix": {"width": 4, "depth": 5},
}


def written(path: Path, name: str, *, decoding: str = "regression") -> torch.nn.Module:
    """A file as a run would write it, of random weights; gives the network in it."""
    torch.manual_seed(4)
    values = dict(SMALL[name]) | (
        {"bins": len(AbBins(torch.device("cpu")))} if decoding != "regression" else {}
    )
    network = find_architecture(name).build(values).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after some training
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
    metadata = {
        "architecture": name, "config": json.dumps(values), "decoding": decoding,
        "saturation": "1.5", "temperature": "0.5",
    }  # fmt: skip
    state = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_file(state, path, metadata=metadata)
    network.load_state_dict({k: v.float() for k, v in state.items()})
    return network


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_colorizes_from_its_own_file(name: str, tmp_path: Path) -> None:
    network = written(tmp_path / "w.safetensors", name)
    model = load_model(tmp_path / "w.safetensors", "cpu", "fp32")
    lightness = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network(ModelInput(lightness))
    # Norms are folded in the product, so sums are rounded elsewhere.
    assert torch.allclose(model(ModelInput(lightness)).ab, wanted, atol=2e-3)
    assert model.finishing.saturation == 1.5
    # Sizes that fit no stride: the whole picture comes back, not a padded or stretched one.
    odd = model(ModelInput(torch.rand(1, 1, 75, 101))).ab
    assert odd.shape[-2:] == (75, 101)
    assert torch.isfinite(odd).all()


@pytest.mark.parametrize("name", ["unet", "compact"])
def test_annealed_mean_decodes_where_the_file_says_so(name: str, tmp_path: Path) -> None:
    network = written(tmp_path / "w.safetensors", name, decoding="annealed-mean")
    lightness = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        trainable = as_trainable(network)
        assert trainable.classify is not None
        logits = trainable.classify(trainable.features(ModelInput(lightness)))
        wanted = annealed_mean(logits, AbBins(torch.device("cpu")).centres, 0.5)
    model = load_model(tmp_path / "w.safetensors", "cpu", "fp32")
    assert torch.allclose(model(ModelInput(lightness)).ab, wanted, atol=2e-2)
    rough = load_model(tmp_path / "w.safetensors", "cpu", "bf16")(ModelInput(lightness)).ab
    # bfloat16 has 8 bits; the colours of a softmax over 248 bins move by little.
    assert (rough - wanted).abs().mean() < 1.0


def test_files_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    written(path, "unet")
    tensors = load_file(path)
    for config in ("[]", '{"width": 5}', '{"wide": 5}', "no json", '{"output_stride": 64}'):
        save_file(tensors, path, metadata={"architecture": "unet", "config": config})
        with pytest.raises(WeightsError, match="not the weights of a unet network"):
            load_model(path, "cpu")


def test_unknown_settings_are_refused(config: MakeConfig) -> None:
    with pytest.raises(OptionError, match="no architecture 'u-net'"):
        find_architecture("u-net")
    with pytest.raises(OptionError, match="unet has no setting 'decoder'"):
        build_network(config(network={"decoder": 1}), 0)
    with pytest.raises(OptionError, match="multiples of 128, got 64"):
        build_network(config(architecture="pix2pix", network={}), 0)
    with pytest.raises(OptionError, match="output_stride"):
        build_network(config(network={"output_stride": 3}), 0)
    with pytest.raises(OptionError, match="nothing is left that learns"):
        build_network(config(frozen=("down", "up", "regress")), 0)


@pytest.mark.parametrize(
    ("name", "network", "said"),
    [
        ("compact", {"decoder": [16, 16, 8]}, "decoder must be a list of 4 whole numbers"),
        ("compact", {"decoder": [16, 16, 8, 0]}, "decoder must be positive, got 0"),
        ("large", {"members": 0}, "members must be positive, got 0"),
        ("unet", {"width": 10**25, "widest": 10**25}, r"\[network\] makes no unet: "),
        ("unet", {"width": 0}, "width must be positive, got 0"),
        ("unet", {"width": "24"}, "width must be a whole number, got '24'"),
        ("unet-resblock", {"residual": 1}, "residual must be true or false"),
        ("pix2pix", {"depth": 1}, "depth must be at least 2"),
    ],
)
def test_senseless_networks_are_refused(
    config: MakeConfig, name: str, network: dict[str, object], said: str
) -> None:
    with pytest.raises(OptionError, match=said) as caught:
        build_network(config(architecture=name, network=network), 0)
    assert "\n" not in str(caught.value)


def test_encoders_have_a_rate_of_their_own(config: MakeConfig) -> None:
    network = find_architecture("large").build(SMALL["large"])
    groups = make_optimizer(network, config(lr=1.0, encoder_lr=0.1)).param_groups
    inside, outside = (
        {id(p) for g in groups if g["top_lr"] == rate for p in g["params"]} for rate in (0.1, 1.0)
    )
    encoders = [member.encoder for member in network.members]  # type: ignore[union-attr]
    assert inside == {id(p) for e in encoders for p in e.parameters()}  # type: ignore[union-attr]
    assert len(inside | outside) == len(list(network.parameters()))


def test_starting_takes_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    source = written(path, "unet")
    other = find_architecture("unet").build({**SMALL["unet"], "bins": 248})
    fitted = start_from(other, path)
    assert fitted == len(source.state_dict())
    assert torch.equal(other.regress.weight, source.regress.weight)  # type: ignore[union-attr]
    with pytest.raises(WeightsError, match="tensors are in it"):
        start_from(find_architecture("pix2pix").build(SMALL["pix2pix"]), path)


def test_what_a_start_does_not_fit_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "w.safetensors"
    deep, flat = {**SMALL["unet"], "depth": 4}, {**SMALL["unet"], "depth": 3}
    network = find_architecture("unet").build({**deep, "bins": 248})
    metadata = {"architecture": "unet", "config": json.dumps(deep)}
    save_file(network.state_dict(), path, metadata=metadata)
    start_from(find_architecture("unet").build(deep), path)
    assert not caplog.records  # heads may differ
    start_from(find_architecture("unet").build(flat), path)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"24 tensors of {path} not used: down.4.first.0.weight, down.4.first.1.bias, "
        "down.4.first.1.num_batches_tracked, ..."
    )
    caplog.clear()
    start_from(find_architecture("unet").build({**deep, "depth": 5}), path)
    (record,) = caplog.records
    assert record.getMessage().startswith("24 tensors of the network not in ")
    assert "down.5." in record.getMessage()


def test_frozen_parts_are_left_out_of_learning(config: MakeConfig) -> None:
    run = config(architecture="compact", network={}, frozen=("encoder.stages.0.", "encoder.stem"))
    network = build_network(run, 0)
    learnt = {id(p) for g in make_optimizer(network, run).param_groups for p in g["params"]}
    for name, parameter in network.named_parameters():
        frozen = name.startswith(("encoder.stages.0.", "encoder.stem"))
        assert (id(parameter) in learnt) != frozen, name
    unused = build_network(config(losses={"classification": {}}), 248)
    still = {name for name, p in unused.named_parameters() if not p.requires_grad}
    assert still == {"regress.weight", "regress.bias"}
    with pytest.raises(OptionError, match="nobody"):
        build_network(config(frozen=("nobody.",)), 0)


def test_wrong_and_damaged_files_are_said_in_a_line(tmp_path: Path) -> None:
    network = find_architecture("compact").build(SMALL["compact"])
    ours, lies = tmp_path / "ours.safetensors", tmp_path / "lies.safetensors"
    written(ours, "compact")
    save_file(load_file(ours), lies, metadata={"architecture": "compact", "config": "[1, 2"})
    code, junk, absent = (tmp_path / name for name in ("code.pt", "junk.pt", "absent.pt"))
    torch.save(network, code)
    junk.write_bytes(b"no weights at all")
    few = tmp_path / "few.safetensors"
    save_file({"0.bias": torch.zeros(3)}, few)
    begin: list[tuple[Callable[[Path], object], Path, str]] = [
        (partial(start_from, network), code, "no checkpoint of vidcolor train"),
        (load_teacher, code, "no checkpoint of vidcolor train"),
        (load_teacher, lies, "its metadata make no sense"),
    ]
    for path in (ours, junk, few):
        begin.append((partial(load_pretrained, network), path, "not the int8 weights"))
        begin.append((partial(load_backbone, "mobilenet"), path, "not the int8 weights"))
    begin.append((partial(load_backbone, "mobilenet"), absent, "can't read these pretrained"))
    for call, path, said in begin:
        with pytest.raises(WeightsError, match=said) as caught:
            call(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not can_pack(), reason="this torch or processor has no packed convolutions")
def test_frozen_parts_work_in_their_quick_form(config: MakeConfig) -> None:
    frozen = ("members.0.encoder.", "members.1.encoder.stem", "members.1.encoder.stages.0.")
    run = config(architecture="large", network=dict(SMALL["large"]), frozen=frozen)
    torch.manual_seed(5)
    network = build_network(run, 0).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    lightness = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(1))
    before = {k: v.clone() for k, v in network.state_dict().items()}

    def colours() -> torch.Tensor:
        network.load_state_dict(before)  # the norms' statistics too
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return network(ModelInput(lightness))  # type: ignore[no-any-return]

    plain = colours()
    assert pack_frozen(network) == 2  # the first member's encoder, and the second's first stage
    quick = colours()
    # Rounded to bfloat16 (1 in 256) at other places, some thirty layers deep.
    assert (quick - plain).norm() < 0.05 * plain.norm()
    assert network.state_dict().keys() == before.keys()
    quick.square().mean().backward()
    for name, parameter in network.named_parameters():
        if name.startswith(("members.1.encoder.stages.1.", *frozen)):
            assert (parameter.grad is None) == name.startswith(frozen), name


@pytest.mark.skipif(not can_pack(), reason="this torch or processor has no packed convolutions")
def test_a_teachers_encoder_works_in_its_quick_form() -> None:
    torch.manual_seed(5)
    teacher = Teacher(find_architecture("compact").build(SMALL["compact"]))
    lightness = torch.rand(2, 1, 64, 96)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = teacher(ModelInput(lightness)).ab
        assert pack_frozen(teacher) == 1
        quick = teacher(ModelInput(lightness)).ab
    # Rounded to bfloat16 (1 in 256) at other places, some thirty layers deep.
    assert 0 < (quick - plain).norm() < 0.05 * plain.norm()


def test_joined_networks_teach_what_the_student_is_configured_for(
    project_root: Path, config: MakeConfig
) -> None:
    path = project_root / "vidcolor" / "training" / "configs" / "large-third.toml"
    teacher = load_teacher(project_root / "weights" / "large.safetensors")
    assert len(teacher.network.members) >= 2  # type: ignore[arg-type]
    student = build_network(config(architecture="compact", network=SMALL["compact"]), 248)
    lightness, device = torch.rand(2, 1, 64, 64), torch.device("cpu")
    objective = Objective(load_config(path).losses, LossContext(device, AbBins(device), 16))
    output = NetworkOutput(*Predictor(student)(lightness))
    batch = Batch(lightness, lightness, torch.zeros_like(lightness), torch.zeros(2, 2, 16, 16))
    loss, parts = objective(output, batch, teacher(ModelInput(lightness)))
    loss.backward()
    assert all(value.isfinite() for value in parts.values())


def test_the_encoders_weights_go_where_they_belong(shared_dir: Path) -> None:
    path = shared_dir / "pretrained" / "mobilenet_edgetpu_075.safetensors"
    encoder = EdgeEncoder()
    encoder.load_pretrained(path)
    grey = torch.from_numpy(data.chelsea().mean(axis=2)[None, None, :256, :256]).float()
    with torch.inference_mode():
        features = encoder((grey - 123.0) * 0.01157)
    assert [tuple(f.shape[1:]) for f in features] == [
        (24, 64, 64),
        (40, 32, 32),
        (72, 16, 16),
        (144, 8, 8),
    ]
    # Wired wrongly, activations die out or explode within a few layers.
    assert all(1.0 < f.std() < 40.0 for f in features)
    with pytest.raises(WeightsError, match="no encoder"):
        load_pretrained(find_architecture("unet").build(SMALL["unet"]), path)
    large = find_architecture("large").build(SMALL["large"])
    load_pretrained(large, path)
    for member in large.members:  # type: ignore[union-attr]
        assert torch.equal(member.encoder.stem.weight, encoder.stem.weight)  # type: ignore[union-attr]
