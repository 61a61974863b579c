"""Models against a colour film: colorized by ``colorize_video``, compared frame by frame.

The film is made grey as the engine does it: only its luma is read. Results go through a lossless
temporary file at 10 bits, so that what is measured is the engine's result and not an encoder's.
"""

from __future__ import annotations

import logging
import math
import tempfile
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.color.spaces import to_bt709
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.sources import open_source
from vidcolor.engine.video import colorize_video
from vidcolor.errors import InputError
from vidcolor.evaluation.baselines import CONSTANT, GREY, TRUTH, MeanColour, distinct, painted
from vidcolor.evaluation.measures.perceptual import Backbones
from vidcolor.evaluation.measures.scores import Meter, Scores, Truth
from vidcolor.evaluation.measures.stability import (
    CdcMeter,
    FlowFunction,
    FlowHistory,
    FlowPair,
    Mean,
    warp_error,
)
from vidcolor.evaluation.photos import Contender
from vidcolor.evaluation.report.gallery import FlickerStrip, Gallery, Row, row, strips_row
from vidcolor.media.read.color_frames import rgb_frames
from vidcolor.types import LumaFrame

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

DRIFT_LAG: int = 20
"""Frames between which drift is measured."""

MAX_STABILITY_PIXELS: int = 1 << 20
"""Larger frames are reduced by a whole factor for flow and warp errors, to bound memory."""

_SHOWN_FRAMES = 4


@dataclass(frozen=True, slots=True)
class FilmReport:
    """What came of one film.

    Attributes:
        path: the film.
        frames: how many were compared.
        rows: the truth's own values, grey, the best constant ab, the contenders.
        shown: some frames of all versions, side by side.
        strips: flicker strips of all versions.
    """

    path: Path
    frames: int
    rows: list[Scores]
    shown: list[Row]
    strips: Row


