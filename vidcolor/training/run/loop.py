"""The training loop: seeded, resumable, one process or several, CPU or CUDA."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vidcolor.data.photos import Balanced, Photo, PhotoSet, load_photos
from vidcolor.errors import Interrupted, OptionError
from vidcolor.evaluation.measures.ab_statistics import AbScores
from vidcolor.media.files.atomic import complete_file
from vidcolor.models._metadata import UNUSABLE, reason
from vidcolor.models.contract import ModelInput
from vidcolor.models.finishing import Finishing
from vidcolor.models.networks.layers.ab_bins import AbBins, AnnealedHead
from vidcolor.models.networks.own.architectures import as_trainable, find_architecture
from vidcolor.models.networks.own.trained import TrainedNetwork
from vidcolor.training.checkpoint import (
    calm_of,
    cut_log,
    export_weights,
    history_of,
    read_checkpoint,
    save_checkpoint,
)
from vidcolor.training.config import TrainConfig
from vidcolor.training.data.batches import Batch, batches, make_batch
from vidcolor.training.distributed import World
from vidcolor.training.losses.objective import Objective, needs
from vidcolor.training.losses.terms import LossContext, NetworkOutput
from vidcolor.training.network.building import build_network, fill_network
from vidcolor.training.network.frozen import freeze_statistics, pack_frozen
from vidcolor.training.network.predictor import Predictor
from vidcolor.training.network.teacher import load_teacher
from vidcolor.training.optimization import ema_decay, make_optimizer, restore, set_rate
from vidcolor.training.run.best import Best
from vidcolor.training.run.checks import check_run
from vidcolor.training.run.held_out import held_out, learnt_from
from vidcolor.training.run.plot import write_plot
from vidcolor.training.run.sheets import pick, write_sheet
from vidcolor.training.run.validation import Usable, final_scores, validate

logger = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]
"""Called after every step, in each process, with its number and what was measured there."""

Tensors = tuple[Tensor, ...] | list[Tensor]

_BALANCE_BATCHES = 40


class Trainer:
    """State of one run: network, moving average, optimiser, losses, and the step reached.

    Args:
        config: of the run.
        world: this process among those that share the run.

    Raises:
        OptionError: for settings that make no sense together.
        InputError: if there is nothing to learn from.
        WeightsError: for weights that don't fit.
    """

    def __init__(self, config: TrainConfig, world: World) -> None:
        check_run(config, world.size)
        torch.manual_seed(config.seed)
        self.config, self.world, self.device = config, world, world.device
        self.out = Path(config.out)
        self.output_stride = find_architecture(config.architecture).output_stride(config.network)
        photos = load_photos(config.data, keep=learnt_from(config), memory_gb=config.memory_gb)
        self.photos: Sequence[Photo] = Balanced(photos) if config.balance else photos
        self.held_out = held_out(config) if world.leads else None
        self.val_photos = self._load_val()
        bins = self.bins = AbBins(self.device)
        classes = needs(config.losses, "needs_classes")
        if classes:
            self._balance(bins)
        network = build_network(config, len(bins) if classes else 0)
        if not self._checkpoint.exists():  # a resumed run has its weights from there
            fill_network(network, config)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.objective = Objective(
            config.losses,
            LossContext(
                self.device,
                bins,
                min(config.crops) // self.output_stride,
                autocast=self._bf16,
            ),
        )
        self.teacher = (
            load_teacher(Path(config.teacher), config.crops).to(self.device)
            if config.teacher
            else None
        )
        self.average = AveragedModel(self.network, multi_avg_fn=self._mix, use_buffers=True)
        self.optimizer = make_optimizer(self.network, config)
        self.predict = self._wrapped()
        self.step, self.best = 0, Best()
        self.out.mkdir(parents=True, exist_ok=True)

    @property
    def weights(self) -> Path:
        """Where the weights are written."""
        return self.out / f"{self.config.architecture}.safetensors"

    def run(self, report: Report | None = None) -> AbScores | None:
        """Train from the last checkpoint, if there is one, to the last step; write the weights.

        Returns:
            Scores of the written weights on the half of the validation pictures that is kept for
            reporting, as ``vidcolor eval --half report`` gives them; None without pictures, and in
            all processes but the leading one.

        Raises:
            Interrupted: as ``report`` raised it, in this process or another; a checkpoint of the
                step reached is there.
        """
        self._resume()
        plain = self._bf16 and not self.config.compile
        if self.device.type == "cpu" and plain:
            pack_frozen(self.network)
            if self.teacher is not None:
                pack_frozen(self.teacher)
        stream = batches(
            self.photos, self.config, self.output_stride, first_step=self.step,
            rank=self.world.rank, world=self.world.size,
        )  # fmt: skip
        try:
            while self.step < self.config.steps and not self._has_converged():
                measured = self.train_step(next(stream))
                self.step += 1
                if self.world.leads:
                    self._after_step(measured)
                self._report(measured, report)
        finally:
            stream.close()  # type: ignore[attr-defined]
        if not self.world.leads:
            return None
        self.save()
        if self.config.sample_every:
            self._draw()
        if self.config.keep == "best" and self._best_weights.exists():
            with complete_file(self.weights) as part:
                part.write_bytes(self._best_weights.read_bytes())
        if self.held_out is None:
            return None
        return final_scores(self.weights, self.held_out, self.device)

    def train_step(self, batch: Batch) -> dict[str, float]:
        """Learn from one batch.

        Where a loss or a gradient isn't finite in any process, all leave the step out: weights and
        norms' statistics stay as they were.

        Returns:
            What was measured in this process, by name.
        """
        rate = set_rate(self.optimizer, self.step, self.config)
        # Dropout and the like depend on (seed, step, process) alone, so resuming changes nothing.
        torch.manual_seed((self.config.seed * 1_000_003 + self.step) * 64 + self.world.rank)
        self.network.train()
        freeze_statistics(self.network)
        statistics = [buffer.clone() for buffer in self.network.buffers()]
        batch = batch.to(self.device)
        learns = self.objective.network_turn(self.step)
        lightness = batch.lightness.contiguous(memory_format=torch.channels_last)
        with torch.set_grad_enabled(learns), self._autocast():
            output = NetworkOutput(*self.predict(lightness))
        measured = self.objective.learn(output, batch, self.step)
        if learns:
            measured |= self._backward(output, batch)
        finite = all(math.isfinite(value) for value in measured.values())
        if self.world.any(not finite):
            # Losses are each process's own, so all must agree to leave the step out.
            logger.warning("step %d: loss or gradient isn't finite; left out", self.step + 1)
            for buffer, before in zip(self.network.buffers(), statistics, strict=True):
                buffer.copy_(before)
        elif learns:
            self.optimizer.step()
            self.average.update_parameters(self.network)
        return measured | {"rate": rate}

    def _backward(self, output: NetworkOutput, batch: Batch) -> dict[str, float]:
        with self._autocast():
            taught = self.teacher(ModelInput(batch.clean)) if self.teacher is not None else None
        loss, parts = self.objective(output, batch, taught)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        names = ["gradient", *parts]
        # One copy from the device for all figures.
        values = torch.stack([norm.float(), *(p.float() for p in parts.values())]).tolist()
        return dict(zip(names, values, strict=True))

    def _after_step(self, measured: dict[str, float]) -> None:
        config, step = self.config, self.step
        if step % config.validate_every == 0:
            measured |= self._validate()
            self._judge(measured)
        self._log(measured)
        if config.sample_every and step % config.sample_every == 0:
            self._draw()
        if step % config.save_every == 0:
            self.save()

    def _judge(self, measured: dict[str, float]) -> None:
        """Keep the weights of the best validation so far."""
        value = measured.get("val_rmse_best")
        if value is None or not self.best.improves(value, self.step):
            return
        if self.config.keep == "best":
            self._export(self._best_weights)

    def _has_converged(self) -> bool:
        """Whether validation hasn't improved for as long as the configuration waits."""
        patience = self.config.patience
        if not patience or self.step % self.config.validate_every:
            return False
        return self.world.any(self.best.waited >= patience)

    def _report(self, measured: dict[str, float], report: Report | None) -> None:
        """Report the step; what stops one process stops all, after the same step."""
        stop: Interrupted | None = None
        try:
            if report is not None:
                report(self.step, measured)
        except Interrupted as error:
            stop = error
        if not self.world.any(stop is not None):
            return
        if self.world.leads:
            self.save()
        # torchrun ends all processes as soon as one ends: wait until the checkpoint is written.
        self.world.any(False)
        raise stop or Interrupted("another process was asked to stop")

    def _mix(self, averages: Tensors, values: Tensors, _: Tensor | int) -> None:
        decay = ema_decay(self.step, self.config.ema)
        get_ema_multi_avg_fn(decay)(averages, values, 0)  # type: ignore[no-untyped-call]

    @property
    def _bf16(self) -> bool:
        return self.config.precision == "bf16"

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def _wrapped(self) -> nn.Module:
        predictor: nn.Module = Predictor(self.network)
        if self.config.compile:
            predictor = torch.compile(predictor)  # type: ignore[assignment]
        return self.world.wrap(predictor)

    def _load_val(self) -> PhotoSet | None:
        photos = self.held_out
        if photos is None:
            return None
        return load_photos(
            photos.sources,
            split=photos.split,
            keep=photos.choose.__contains__,
            memory_gb=self.config.memory_gb,
        )

    def _balance(self, bins: AbBins) -> None:
        """Weights of the bins from some of the run's own crops, the same in all processes."""
        plain = dataclasses.replace(self.config, film_share=0.0)
        sample = [
            make_batch(self.photos, plain, step, self.output_stride).ab
            for step in range(_BALANCE_BATCHES)
        ]
        # Stages differ in size, so all samples form one row.
        row = torch.cat([ab.permute(1, 0, 2, 3).flatten(1) for ab in sample], dim=1)
        bins.balance(row[None, :, :, None].to(self.device))

    def _for_use(self) -> Usable:
        """A copy of the averaged weights, as they will colorize."""
        network = copy.deepcopy(self.average.module).eval()
        head = None
        classify = as_trainable(network).classify
        if self.config.decoding == "annealed-mean" and classify is not None:
            head = AnnealedHead(classify, self.config.temperature).to(self.device)
        stride = find_architecture(self.config.architecture).stride(self.config.network)
        made = TrainedNetwork(network, stride, head=head).eval()
        return Usable(made, Finishing(calm_of(self.config), self.config.saturation or 1.0))

    def _validate(self) -> dict[str, float]:
        if not self.val_photos:
            return {}
        photos = self.val_photos[: self.config.validate_on]
        scores = validate(self._for_use(), photos, self.device, bf16=self._bf16)
        return {
            "val_rmse_best": scores.rmse_ratio_best,
            "val_rmse": scores.rmse_ratio,
            "val_correlation": scores.correlation,
            "val_best_saturation": scores.best_saturation,
            "val_colourfulness": scores.colourfulness_ratio,
        }

    def _draw(self) -> None:
        """A sample sheet and the loss plot."""
        photos = pick(self.val_photos or self.photos)
        path = self.out / "samples" / f"{self.step:07}.png"
        write_sheet(path, self._for_use(), photos, self.device, bf16=self._bf16)
        write_plot(self.out / "log.jsonl", self.out / "loss.png")

    def _log(self, measured: dict[str, float]) -> None:
        line: dict[str, Any] = {"step": self.step, "time": round(time.time(), 1)} | measured
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    @property
    def _best_weights(self) -> Path:
        return self.out / "best.safetensors"

    def save(self) -> None:
        """The checkpoint to go on from, and the weights to use."""
        state = {
            "step": self.step,
            "architecture": self.config.architecture,
            "network_config": self.network.config.as_dict(),
            "decoding": self.config.decoding,
            "temperature": self.config.temperature,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": self.objective.state_dict(),
            "best": self.best.as_dict(),
        }
        save_checkpoint(self._checkpoint, state)
        self._export(self.weights)

    def _export(self, path: Path) -> None:
        history = history_of(
            self.config, step=self.step, photos=len(self.photos), world=self.world.size
        )
        plain = dataclasses.replace(self.config, film_share=0.0)
        pictures = make_batch(self.photos, plain, 0, self.output_stride).clean[:4].cpu()
        export_weights(path, self.average.module, self.config, history, pictures=[pictures])

    def _resume(self) -> None:
        if self._checkpoint.exists():
            self._restore()
            logger.info("resumed at step %d", self.step)
        if self.world.leads:
            cut_log(self.out / "log.jsonl", self.step)

    def _restore(self) -> None:
        state = read_checkpoint(self._checkpoint, self.device)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            restore(self.optimizer, state["optimizer"])
            self.objective.load_state_dict(state["losses"])
        except UNUSABLE as error:
            raise OptionError(
                f"{self._checkpoint} is of another network or other losses ({reason(error)}); give "
                "another 'out', and this file as 'start' to begin with its weights"
            ) from error
        self.step = state["step"]
        self.best = Best(**state["best"])
