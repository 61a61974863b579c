"""The stages of one film's way, each with what the stage before it made."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from vidcolor.bench.material import Material
from vidcolor.bench.report import NETWORK, SMOOTHING
from vidcolor.bench.timing import Timing, measure
from vidcolor.color import luma_to_lightness
from vidcolor.engine.coloring.batching import Batcher, default_batch_size
from vidcolor.engine.coloring.colorist import join_frame
from vidcolor.engine.coloring.finished import finished
from vidcolor.engine.coloring.geometry import resize_lightness, upright, working_size_of
from vidcolor.engine.coloring.over_time import TimePlan, plan_look_ahead, plan_over_time
from vidcolor.engine.coloring.transfer import upload
from vidcolor.engine.coloring.waiting import look_ahead_frames
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.sources import open_source
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.shots.planner import Planner
from vidcolor.media.output import open_writer
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput
from vidcolor.temporal import small_picture
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame, PlanarFormat

_NETWORK_S = 3.0
"""The network is measured for about this long."""

_TURNS = 4
"""How often the network sees each frame at most meanwhile."""


class Stages:
    """Runs each stage alone on the first frames of a film.

    Attributes:
        batch_size: frames per call of the network.
    """

    def __init__(self, material: Material, model: Colorizer, options: ColorizeOptions) -> None:
        self._material, self._model, self._options = material, model, options
        info = material.info
        self._size = working_size_of(
            model.spec.working_size, info, render_factor=options.render_factor
        )
        usual = default_batch_size(model, info.width * info.height)
        self.batch_size = min(options.batch_size or usual, len(material.frames))
        self._seen: Tensor | None = None

    @property
    def seen(self) -> Tensor:
        """What the network saw last, ``(B, 1, h, w)`` lightness.

        Raises:
            RuntimeError: ``run`` hasn't come so far.
        """
        if self._seen is None:
            raise RuntimeError("the frames aren't prepared yet")
        return self._seen

    def run(self, folder: Path) -> dict[str, Timing]:
        """Measure all of them.

        Args:
            folder: where the encoder may write.
        """
        device, stages = self._model.device, {}
        stages["decode"] = measure(self._decode, torch.device("cpu"), repeat=2)
        stages["lightness, resize"] = measure(self._prepare, device, repeat=2, warm_up=True)
        stages[NETWORK], ab = self._network()
        stages["shots, exposure"], cuts = self._shots()
        stages[SMOOTHING], smooth = self._smoothing(ab, cuts)
        stages["colour join"], stages["encode"] = self._join_and_encode(smooth, folder)
        return stages

    def _decode(self) -> int:
        count = 0
        with open_source(self._material.path, self._options) as source:
            for item in source:
                count += isinstance(item, LumaFrame)
                if count == len(self._material.frames):
                    break
        return count

    def _lightness(self, frame: LumaFrame) -> Tensor:
        codes = upload(frame.luma, self._model.device)[None, None]
        return luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)

    def _prepare(self) -> int:
        info = self._material.info
        self._seen = torch.cat(
            [
                resize_lightness(upright(self._lightness(f), info.rotation), self._size)
                for f in self._material.frames
            ]
        )
        return len(self.seen)

    def _network(self) -> tuple[Timing, Tensor]:
        """Time of whole batches, and the colours of all frames (repeated where time was short)."""
        batcher = Batcher(self._model, self.batch_size)
        first = ModelInput(self.seen[: self.batch_size])
        parts = [batcher(first).ab]
        once = measure(lambda: len(batcher(first)), self._model.device)
        self.batch_size = batcher.batch_size  # less where memory was short
        most = -(-_TURNS * len(self.seen) // self.batch_size)
        calls = max(1, min(most, round(_NETWORK_S / max(once.seconds, 1e-3))))
        best = min((self._one_batch(batcher, n, parts) for n in range(calls)), key=lambda t: t.ms)
        ab = torch.cat(parts)
        missing = -(-len(self.seen) // len(ab))
        return best, ab.repeat(missing, 1, 1, 1)[: len(self.seen)]

    def _one_batch(self, batcher: Batcher, number: int, parts: list[Tensor]) -> Timing:
        start = number * self.batch_size % (len(self.seen) - self.batch_size + 1)
        batch = ModelInput(self.seen[start : start + self.batch_size])

        def work() -> int:
            ab = batcher(batch).ab
            if len(parts) * self.batch_size < len(self._material.frames):
                parts.append(ab)
            return len(batch)

        return measure(work, self._model.device)

    def _time_plan(self) -> TimePlan:
        """A fresh one, as a film has it."""
        info = self._material.info
        look_ahead = look_ahead_frames(
            info.width, info.height, info.depth, working_pixels=self._size[0] * self._size[1]
        )
        saturation = self._model.finishing.saturation
        return plan_over_time(self._options, look_ahead, saturation=saturation)

    def _shots(self) -> tuple[Timing, list[bool]]:
        info, frames = self._material.info, self._material.frames
        cuts: list[bool] = []

        def work() -> int:
            planner = Planner(SpanRules(), look_ahead=plan_look_ahead(info))
            marks = [
                mark
                for frame in frames
                for mark in planner.push(small_picture(frame, info.rotation), frame.seconds)
            ]
            marks += planner.flush()
            cuts[:] = [mark.begins_shot for mark in marks]
            return len(frames)

        return measure(work, torch.device("cpu")), cuts

    def _smoothing(self, ab: Tensor, cuts: list[bool]) -> tuple[Timing, Tensor]:
        seen, seconds = self.seen, [f.seconds for f in self._material.frames]
        done: list[Tensor] = []

        def work() -> int:
            plan = self._time_plan()
            smoother = finished(
                plan.smoother(), self._model.finishing, grey_mounts=plan.grey_mounts
            )
            done.clear()
            for span in self._spans():
                done.append(smoother.push(seen[span], ab[span], seconds[span], cuts[span]))
            done.append(smoother.flush())
            return len(seen)

        timing = measure(work, self._model.device)
        return timing, torch.cat([part for part in done if len(part)])

    def _spans(self) -> list[slice]:
        """The batches of all frames."""
        starts = range(0, len(self._material.frames), self.batch_size)
        return [slice(start, start + self.batch_size) for start in starts]

    def _join(self, ab: Tensor, target: PlanarFormat) -> tuple[Timing, list[ColorFrame]]:
        coloured: list[ColorFrame] = []
        frames = self._material.frames

        def work() -> int:
            coloured.clear()
            started = []
            for number, frame in enumerate(frames):
                lightness = self._lightness(frame)
                one = ab[number : number + 1]
                started.append(join_frame(lightness, one, target, frame))
            coloured.extend(frame.wait() for frame in started)
            return len(frames)

        return measure(work, self._model.device, repeat=2), coloured

    def _join_and_encode(self, ab: Tensor, folder: Path) -> tuple[Timing, Timing]:
        with open_source(self._material.path, self._options) as source:
            with open_writer(folder / "plan.mkv", source, self._settings()) as writer:
                target = writer.plane_format
            join, coloured = self._join(ab, target)

            def work() -> int:
                with open_writer(folder / "encoded.mkv", source, self._settings()) as writer:
                    for frame in coloured:
                        writer.write(frame)
                    writer.commit()
                return len(coloured)

            return join, measure(work, torch.device("cpu"), repeat=2)

    def _settings(self) -> EncodeSettings:
        options = self._options
        return EncodeSettings(
            video_codec=options.video_codec, crf=options.crf, preset=options.preset,
            pix_fmt=options.pix_fmt, audio="none",
        )  # fmt: skip