class FilmMeter:
    """Collects the figures of one version of a film: pictures and stability."""

    def __init__(
        self, name: str, backbones: Backbones | None, lags: Sequence[int], *,
        exact_ab: tuple[float, float] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self._exact_ab = exact_ab
        self.strip = FlickerStrip(name)
        self._pictures = Meter(name, backbones, is_truth=name == TRUTH)
        self._cdc, self._warp = CdcMeter(), Mean()
        self._chroma = {lag: Mean() for lag in lags}
        self._last_rgb: Tensor | None = None
        self._past_ab: deque[Tensor] = deque(maxlen=max(lags))

    def add(self, rgb: Tensor, truth: Truth, pairs: dict[int, FlowPair], *, turns: int = 0) -> None:
        """Take the next frame.

        Args:
            rgb: ``(3, H, W)`` float32 code values in [0, 255].
            truth: of the same frame.
            pairs: flow from earlier frames of the source, by lag.
            turns: quarter turns clockwise for display.
        """
        lab = self._pictures.add(rgb, truth, exact_ab=self._exact_ab)
        self._cdc.add(rgb)
        self.strip.add(rgb, turns=turns)
        small, ab = reduced(rgb / 255.0), reduced(lab[1:])
        if 1 in pairs and self._last_rgb is not None:
            self._warp.add(warp_error(self._last_rgb, small, pairs[1]))
        for lag, pair in pairs.items():
            self._chroma[lag].add(warp_error(self._past_ab[-lag].float(), ab, pair))
        self._last_rgb = small
        # Half precision errs by 0.03 at most, and squared that is nothing.
        self._past_ab.append(ab.half())

    def scores(self) -> Scores:
        """The figures so far."""
        return self._pictures.scores(
            cdc=self._cdc.value,
            warp_error=self._warp.value,
            chroma_warp_error=self._chroma[1].value,
            drift=self._chroma[DRIFT_LAG].value,
        )


def evaluate_film(
    path: Path,
    contenders: Sequence[Contender],
    *,
    flow_of: FlowFunction,
    against: Sequence[Path] = (),
    options: ColorizeOptions | None = None,
    limit: int | None = None,
    backbones: Backbones | None = None,
    progress: Progress | None = None,
) -> FilmReport:
    """Compare a film's colours with what models make of its grey, or with films already made.

    Args:
        path: the film in its true colours.
        contenders: models to run.
        flow_of: finds flow on the source's lightness.
        against: results already made, frame by frame the same film.
        options: as for the real run; ``smoothing`` and the like count.
        limit: frames to compare, from the beginning; None compares all.
        backbones: for LPIPS and FID.
        progress: started for each step; not closed at the end.

    Raises:
        InputError: a film can't be read, or a result has another size or number of frames.
    """
    options, progress = options or ColorizeOptions(), progress or NullProgress()
    mean, end_s = _first_pass(path, limit, progress)
    with tempfile.TemporaryDirectory(prefix="vidcolor-eval-") as folder:
        made = [
            _colorized(path, Path(folder) / f"{at}.mkv", each, options, end_s, progress)
            for at, each in enumerate(contenders)
        ]
        names = distinct([*(c.name for c in contenders), *(result.name for result in against)])
        versions = [*zip(names, (*made, *against), strict=True)]
        comparison = _Comparison(
            path, versions, mean, flow_of, backbones, limited=limit is not None
        )
        progress.start(mean.pictures, "frames", f"measuring {path.name}")
        return comparison.run(options, progress)


def reduced(planes: Tensor) -> Tensor:
    """``(C, H, W)`` by a whole factor so that it has no more than ``MAX_STABILITY_PIXELS``."""
    factor = math.ceil(math.sqrt(planes[0].numel() / MAX_STABILITY_PIXELS))
    return planes if factor <= 1 else F.avg_pool2d(planes[None], factor)[0]


class _Comparison:
    """One walk through all versions of a film side by side."""

    def __init__(
        self, path: Path, versions: list[tuple[str, Path]], mean: MeanColour,
        flow_of: FlowFunction, backbones: Backbones | None, *, limited: bool,
    ) -> None:  # fmt: skip
        self._path, self._versions, self._mean = path, versions, mean
        self._backbones, self._limited = backbones, limited
        lags = (1, DRIFT_LAG)
        self._history = FlowHistory(flow_of, lags)
        names = (TRUTH, GREY, CONSTANT, *(name for name, _ in versions))
        exact = {GREY: (0.0, 0.0), CONSTANT: mean.ab}
        self._meters = [
            FilmMeter(name, backbones, lags, exact_ab=exact.get(name)) for name in names
        ]
        self._gallery = Gallery(_SHOWN_FRAMES)

    @torch.inference_mode()
    def run(self, options: ColorizeOptions, progress: Progress) -> FilmReport:
        count = self._mean.pictures
        with ExitStack() as stack:
            source = stack.enter_context(open_source(self._path, options))
            turns = source.info.rotation // 90
            luma = _lightness(source)
            readers = [(self._path.name, bt709_frames(self._path))]
            readers += [(str(path), bt709_frames(path)) for _, path in self._versions]
            for _, reader in readers:
                stack.enter_context(closing(reader))
            for at in range(count):
                lightness = _next(self._path.name, luma, at, count)
                frames = [_next(name, reader, at, count)[1] for name, reader in readers]
                self._step(at, lightness, frames, turns)
                progress.advance(1)
            if not self._limited:
                _check_ended(readers, count)
        rows = [meter.scores() for meter in self._meters]
        strips = strips_row(self._path.name, [m.strip for m in self._meters if m.name != CONSTANT])
        return FilmReport(self._path, count, rows, self._gallery.rows, strips)

    def _step(self, at: int, lightness: Tensor, frames: list[Tensor], turns: int) -> None:
        truth = Truth(frames[0], self._backbones)
        for (name, _), frame in zip(self._versions, frames[1:], strict=True):
            if frame.shape != truth.rgb.shape:
                sizes = " and ".join(f"{f.shape[2]}x{f.shape[1]}" for f in (frame, truth.rgb))
                raise InputError(
                    f"{name}: frames of {self._path.name} are of another size: {sizes}"
                )
        pairs = self._history.push(reduced(lightness))
        baselines = [painted(lightness[0], ab) for ab in ((0.0, 0.0), self._mean.ab)]
        for meter, rgb in zip(self._meters, [frames[0], *baselines, *frames[1:]], strict=True):
            meter.add(rgb, truth, pairs, turns=turns)
        names = [name for name, _ in self._versions]
        shown = [(GREY, baselines[0]), *zip(names, frames[1:], strict=True), (TRUTH, truth.rgb)]
        self._gallery.offer(lambda: row(f"frame {at + 1}", shown, turns=turns))


def bt709_frames(path: Path) -> Generator[tuple[float, Tensor], None, None]:
    """A film's frames as R'G'B' of BT.709, whatever primaries it is tagged with.

    Yields:
        Seconds from the file's start, and ``(3, H, W)`` float32 code values in [0, 255].

    Raises:
        InputError: see ``rgb_frames``.
    """
    with closing(rgb_frames(path)) as frames:
        for seconds, frame, primaries in frames:
            yield seconds, to_bt709(torch.from_numpy(frame), primaries, white=255.0)


def _first_pass(
    path: Path, limit: int | None, progress: Progress
) -> tuple[MeanColour, float | None]:
    """The mean colour, and where to end so that ``limit`` frames are coloured."""
    mean, stamps = MeanColour(), [math.nan]
    progress.start(limit, "frames", f"reading {path.name}")
    with closing(bt709_frames(path)) as frames:
        for at, (seconds, frame) in enumerate(frames):
            if at == limit:
                end = (stamps[-1] + seconds) / 2.0
                return mean, end if math.isfinite(end) and end > 0.0 else None
            mean.add(frame)
            stamps[-1] = seconds
            progress.advance(1)
    if not mean.pictures:
        raise InputError(f"{path}: no frame of this video could be decoded")
    return mean, None


def _colorized(
    path: Path, output: Path, contender: Contender, options: ColorizeOptions,
    end_s: float | None, progress: Progress,
) -> Path:  # fmt: skip
    lossless = replace(
        options, video_codec="ffv1", pix_fmt="yuv444p10le", audio="none", end_s=end_s,
        compare=False, crf=None, preset=None, strict=False, overwrite=False,
    )  # fmt: skip
    result = colorize_video(
        path, output, options=lossless, progress=progress, model=contender.model
    )
    for warning in result.warnings:
        logger.debug("%s: %s", path, warning)
    return output


def _lightness(source: object) -> Iterator[Tensor]:
    """L*/100 ``(1, H, W)`` of the film's luma: what models are given."""
    assert hasattr(source, "__iter__")
    for frame in source:
        if isinstance(frame, LumaFrame):
            codes = torch.from_numpy(frame.luma)[None]
            yield luma_to_lightness(codes, depth=frame.depth, full_range=frame.full_range)


def _next(name: str, frames: Iterator[_T], at: int, count: int) -> _T:
    for frame in islice(frames, 1):
        return frame
    raise InputError(f"{name}: has {at} frames, but {count} are to be compared")


def _check_ended(readers: Sequence[tuple[str, Iterator[object]]], count: int) -> None:
    for name, reader in readers[1:]:
        if next(reader, None) is not None:
            raise InputError(f"{name}: goes on after the {count} frames that it is compared with")
