"""The training loop: seeded, resumable, one process, CPU or CUDA."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vidcolor.evaluation.ab_statistics import AbScores
from vidcolor.models.networks.compact import CompactConfig, CompactNet
from vidcolor.training.batches import batches, make_batch
from vidcolor.training.config import TrainConfig
from vidcolor.training.losses import AbBins, cross_entropy, huber
from vidcolor.training.photos import load_photos
from vidcolor.training.pretrained import load_edge_encoder
from vidcolor.training.validation import validate

logger = logging.getLogger(__name__)

Report = Callable[[int, dict[str, float]], None]
"""Called after every step with its number and what was measured."""

_BALANCE_BATCHES = 40


class Trainer:
    """State of one run: network, moving average, optimiser, and the step reached."""

    def __init__(self, config: TrainConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.photos = load_photos(config.data)
        self.val_photos = load_photos((config.val,)) if config.val else []
        self.bins = AbBins(device)
        sample = [make_batch(self.photos, config, i)[1] for i in range(_BALANCE_BATCHES)]
        self.bins.balance(torch.cat(sample).to(device))
        self.network = self._build()
        average = get_ema_multi_avg_fn(config.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)
        self.optimizer = self._optimizer()
        self.step = 0
        self.out = Path(config.out)
        self.out.mkdir(parents=True, exist_ok=True)

    def run(self, report: Report | None = None) -> AbScores | None:
        """Train from the last checkpoint, if there is one, to the last step; write the weights.

        Returns:
            Scores of the averaged weights on all validation pictures, None without any.
        """
        self._resume()
        stream = batches(self.photos, self.config, first_step=self.step)
        while self.step < self.config.steps:
            measured = self._train_step(*next(stream))
            self.step += 1
            if self.step % self.config.validate_every == 0:
                measured |= self._validate()
            if self.step % self.config.save_every == 0:
                self._save()
                self.export()
            self._log(measured)
            if report is not None:
                report(self.step, measured)
        stream.close()  # type: ignore[attr-defined]
        self._save()
        self.export()
        return validate(self._averaged(), self.val_photos, self.device) if self.val_photos else None

    def export(self) -> Path:
        """Write the averaged weights in float16, without the training head, and what made them."""
        network = self._averaged()
        shipped = CompactConfig(decoder=self.config.decoder)
        state = {
            k: v.half().contiguous().cpu()
            for k, v in network.state_dict().items()
            if not k.startswith("classify.")
        }
        metadata = {
            "format": "vidcolor",
            "architecture": "compact",
            "config": json.dumps(shipped.as_dict()),
            "saturation": str(self.config.saturation or 1.0),
            "training": json.dumps(self._history()),
        }
        path = self.out / "compact.safetensors"
        save_file(state, path, metadata=metadata)
        return path

    def _history(self) -> dict[str, Any]:
        """What made the weights: settings, and names (not places) of the data."""
        config = self.config
        values = config.as_dict() | {"reached_step": self.step, "photos": len(self.photos)}
        del values["out"]
        values["data"] = [Path(source).name for source in config.data]
        values["val"], values["pretrained"] = Path(config.val).name, Path(config.pretrained).name
        return values

    def _build(self) -> CompactNet:
        network = CompactNet(CompactConfig(decoder=self.config.decoder, bins=len(self.bins)))
        if self.config.pretrained:
            load_edge_encoder(network.encoder, Path(self.config.pretrained))
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    def _optimizer(self) -> torch.optim.Optimizer:
        encoder = list(self.network.encoder.parameters())
        inside = {id(p) for p in encoder}
        rest = [p for p in self.network.parameters() if id(p) not in inside]
        groups = [
            {"params": encoder, "top_lr": self.config.encoder_lr},
            {"params": rest, "top_lr": self.config.lr},
        ]
        return torch.optim.AdamW(groups, lr=self.config.lr, weight_decay=self.config.weight_decay)

    def _train_step(self, lightness: Tensor, truth: Tensor) -> dict[str, float]:
        config = self.config
        rate = learning_rate_factor(self.step, config)
        for group in self.optimizer.param_groups:
            group["lr"] = group["top_lr"] * rate
        self.network.train()
        truth = truth.to(self.device)
        lightness = lightness.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16"
        ):
            features = self.network.features(lightness)
            ab = self.network.head_ab(features)
            assert self.network.classify is not None
            # Every 16th position: its gradient is as good, and softmax over the bins is dear.
            logits = self.network.classify(features[..., ::4, ::4])
        regression = huber(ab, truth, config.huber_delta)
        classes = cross_entropy(logits, truth[..., ::4, ::4], self.bins)
        loss = config.huber * regression + config.classification * classes
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.average.update_parameters(self.network)
        return {
            "huber": float(regression.detach()),
            "classification": float(classes.detach()),
            "rate": rate,
        }

    def _validate(self) -> dict[str, float]:
        if not self.val_photos:
            return {}
        scores = validate(self._averaged(), self.val_photos[: self.config.validate_on], self.device)
        return {
            "val_rmse_best": scores.rmse_ratio_best,
            "val_rmse": scores.rmse_ratio,
            "val_correlation": scores.correlation,
            "val_best_saturation": scores.best_saturation,
        }

    def _averaged(self) -> CompactNet:
        module = copy.deepcopy(self.average.module)
        assert isinstance(module, CompactNet)
        return module.eval()

    def _log(self, measured: dict[str, float]) -> None:
        line: dict[str, Any] = {"step": self.step, "time": round(time.time(), 1)} | measured
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def _save(self) -> None:
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        state = torch.load(self._checkpoint, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])
        logger.info("resumed at step %d", self.step)


def learning_rate_factor(step: int, config: TrainConfig) -> float:
    """Share of the top learning rate: a short rise, a plateau, and a straight fall at the end.

    The plateau makes the length of a run free to choose while it runs: only the fall is tied to it.
    """
    rise = min(1.0, (step + 1) / max(config.warmup, 1))
    fall = (config.steps - step) / max(config.steps * config.decay, 1.0)
    return min(rise, max(0.0, min(1.0, fall)))
