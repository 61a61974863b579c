"""``run_bench``: every model at every size, each stage alone and all together."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from vidcolor.bench.machine import describe_machine
from vidcolor.bench.material import Material, Size, make_material
from vidcolor.bench.matrix import count_operations, matrix_rate, rates
from vidcolor.bench.memory import device_peak_mb, host_peak_mb, reset_peaks
from vidcolor.bench.report import NETWORK, CaseResult
from vidcolor.bench.stages import Stages
from vidcolor.bench.timing import Timing, measure
from vidcolor.engine.model_choice import compiled_if_asked
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.errors import WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.registry import MODELS, auto_order, find_spec
from vidcolor.models.loading import load_model
from vidcolor.models.random_weights import random_model
from vidcolor.models.running.device import resolve_devices

logger = logging.getLogger(__name__)

DEFAULT_MODEL = auto_order("video")[-1].name
"""The last choice for films: the one that runs anywhere."""

_WHOLE_S = 20.0
"""The whole pipeline gets as many frames as the stages let expect in about this time."""


@dataclass(frozen=True)
class BenchPlan:
    """What is to be measured.

    Attributes:
        models: names or paths.
        sizes: (width, height) of the film; None is the clip's own size, or the default.
        clip: the user's film; None for a made-up one.
        frames: at most so many frames of each film.
        options: how to colorize; ``model`` in it is ignored.
    """

    models: Sequence[str]
    sizes: Sequence[Size | None]
    clip: Path | None
    frames: int
    options: ColorizeOptions


def machine_of(options: ColorizeOptions) -> dict[str, str | int]:
    """What the options' device and this machine are.

    Raises:
        DeviceError: there is no such device.
    """
    return describe_machine(resolve_devices(options.device)[0])


def run_bench(plan: BenchPlan, check: Callable[[], None] = lambda: None) -> Iterator[CaseResult]:
    """Measure case by case.

    Args:
        plan: what.
        check: called between pieces of work; may raise to stop.

    Yields:
        A result for each model and size, models outermost.

    Raises:
        VidcolorError: a model can't be had, or the clip can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="vidcolor-bench-") as name:
        folder = Path(name)
        films = [make_material(plan.clip, size, plan.frames, folder) for size in plan.sizes]
        for model_name in plan.models:
            check()
            model, is_random = _load(model_name, plan.options)
            for film in films:
                check()
                yield _Case(film, model, is_random, plan.options, folder).run(check)
            del model


def _load(name: str, options: ColorizeOptions) -> tuple[Colorizer, bool]:
    """The model, with random weights where its own would have to be downloaded first."""
    try:
        model = load_model(
            name, options.device, options.precision, weights_dir=options.weights_dir, offline=True
        )
    except WeightsError as error:
        if name not in MODELS:
            raise
        logger.debug("%s", error)
        made_up = random_model(find_spec(name), device=options.device, precision=options.precision)
        return compiled_if_asked(made_up, options), True
    return compiled_if_asked(model, options), False


class _Case:
    """One model on one film."""

    def __init__(
        self, film: Material, model: Colorizer, is_random: bool, options: ColorizeOptions,
        folder: Path,
    ) -> None:  # fmt: skip
        self._film, self._model, self._is_random = film, model, is_random
        self._options, self._folder = options, folder

    def run(self, check: Callable[[], None]) -> CaseResult:
        stages = Stages(self._film, self._model, self._options)
        timings = stages.run(self._folder)
        check()
        work = self._count(stages.seen, stages.batch_size)
        wall_rate, cpu_rate = matrix_rate(self._model.device, self._model.dtype)
        wall, cpu = rates(work or 0.0, timings[NETWORK])
        on_cpu = self._model.device.type == "cpu"
        check()
        whole, host_mb, device_mb = self._whole(sum(t.ms for t in timings.values()))
        return CaseResult(
            model=self._model.label, random_weights=self._is_random,
            material=self._film.label, size=self._film.size,
            working_size=(int(stages.seen.shape[-1]), int(stages.seen.shape[-2])),
            precision=self._model.precision, batch_size=stages.batch_size,
            smoothing=self._options.stabilize if self._options.smoothing_s > 0 else "off",
            stages=timings, whole=whole,
            gflop_per_frame=None if work is None else work / 1e9,
            matrix_gflops=wall_rate / 1e9,
            matrix_share=None if work is None else wall / wall_rate,
            matrix_share_cpu=cpu / cpu_rate if work is not None and on_cpu else None,
            host_peak_mb=host_mb, device_peak_mb=device_mb,
        )  # fmt: skip

    def _count(self, seen: Tensor, batch_size: int) -> float | None:
        return count_operations(self._model, seen[:batch_size])

    def _whole(self, expected_ms: float) -> tuple[Timing, float | None, float | None]:
        """Everything as ``vidcolor`` does it, and the peaks of memory meanwhile."""
        few = max(2, min(len(self._film.frames), round(1000.0 * _WHOLE_S / max(expected_ms, 1e-3))))
        end_s = self._film.end_s
        if few < len(self._film.frames):
            end_s = self._film.frames[few].seconds - self._film.info.start_s
        options = replace(self._options, start_s=None, end_s=end_s, overwrite=True, audio="none")
        reset_peaks(self._model.device)

        def work() -> int:
            target = self._folder / "whole.mkv"
            return colorize_video(
                self._film.path, target, options=options, model=self._model
            ).frames

        timing = measure(work, self._model.device)
        return timing, host_peak_mb(), device_peak_mb(self._model.device)
