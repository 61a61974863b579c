"""Runs: repeatable, resumable, they learn, and they leave what they promise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from run_config import MakeConfig
from safetensors import safe_open
from skimage import data

from vidcolor.errors import InputError, Interrupted, OptionError, OutputError, WeightsError
from vidcolor.evaluation.halves import half_of
from vidcolor.models.contract import ModelInput
from vidcolor.models.networks.layers.ab_bins import annealed_mean
from vidcolor.training.checkpoint import export_weights
from vidcolor.training.config import TrainConfig
from vidcolor.training.data.batches import make_batch
from vidcolor.training.distributed import World
from vidcolor.training.losses.adversarial import Gan
from vidcolor.training.network.building import build_network
from vidcolor.training.network.predictor import Predictor
from vidcolor.training.network.teacher import load_teacher
from vidcolor.training.optimization import (
    ema_decay,
    learning_rate_factor,
    make_optimizer,
    set_rate,
)
from vidcolor.training.run.loop import Trainer
from vidcolor.training.run.plot import read_series, smoothed, write_plot

ALONE = World(0, 1, torch.device("cpu"))


def break_at(step: int):  # noqa: ANN201
    def report(reached: int, _: dict[str, float]) -> None:
        if reached == step:
            raise KeyboardInterrupt

    return report


def test_learning_rate_rises_stays_and_falls() -> None:
    config = TrainConfig(steps=100, warmup=10, decay=0.2)
    rates = [learning_rate_factor(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:80]) == {1.0}
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0


def test_the_average_forgets_the_start() -> None:
    assert ema_decay(0, 0.998) < 0.2
    assert ema_decay(10_000, 0.998) == 0.998


@pytest.mark.parametrize(
    "changes",
    [
        {"losses": {"huber": {}, "classification": {}}},
        {
            # Dropout and a critic have chance and state of their own.
            "architecture": "pix2pix",
            "network": {"width": 4, "depth": 6},
            "losses": {"l1": {}, "wgan": {"critic_width": 4, "critic_ratio": 2}},
        },
    ],
    ids=["unet", "pix2pix"],
)
def test_a_resumed_run_ends_where_an_unbroken_one_does(
    config: MakeConfig, tmp_path: Path, changes: dict[str, object]
) -> None:
    whole = Trainer(config(out=str(tmp_path / "whole"), **changes), ALONE)
    whole.run()
    broken = config(out=str(tmp_path / "broken"), **changes)
    with pytest.raises(KeyboardInterrupt):
        Trainer(broken, ALONE).run(break_at(4))
    second = Trainer(broken, ALONE)
    second.run()
    for name, value in whole.average.module.state_dict().items():
        # The same sums in the same order; threads may split them differently.
        other = second.average.module.state_dict()[name]
        assert torch.allclose(value.float(), other.float(), atol=1e-5), name


def test_an_interrupted_run_loses_nothing(config: MakeConfig) -> None:
    c = config(val="")

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 4:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        Trainer(c, ALONE).run(stop)
    assert torch.load(Path(c.out, "checkpoint.pt"), weights_only=True)["step"] == 4
    log = Path(c.out, "log.jsonl")
    log.write_text(log.read_text() + '{"step": 5, "huber": 1.0}\n{"step": 6, "hu')
    Trainer(c, ALONE).run()
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_run_killed_before_its_first_checkpoint_starts_a_new_log(config: MakeConfig) -> None:
    c = config(val="")
    with pytest.raises(KeyboardInterrupt):
        Trainer(c, ALONE).run(break_at(2))
    log = Path(c.out, "log.jsonl")
    assert len(log.read_text().splitlines()) == 2
    assert not Path(c.out, "checkpoint.pt").exists()
    Trainer(c, ALONE).run()
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_resumed_run_needs_no_starting_weights(config: MakeConfig, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.safetensors")
    for more in ({"start": gone}, {"pretrained": (gone,)}):
        c = config(val="", out=str(tmp_path / next(iter(more))))
        Trainer(dataclasses.replace(c, steps=1), ALONE).run()
        resumed = Trainer(dataclasses.replace(c, steps=2, **more), ALONE)
        resumed.run()
        assert resumed.step == 2
        with pytest.raises(WeightsError, match="gone"):
            Trainer(dataclasses.replace(c, out=str(tmp_path / "new"), **more), ALONE)


def test_a_full_disk_is_one_line_and_leaves_what_was_there(
    config: MakeConfig, file_size_limit: Callable[[int], AbstractContextManager[None]]
) -> None:
    trainer = Trainer(config(steps=1, val=""), ALONE)
    trainer.run()
    before = {path: path.read_bytes() for path in trainer.out.glob("*.*")}
    export = partial(
        export_weights, trainer.weights, trainer.network, trainer.config, {}, pictures=[]
    )
    checkpoint = trainer.out / "checkpoint.pt"
    for path, write in ((checkpoint, trainer.save), (trainer.weights, export)):
        with file_size_limit(10_000), pytest.raises(OutputError) as caught:
            write()
        assert str(caught.value) == f"{path}: can't be written: File too large"
        assert {path: path.read_bytes() for path in trainer.out.glob("*.*")} == before


def test_other_losses_want_another_folder(config: MakeConfig) -> None:
    first = config(steps=1)
    Trainer(first, ALONE).run()
    other = dataclasses.replace(first, losses={"huber": {}, "classification": {}})
    with pytest.raises(OptionError, match="of another network or other losses") as caught:
        Trainer(other, ALONE).run()
    assert '"classify.weight"' in str(caught.value)
    critic = dataclasses.replace(first, losses={"huber": {}, "gan": {"critic_width": 4}})
    with pytest.raises(OptionError, match=r'"losses\.gan\.critic\.layers\.0\.weight"'):
        Trainer(critic, ALONE).run()
    l1 = dataclasses.replace(first, losses={"l1": {}}, steps=2)
    Trainer(l1, ALONE).run()  # what has no state may change
    for damaged in (b"PK\x03\x04 cut short", b"", b"no checkpoint"):
        Path(first.out, "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(WeightsError, match="can't go on from this checkpoint") as caught:
            Trainer(first, ALONE).run()
        assert "\n" not in str(caught.value)


def test_a_resumed_run_takes_the_configurations_new_rates(config: MakeConfig) -> None:
    gan = {"critic_width": 4, "critic_lr": 1e-3}
    Trainer(config(steps=2, losses={"huber": {}, "gan": gan}), ALONE).run()
    losses = {"huber": {}, "gan": gan | {"critic_lr": 0.25}}
    trainer = Trainer(config(steps=3, lr=0.5, betas=(0.4, 0.9), losses=losses), ALONE)
    trainer.run()
    for group in trainer.optimizer.param_groups:
        assert (group["top_lr"], group["betas"]) == (0.5, (0.4, 0.9))
    critic = trainer.objective.losses["gan"]
    assert isinstance(critic, Gan)
    assert critic.optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize(
    ("architecture", "network"),
    [
        ("unet", {"width": 6, "widest": 32}),
        ("unet-resblock", {"width": 6, "widest": 32}),
        ("pix2pix", {"width": 8, "depth": 6}),
        ("compact", {"decoder": (32, 24, 16, 16)}),
    ],
)
def test_training_learns(config: MakeConfig, architecture: str, network: dict[str, object]) -> None:
    c = config(
        architecture=architecture, network=network, steps=30, film=0.0, scale=(1.0, 1.0),
        validate_every=100, save_every=100, val="", lr=2e-3,
    )  # fmt: skip
    losses: list[float] = []
    Trainer(c, ALONE).run(lambda _, m: losses.append(m["huber"]))
    # Three photographs over and over: from a loss above one to well below.
    assert np.mean(losses[-8:]) < 0.7 * np.mean(losses[:4])


def test_a_student_learns_from_a_teachers_checkpoint(config: MakeConfig, tmp_path: Path) -> None:
    bins = {"huber": {}, "classification": {}}
    Trainer(config(steps=2, losses=bins, out=str(tmp_path / "teacher")), ALONE).run()
    losses = {"teacher-ab": {}, "teacher-bins": {"weight": 0.1}}
    student = config(
        network={"width": 6, "widest": 16}, losses=losses, steps=20, val="", lr=2e-3,
        teacher=str(tmp_path / "teacher" / "checkpoint.pt"),
    )  # fmt: skip
    log: list[dict[str, float]] = []
    Trainer(student, ALONE).run(lambda _, m: log.append(m))
    for name in losses:
        assert np.mean([m[name] for m in log[-4:]]) < 0.8 * np.mean([m[name] for m in log[:4]])
    with pytest.raises(OptionError, match="teacher"):
        Trainer(dataclasses.replace(student, teacher=""), ALONE)
    with pytest.raises(OptionError, match="no loss learns from the teacher"):
        Trainer(dataclasses.replace(student, losses={"huber": {}}), ALONE)
    # Weights for use hold no classification head to learn from.
    weights = str(tmp_path / "teacher" / "unet.safetensors")
    with pytest.raises(OptionError, match="classification head"):
        Trainer(dataclasses.replace(student, teacher=weights, out=str(tmp_path / "x")), ALONE).run()


def test_a_teacher_says_what_its_file_colorizes_by(config: MakeConfig) -> None:
    from vidcolor.models.loading import load_model

    trainer = Trainer(
        config(steps=2, losses={"classification": {}}, decoding="annealed-mean", temperature=0.5),
        ALONE,
    )
    trainer.run()
    checkpoint, lightness = trainer.out / "checkpoint.pt", torch.rand(1, 1, 64, 64)
    wanted = load_model(trainer.weights, "cpu", "fp32")(ModelInput(lightness)).ab
    for path in (checkpoint, trainer.weights):
        teacher = load_teacher(path)
        assert torch.allclose(
            teacher(ModelInput(lightness)).ab, wanted, atol=0.2
        )  # weights are in float16
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = teacher(ModelInput(lightness)).ab
        assert rough.dtype == torch.float32
        assert (rough - wanted).abs().mean() < 1.0
    state = torch.load(checkpoint, weights_only=True)
    torch.save({k: v for k, v in state.items() if k not in ("decoding", "temperature")}, checkpoint)
    old = load_teacher(checkpoint)
    regressed = trainer.average.module.eval()(ModelInput(lightness))
    assert torch.allclose(old(ModelInput(lightness)).ab, regressed, atol=1e-3)
    headless = {k: v for k, v in state["average"].items() if "classify" not in k}
    torch.save({**state, "average": headless}, checkpoint)
    with pytest.raises(WeightsError, match=r"checkpoint\.pt: .* no classification head"):
        load_teacher(checkpoint)


def test_crops_that_the_teacher_cannot_take_are_refused(config: MakeConfig, tmp_path: Path) -> None:
    deep = {"architecture": "pix2pix", "network": {"width": 4, "depth": 6}}
    master = Trainer(config(steps=1, val="", out=str(tmp_path / "teacher"), **deep), ALONE)
    master.run()
    for teacher in (master.weights, master.out / "checkpoint.pt"):
        student = config(losses={"teacher-ab": {}}, teacher=str(teacher))
        Trainer(student, ALONE)
        for changes in ({"crop": 96}, {"stages": ((0.5, 96, 1.0, 1.0),)}):
            with pytest.raises(OptionError) as caught:
                Trainer(dataclasses.replace(student, **changes), ALONE)
            assert str(caught.value) == (
                f"{teacher}: this teacher takes crops that are multiples of 64, got 96"
            )


def test_a_run_leaves_weights_log_sheet_and_plot(config: MakeConfig, photos_tar: Path) -> None:
    c = config(sample_every=6, saturation=1.25, cast=0.1, shadows=0.3, reds=0.4)
    scores = Trainer(c, ALONE).run()
    out = Path(c.out)
    with safe_open(out / "unet.safetensors", framework="pt") as file:
        metadata = file.metadata()
        assert not [k for k in file.keys() if k.startswith("classify")]  # noqa: SIM118
    made_of = json.loads(metadata["training"])
    assert metadata["architecture"] == "unet"
    said = [metadata[name] for name in ("saturation", "cast", "shadows", "reds")]
    assert said == ["1.25", "0.1", "0.3", "0.4"]
    assert json.loads(metadata["config"])["width"] == 4
    assert made_of["data"] == [photos_tar.name]  # names, not places
    assert made_of["photos"] == 12
    assert made_of["losses"] == {"huber": {}}
    assert str(photos_tar.parent) not in metadata["training"]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert 0 < lines[5]["val_rmse"] < 3
    assert "val_colourfulness" in lines[5]
    sheet = cv2.imread(str(out / "samples" / "0000006.png"))
    assert sheet is not None
    grey, truth = sheet[:144, :144], sheet[:144, 384:528]
    assert np.ptp(grey.astype(int), axis=2).max() <= 2  # neutral, but for rounding
    assert np.ptp(truth.astype(int), axis=2).mean() > 10
    assert cv2.imread(str(out / "loss.png")) is not None
    assert scores is not None
    report = [name for name in (f"{n:02}" for n in range(12)) if half_of(name) == "report"]
    assert scores.pictures == len(report) + (half_of("grey") == "report")  # as in eval


def test_the_final_figures_are_those_of_eval_on_the_half_to_report(
    config: MakeConfig, tmp_path: Path
) -> None:
    from vidcolor.evaluation.inputs import PhotoFiles
    from vidcolor.evaluation.photos import Contender, evaluate_photos
    from vidcolor.models.loading import load_model

    album = tmp_path / "album"
    album.mkdir()
    photo = data.coffee()[..., ::-1]
    grey = np.repeat(photo[:200, :240].mean(axis=2, keepdims=True), 3, axis=2)
    # Odd numbers are to report on. Grey and tiny ones teach nothing, but they count.
    named = {"large-1": photo, "grey-3": grey, "tiny-5": photo[200:224, 100:130]}
    for name, picture in {**named, "2": photo[:, :300], "4": photo[100:]}.items():
        cv2.imwrite(str(album / f"{name}.png"), picture)
    c = config(steps=2, saturation=1.5, cast=0.5, shadows=0.5, val=str(album))
    trainer = Trainer(c, ALONE)
    assert trainer.val_photos is not None
    assert len(trainer.val_photos) == 2  # validated on during the run: the other half
    ours = trainer.run()
    model = load_model(Path(c.out) / "unet.safetensors", "cpu", kind="image")
    rows = evaluate_photos(PhotoFiles([album], half="report"), [Contender("unet", model)])
    assert ours is not None
    assert ours.pictures == 3
    for field in dataclasses.fields(ours):
        want = getattr(rows[-1].ab, field.name)
        assert getattr(ours, field.name) == pytest.approx(want, rel=1e-4), field.name


def test_one_half_alone_serves_for_both(
    config: MakeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "7.png"), data.coffee()[..., ::-1])
    trainer = Trainer(config(val=str(tmp_path)), ALONE)
    assert trainer.val_photos is not None
    assert len(trainer.val_photos) == 1
    assert "one half of the validation pictures is empty" in caplog.text


def test_a_run_ends_early_and_keeps_the_best_weights(config: MakeConfig) -> None:
    """A rate that soon spoils the network: validation gets worse, and stays so."""
    c = config(steps=40, lr=0.05, warmup=1, validate_every=2, patience=2, keep="best", ema=0.0)
    trainer = Trainer(c, ALONE)
    trainer.run()
    lines = [json.loads(line) for line in Path(c.out, "log.jsonl").read_text().splitlines()]
    errors = {x["step"]: x["val_rmse_best"] for x in lines if "val_rmse_best" in x}
    best = min(errors, key=lambda step: errors[step])
    assert (trainer.best.step, trainer.best.waited) == (best, 2)
    assert trainer.step == best + 2 * c.validate_every < 40
    with safe_open(trainer.weights, framework="pt") as file:
        assert json.loads(file.metadata()["training"])["reached_step"] == best
    again = Trainer(c, ALONE)
    again.run()  # finished: nothing more is learnt
    assert again.step == trainer.step
    assert len(Path(c.out, "log.jsonl").read_text().splitlines()) == trainer.step
    for changes in ({"patience": 2}, {"keep": "best"}):
        with pytest.raises(OptionError, match="need pictures to validate on"):
            Trainer(config(val="", **changes), ALONE)


def test_weights_beyond_float16_survive_the_file(config: MakeConfig, tmp_path: Path) -> None:
    from vidcolor.models.loading import load_model

    network = Trainer(config(), ALONE).network.eval()
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    # Seen in training: a large encoder's features have variances of a hundred thousand and more.
    norm.running_mean.fill_(2e5)
    norm.running_var.fill_(1e10)
    export_weights(tmp_path / "w.safetensors", network, config(), {}, pictures=[])
    lightness = torch.rand(1, 1, 64, 64)
    model = load_model(tmp_path / "w.safetensors", "cpu", "fp32")
    with torch.inference_mode():
        assert torch.allclose(
            model(ModelInput(lightness)).ab, network(ModelInput(lightness)), atol=0.1
        )


def test_a_gradient_that_is_not_finite_is_left_out(config: MakeConfig) -> None:
    trainer = Trainer(config(), ALONE)
    batch = make_batch(trainer.photos, trainer.config, 0, 4)
    batch.ab[0, 0, 0, 0] = float("inf")
    before = {k: v.clone() for k, v in trainer.network.named_parameters()}
    trainer.train_step(batch)
    for name, value in trainer.network.named_parameters():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("losses", [{"huber": {}}, {"huber": {}, "gan": {"critic_width": 4}}])
def test_features_that_are_not_finite_spoil_nothing(
    config: MakeConfig, losses: dict[str, object]
) -> None:
    """Neither weights nor norms' statistics, which would keep a NaN for good."""
    trainer = Trainer(config(losses=losses), ALONE)
    batch = make_batch(trainer.photos, trainer.config, 0, 4)
    batch.lightness[0, 0, 0, 0] = float("nan")
    state = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    critic = {k: v.clone() for k, v in trainer.objective.named_parameters()}
    trainer.train_step(batch)
    for name, value in trainer.network.state_dict().items():
        assert torch.equal(value, state[name]), name
    for name, value in trainer.objective.named_parameters():
        assert torch.equal(value, critic[name]), name


