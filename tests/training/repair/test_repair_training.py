"""``vidcolor train`` with kind = "repair": it learns, goes on, and cross-validates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vidcolor.cli.main import main
from vidcolor.errors import Interrupted, OptionError
from vidcolor.models.weights.safe_load import load_checkpoint
from vidcolor.training.config import load_repair_config
from vidcolor.training.repair.batches import DamagedBatch, make_batch
from vidcolor.training.repair.loop import RepairTrainer
from vidcolor.training.repair.losses import detection_loss, masks_to_fill
from vidcolor.training.repair_config import RepairRun

CPU = torch.device("cpu")


@pytest.fixture
def config(photos_tar: Path, tmp_path: Path) -> RepairRun:
    return RepairRun(
        kind="repair", network={"detect": (8, 8, 8), "fill": (8, 8, 8)}, data=(str(photos_tar),),
        val=str(photos_tar), out=str(tmp_path / "run"), crop=64, batch_size=4, steps=4, warmup=1,
        validate_every=2, validate_on=3, save_every=2,
    )  # fmt: skip


def test_a_run_that_was_stopped_ends_like_an_unbroken_one(
    config: RepairRun, tmp_path: Path
) -> None:
    whole = RepairTrainer(config, CPU)
    figures = whole.run()
    assert {"val_f1", "val_psnr_given", "val_psnr_found", "val_touched"} <= figures.keys()

    broken = replace(config, out=str(tmp_path / "broken"))

    def stop(step: int, _: dict[str, float]) -> None:
        if step == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        RepairTrainer(broken, CPU).run(stop)
    gone_on = RepairTrainer(broken, CPU)
    gone_on.run()
    one, other = whole.network.state_dict(), gone_on.network.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    lines = (tmp_path / "broken" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    shipped = load_checkpoint(whole.weights)
    assert shipped.metadata["architecture"] == "repair"


def test_both_stages_learn(config: RepairRun) -> None:
    trainer = RepairTrainer(replace(config, lr=5e-3, steps=100, decay=0.0), CPU)
    batch = make_batch(trainer.photos, config, 0)
    first = trainer.train_step(batch)
    for _ in range(12):
        last = trainer.train_step(batch)
    assert last["detect"] < 0.95 * first["detect"]
    assert last["fill"] < 0.95 * first["fill"]


def test_the_stage_that_fills_may_rest(config: RepairRun) -> None:
    trainer = RepairTrainer(replace(config, fill_every=2), CPU)
    batch = make_batch(trainer.photos, config, 0)
    assert "fill" in trainer.train_step(batch)
    trainer.step = 1
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert "fill" not in trainer.train_step(batch)
    after = trainer.network.state_dict()
    changed = {name.split(".")[0] for name, value in before.items() if (value != after[name]).any()}
    assert changed == {"detector"}


def test_detection_loss_prefers_the_truth_and_masks_hold_it() -> None:
    mask = torch.zeros(4, 1, 32, 32)
    mask[..., 8:20, 8:20] = 1.0
    plain, faint = (
        DamagedBatch(torch.zeros_like(mask), mask * change, mask) for change in (0.5, 0.05)
    )
    right, wrong = detection_loss(mask * 10 - 5, plain), detection_loss(5 - mask * 10, plain)
    assert right < 0.1 * wrong
    # What is hardly seen costs less where it is missed.
    nothing = torch.full_like(mask, -5.0)
    assert detection_loss(nothing, faint) < 0.5 * detection_loss(nothing, plain)
    given = masks_to_fill(mask, mask * 10 - 5, torch.Generator().manual_seed(0))
    assert bool((given >= mask).all())


def test_command_trains_folds_and_refuses_what_is_unknown(photos_tar: Path, tmp_path: Path) -> None:
    path = tmp_path / "repair.toml"
    path.write_text(
        'kind = "repair"\ncrop = 64\nbatch_size = 2\nsteps = 1\nvalidate_on = 2\n'
        "[network]\ndetect = [8, 8, 8]\nfill = [8, 8, 8]\n",
        encoding="utf-8",
    )
    out = tmp_path / "folds"
    words = ["train", str(path), "--data", str(photos_tar), "--out", str(out), "--folds", "2"]
    assert main([*words, "-d", "cpu", "--progress", "none"]) == 0
    rows = json.loads((out / "folds.json").read_text(encoding="utf-8"))
    assert len(rows) == 2
    assert all(row["val_psnr_none"] > 0 for row in rows)
    path.write_text('kind = "repair"\nsharpness = 1\n', encoding="utf-8")
    with pytest.raises(OptionError, match="no setting 'sharpness'"):
        load_repair_config(path)
