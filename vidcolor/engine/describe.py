"""What is in a file, and what a run would make of it: the facts that ``vidcolor info`` shows."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vidcolor.engine.estimate import film_seconds, photo_seconds
from vidcolor.engine.model_choice import chosen_model
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.part_models import check_part_models, part_models
from vidcolor.engine.run.default_output import default_output
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.steering.still import directed
from vidcolor.errors import InputError, VidcolorError
from vidcolor.media.kinds import Kind, lone_scan
from vidcolor.media.open import Input, open_input
from vidcolor.media.still.read import read_still
from vidcolor.models.loading import spec_of
from vidcolor.models.running.device import DTYPES, common_precision, resolve_devices
from vidcolor.models.spec import Kind as ModelKind
from vidcolor.types import VideoInfo

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """Facts about a photograph.

    Attributes:
        format: of the file, such as "JPEG".
        width: in pixels.
        height: in pixels.
        depth: bits per sample, 8 or 16.
        has_alpha: whether it has transparency.
        has_color: whether it has colours, which are replaced.
    """

    format: str
    width: int
    height: int
    depth: int
    has_alpha: bool
    has_color: bool


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run with the same options would do.

    Attributes:
        kind: whether the file is coloured as a film or as a photograph.
        output: the default name of the result.
        model: name or path.
        devices: where it would run; empty where it can't.
        precision: "fp32", "bf16" or "fp16"; "" where it can't run.
        problem: why it can't, "" where it can.
        seconds: how long it would take, where a quality was asked for and it can be told.
        part_models: models that the direction names for parts of a film.
    """

    kind: ModelKind
    output: Path
    model: str
    devices: tuple[str, ...]
    precision: str
    problem: str = ""
    seconds: float | None = None
    part_models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What a file holds.

    Attributes:
        path: the file.
        kind: what it is.
        plan: what would be done with it.
        warnings: what can't be kept, one line each.
        photo: facts about a photograph, None for a film.
        video: facts about a film, None for a photograph.
        main_stream: index of the film's picture among ``video.streams``, None where it has none.
    """

    path: str
    kind: Kind
    plan: RunPlan
    warnings: tuple[str, ...] = ()
    photo: PhotoInfo | None = None
    video: VideoInfo | None = None
    main_stream: int | None = None


def describe(path: str | Path, options: ColorizeOptions | None = None) -> Description:
    """Tell what a file holds and what a run would do with it.

    With ``options.quality`` a piece of it is coloured, too, to tell how long the whole will take.

    Raises:
        InputError: if it can't be read at all.
        OptionError: ``options.fps`` for a film that has a rate.
    """
    options = options or ColorizeOptions()
    found = _describe(path, options)
    if options.quality is None or found.plan.problem:
        return found
    # Nothing is downloaded for an estimate.
    return replace(found, plan=replace(found.plan, seconds=_seconds(path, found, options)))


def _seconds(path: str | Path, found: Description, options: ColorizeOptions) -> float | None:
    here = replace(options, offline=True)
    try:
        if found.video is None:
            return photo_seconds(path, here)
        return None if str(path) == "-" else film_seconds(path, found.video, here)
    except VidcolorError as error:
        logger.info("no estimate: %s", error.message)
        return None


def _describe(path: str | Path, options: ColorizeOptions) -> Description:
    with open_input(path) as opened:
        kind = opened.kind
        if kind == "image":
            return _describe_photo(path, kind, options)
        if kind == "audio":
            raise InputError(f"{path}: holds sound but no picture: there is nothing to colorize")
        if kind == "scan":
            raise lone_scan(path)
        return _describe_film(opened, kind, options)


def _describe_film(opened: Input, kind: Kind, options: ColorizeOptions) -> Description:
    with opened.read(read_settings(options)) as source:
        if kind == "unknown" and options.decoder == "pyav":
            raise InputError(f"{opened.path}: is neither a film nor a photo that can be read")
        as_kind: Literal["sequence", "video"] = "sequence" if kind == "sequence" else "video"
        output = default_output(Path(opened.path), as_kind, opened=opened)
        main = source.video_stream
        return Description(
            path=source.info.path,
            kind=kind,
            plan=_plan("video", output, options),
            warnings=tuple(source.status.warnings),
            video=source.info,
            main_stream=None if main is None else main.index,
        )


def _describe_photo(path: str | Path, kind: Kind, options: ColorizeOptions) -> Description:
    photo = read_still(path)
    height, width = photo.luma.shape
    facts = PhotoInfo(
        photo.format, width, height, photo.depth, photo.alpha is not None, photo.has_color
    )
    plan = _plan("image", default_output(Path(path), "image"), options)
    return Description(str(path), kind, plan, tuple(photo.warnings), photo=facts)


def _plan(kind: ModelKind, output: Path, options: ColorizeOptions) -> RunPlan:
    options = directed(options)
    name, others = chosen_model(kind, options), tuple[str, ...]()
    try:
        if kind == "video":
            check_part_models(options)
            others = part_models(options, name)
        devices = resolve_devices(options.device)
        dtype = common_precision(options.precision, devices, spec_of(name).precisions)
    except VidcolorError as error:
        return RunPlan(kind, output, name, (), "", error.message)
    precision = next(name for name, known in DTYPES.items() if known == dtype)
    return RunPlan(
        kind, output, name, tuple(map(str, devices)), precision, part_models=others
    )  # fmt: skip