def test_norms_and_biases_do_not_decay(config: MakeConfig) -> None:
    c = config(architecture="compact", network={"decoder": (16, 16, 8, 8)}, weight_decay=0.3,
               lr=0.01, encoder_lr=0.002)  # fmt: skip
    network = build_network(c, 0)
    optimizer = make_optimizer(network, c)
    names = {parameter: name for name, parameter in network.named_parameters()}
    found = {
        names[parameter]: (group["top_lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found.keys() == set(names.values())
    for name, parameter in network.named_parameters():
        rate = 0.002 if "encoder" in name.split(".") else 0.01
        decay = 0.3 if parameter.ndim > 1 else 0.0
        assert found[name] == (rate, decay), name
    # A step without a gradient shows it: decay alone moves weights, and leaves biases alone.
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    set_rate(optimizer, c.warmup, c)
    optimizer.step()
    for name, parameter in network.named_parameters():
        if parameter.ndim == 1:
            assert torch.equal(parameter, before[name]), name
        else:
            assert parameter.norm() < before[name].norm(), name


def test_a_checkpoint_of_the_earlier_optimiser_is_refused_in_one_line(config: MakeConfig) -> None:
    c = config(steps=2, val="")
    Trainer(c, ALONE).run()
    checkpoint = Path(c.out, "checkpoint.pt")
    state = torch.load(checkpoint, weights_only=True)
    # As version 0.1 wrote it: no format, and one group of parameters per rate.
    del state["format"]
    first, *others = state["optimizer"]["param_groups"]
    first["params"] = [number for group in (first, *others) for number in group["params"]]
    state["optimizer"]["param_groups"] = [first]
    torch.save(state, checkpoint)
    with pytest.raises(WeightsError, match="written by an earlier vidcolor") as caught:
        Trainer(dataclasses.replace(c, steps=3), ALONE).run()
    assert "\n" not in str(caught.value)
    # Its weights still start another run.
    Trainer(dataclasses.replace(c, out=c.out + "2", start=str(checkpoint)), ALONE).run()


def test_weights_colorize_by_the_head_that_the_configuration_chose(config: MakeConfig) -> None:
    from vidcolor.models.loading import load_model

    losses = {"huber": {}, "classification": {}}
    c = config(steps=2, losses=losses, decoding="annealed-mean", temperature=0.5, val="")
    trainer = Trainer(c, ALONE)
    trainer.run()
    model = load_model(trainer.weights, "cpu", "fp32")
    lightness = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        ab, logits = Predictor(trainer.average.module.eval())(lightness)
        wanted = annealed_mean(logits, trainer.bins.centres, 0.5)
    # Weights went through float16; the head's ab at every 4th place is what training sees.
    assert torch.allclose(model(ModelInput(lightness)).ab[..., ::4, ::4], wanted, atol=0.2)
    assert not torch.allclose(model(ModelInput(lightness)).ab, ab, atol=2.0)
    with pytest.raises(OptionError, match="needs a classification loss"):
        Trainer(dataclasses.replace(c, losses={"huber": {}}), ALONE)
    with pytest.raises(OptionError, match="no loss teaches the regression head"):
        Trainer(config(losses={"classification": {}}), ALONE)


def test_frozen_norms_keep_their_statistics(config: MakeConfig) -> None:
    frozen = "down.1."
    trainer = Trainer(config(steps=2, val="", frozen=(frozen, "down.2.first.0.")), ALONE)
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    trainer.run()
    for network in (trainer.network, trainer.average.module):
        after = network.state_dict()
        still = {k for k, v in before.items() if torch.equal(v, after[k])}
        # Behind a frozen convolution a norm that learns goes on following the batches.
        assert still == {k for k in before if k.startswith((frozen, "down.2.first.0."))}


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", "float32"), ("bf16", "bfloat16")])
def test_validation_and_sheets_work_in_the_runs_precision(
    config: MakeConfig, precision: str, dtype: str
) -> None:
    trainer = Trainer(config(precision=precision, steps=1, validate_every=1, sample_every=2), ALONE)
    seen = []
    # The average isn't trained: it only validates and paints.
    trainer.average.module.regress.register_forward_hook(lambda *args: seen.append(args[2].dtype))
    trainer.run()
    assert len(seen) == 2 + len(trainer.val_photos)  # validated on, and on the sheet
    assert set(seen) == {getattr(torch, dtype)}


def test_bf16_keeps_weights_in_float32(config: MakeConfig) -> None:
    trainer = Trainer(config(precision="bf16", steps=1, val=""), ALONE)
    trainer.run()
    assert all(torch.isfinite(p).all() for p in trainer.network.parameters())
    assert all(p.dtype == torch.float32 for p in trainer.network.parameters())


def test_the_plot_draws_what_the_log_says(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [json.dumps({"step": s, "time": 1.0, "huber": 1.0 / s}) for s in range(1, 300)]
    log.write_text("\n".join([*lines, '{"step": 300, "hub']))
    series = read_series(log)
    assert list(series) == ["huber"]
    assert len(series["huber"][0]) == 299
    write_plot(log, tmp_path / "loss.png")
    picture = cv2.imread(str(tmp_path / "loss.png"))
    blue = (picture[..., 0].astype(int) - picture[..., 2]) > 60
    columns = [x for x in range(picture.shape[1]) if blue[:, x].any()]
    places = [columns[len(columns) * share // 10] for share in (2, 5, 8)]
    heights = [np.flatnonzero(blue[:, x]).mean() for x in places]
    assert heights == sorted(heights)  # falling values are drawn ever lower
    assert heights[0] < heights[-1]
    assert smoothed([2.0] * 5) == pytest.approx([2.0] * 5)
    log.write_text("")
    with pytest.raises(InputError, match="nothing to plot"):
        write_plot(log, tmp_path / "x.png")
