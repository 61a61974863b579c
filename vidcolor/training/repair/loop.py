"""The training loop of a repair network: seeded, resumable, CPU or CUDA."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vidcolor.data.folds import fold_of
from vidcolor.data.photos import PhotoSet, load_photos
from vidcolor.errors import OptionError
from vidcolor.evaluation.measures.backbones import load_edge_backbone
from vidcolor.models.networks.damage.repair import RepairConfig, RepairNet
from vidcolor.training.checkpoint import cut_log, read_checkpoint, save_checkpoint, write_weights
from vidcolor.training.optimization import ema_decay
from vidcolor.training.repair.batches import DamagedBatch, batches, validation_batch
from vidcolor.training.repair.losses import detection_loss, fill_loss, masks_to_fill
from vidcolor.training.repair.validation import validate
from vidcolor.training.repair_config import RepairRun
from vidcolor.training.run.best import Best

logger = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]
"""Called after every step with its number and what was measured."""


class RepairTrainer:
    """State of one run: network, moving average, optimiser, and the step reached.

    Args:
        config: of the run.
        device: where to learn.

    Raises:
        OptionError: for settings that make no sense together.
        InputError: there is nothing to learn from.
        WeightsError: for weights that don't fit.
    """

    def __init__(self, config: RepairRun, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device, self.out = config, device, Path(config.out)
        self.network = RepairNet(network_config(config)).to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.photos = self._load(train=True)
        self.val_photos = self._load(train=False) if config.val or config.folds else None
        self.features = self._backbone()
        self.average = AveragedModel(self.network, multi_avg_fn=self._mix, use_buffers=True)
        self.optimizer = self._optimizer()
        self.step, self.best = 0, Best()
        self.figures: dict[str, float] = {}
        self.out.mkdir(parents=True, exist_ok=True)

    @property
    def weights(self) -> Path:
        """Where the weights are written."""
        return self.out / "repair.safetensors"

    def run(self, report: Report | None = None) -> dict[str, float]:
        """Train from the last checkpoint, if there is one, to the last step; write the weights.

        Returns:
            Figures of the last validation, see ``validation.validate``; empty without pictures.

        Raises:
            Interrupted: as ``report`` raised it; a checkpoint of the step reached is there.
        """
        self._resume()
        config = self.config
        stream = batches(self.photos, config, first_step=self.step)
        try:
            while self.step < config.steps and not self._has_converged():
                measured = self.train_step(next(stream))
                self.step += 1
                self._after_step(measured)
                if report is not None:
                    self._reported(report, measured)
        finally:
            stream.close()  # type: ignore[attr-defined]
        self._save()
        # A run that was finished before says what it measured then.
        self.figures = self.figures or self._last_figures()
        if config.keep == "best" and self._best.exists():
            self.weights.write_bytes(self._best.read_bytes())
        return self.figures

    def train_step(self, batch: DamagedBatch) -> dict[str, float]:
        """Learn from one batch; returns what was measured."""
        config = self.config
        factor = _factor(self.step, config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["top"] * factor
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + self.step)
        self.network.train()
        batch = batch.to(self.device)
        parts = self._losses(batch, generator)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        norms = [
            # Each stage by itself: one doesn't learn less because the other errs.
            nn.utils.clip_grad_norm_(stage.parameters(), config.clip)
            for stage in (self.network.detector, self.network.filler)
        ]
        measured = {name: value.item() for name, value in parts.items()}
        if all(math.isfinite(float(v)) for v in (*norms, *measured.values())):
            self.optimizer.step()
            self.average.update_parameters(self.network)
        else:
            logger.warning("step %d: loss or gradient isn't finite; left out", self.step + 1)
        return measured | {"rate": factor}

    def _losses(self, batch: DamagedBatch, generator: torch.Generator) -> dict[str, Tensor]:
        config = self.config
        logits = self.network.detect(batch.damaged)
        losses = {"detect": detection_loss(logits, batch)}
        if self.step % config.fill_every == 0:
            mask = masks_to_fill(batch.mask, logits, generator)
            filled = self.network.fill(batch.damaged, mask)
            losses["fill"] = fill_loss(filled, batch, mask, config, self.features)
        return losses

    def _after_step(self, measured: dict[str, float]) -> None:
        if self.step % self.config.validate_every == 0 and self.val_photos is not None:
            network = cast(RepairNet, copy.deepcopy(self.average.module).eval())
            photos = self.val_photos[: self.config.validate_on]
            pictures = (b.to(self.device) for b in validation_batch(photos, self.config))
            self.figures = validate(network, pictures)
            measured |= self.figures
            # One figure for both stages: what is left of the damage where it has to be found.
            if self.best.improves(-self.figures["val_psnr_found"], self.step):
                self._export(self._best)
        line = {"step": self.step, "time": round(time.time(), 1)} | measured
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.step % self.config.save_every == 0:
            self._save()

    def _last_figures(self) -> dict[str, float]:
        log = self.out / "log.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        for line in reversed(lines):
            values: dict[str, float] = json.loads(line)
            if "val_f1" in values:
                return {name: value for name, value in values.items() if name.startswith("val_")}
        return {}

    def _reported(self, report: Report, measured: dict[str, float]) -> None:
        try:
            report(self.step, measured)
        except BaseException:
            self._save()
            raise

    def _has_converged(self) -> bool:
        patience = self.config.patience
        return bool(patience) and self.best.waited >= patience

    def _mix(self, averages: Any, values: Any, _: Any) -> None:  # noqa: ANN401 - torch's own kinds
        decay = ema_decay(self.step, self.config.ema)
        get_ema_multi_avg_fn(decay)(averages, values, 0)  # type: ignore[no-untyped-call]

    def _load(self, *, train: bool) -> PhotoSet:
        config = self.config
        fold = config.folds and (lambda name: (fold_of(name, config.folds) != config.fold) == train)
        sources = config.data if train or config.folds else (config.val,)
        return load_photos(
            sources, split="train" if train or config.folds else "val", keep=fold or None,
            memory_gb=config.memory_gb,
        )  # fmt: skip

    def _optimizer(self) -> torch.optim.Optimizer:
        known = list(self.network.detector.known.parameters())
        theirs = {id(p) for p in known}
        own = [p for p in self.network.parameters() if id(p) not in theirs]
        groups = [
            {"params": own, "top": self.config.lr},
            {"params": known, "top": self.config.encoder_lr},
        ]
        return torch.optim.AdamW(groups, weight_decay=self.config.weight_decay)

    def _backbone(self) -> nn.Module | None:
        if not self.config.perceptual:
            return None
        if not self.config.backbone:
            raise OptionError('the perceptual loss needs backbone = "FILE"')
        network = load_edge_backbone(Path(self.config.backbone)).to(self.device)
        return network.eval().requires_grad_(False)

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    @property
    def _best(self) -> Path:
        return self.out / "best.safetensors"

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            if self.config.start:
                state = read_checkpoint(Path(self.config.start), self.device)
                self.network.load_state_dict(state["average"])
                self.average.module.load_state_dict(state["average"])
            elif self.config.pretrained:
                self.network.detector.load_pretrained(Path(self.config.pretrained))
                self.average.module.load_state_dict(self.network.state_dict())
            return
        state = read_checkpoint(self._checkpoint, self.device)
        self.network.load_state_dict(state["network"])
        self.average.module.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.best = state["step"], Best(**state["best"])
        cut_log(self.out / "log.jsonl", self.step)

    def _save(self) -> None:
        save_checkpoint(
            self._checkpoint,
            {
                "step": self.step,
                "network": self.network.state_dict(),
                "average": self.average.module.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "best": self.best.as_dict(),
            },
        )
        self._export(self.weights)

    def _export(self, path: Path) -> None:
        state = {
            name: (t.half() if t.is_floating_point() and "running_" not in name else t)
            .contiguous().cpu().clone()
            for name, t in self.average.module.state_dict().items()
        }  # fmt: skip
        history = self.config.as_dict() | {"reached_step": self.step, "photos": len(self.photos)}
        del history["out"]
        history["data"] = [Path(source).name for source in self.config.data]
        for name in ("val", "start", "backbone", "pretrained"):
            history[name] = Path(history[name]).name
        metadata = {
            "format": "vidcolor", "architecture": "repair",
            "config": json.dumps(self.network.config.as_dict()), "training": json.dumps(history),
        }  # fmt: skip
        write_weights(path, state, metadata)


def network_config(config: RepairRun) -> RepairConfig:
    """The network's configuration.

    Raises:
        OptionError: for settings that it doesn't have.
    """
    values = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in config.network.items()}
    try:
        return RepairConfig(**values)
    except TypeError as error:
        raise OptionError(f"[network]: known are detect and fill; {error}") from error


def _factor(step: int, config: RepairRun) -> float:
    rise = min(1.0, (step + 1) / max(config.warmup, 1))
    fall = (config.steps - step) / max(config.steps * config.decay, 1.0)
    return min(rise, max(0.0, min(1.0, fall)))
