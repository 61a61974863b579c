"""``colorize_image``: a photo in, the same photo in colour out, through the same core as video."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vidcolor.engine.coloring.batching import Batcher
from vidcolor.engine.coloring.geometry import resize_lightness, working_size
from vidcolor.engine.coloring.mounts import colored_share
from vidcolor.engine.coloring.picture import Rgb, lightness_of, picture_rgb
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.output import check_absent, credit, keep_date
from vidcolor.engine.run.staging import staged
from vidcolor.engine.steering.known import guidance_of
from vidcolor.engine.steering.still import directed, steer_still
from vidcolor.errors import Message, Option
from vidcolor.media.files.atomic import AtomicPath
from vidcolor.media.files.remote import is_url, url_of
from vidcolor.media.still.mask import read_mask, write_mask
from vidcolor.media.still.read import check_still_output, read_still, write_still
from vidcolor.models.colorizer import Colorizer, as_colorizer
from vidcolor.models.contract import ColorModel, Guidance, ModelInput
from vidcolor.types import Plane, StillImage


def colorize_image(
    input: str | Path | bytes,  # noqa: A002 - the name that callers expect
    output: str | Path,
    *,
    options: ColorizeOptions | None = None,
    progress: Progress | None = None,
    model: ColorModel | None = None,
) -> ColorizeResult:
    """Colorize a photo.

    Args:
        input: path, URL in object storage, or the bytes of an image file.
        output: path, URL in object storage, or "-" for standard output (PNG).
        options: how; what concerns time and video codecs is ignored.
        progress: told when it is done.
        model: an already loaded model, or one of your own; None loads the one that the options
            name.

    Returns:
        What was done; depth, alpha, profile and metadata of the photo are kept.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError, DeviceError, WeightsError: see
            ``vidcolor.errors``.
    """
    options = directed(options or ColorizeOptions())
    if is_url(output):
        with staged(output, options) as local:
            given = replace(options, overwrite=True)
            done = colorize_image(input, local, options=given, progress=progress, model=model)
        return replace(done, output=url_of(output))
    progress = progress or NullProgress()
    started = time.monotonic()
    check_absent(output, options)
    photo = read_still(input)
    check_still_output(output, photo)
    chosen = load_for("image", options, progress, model)
    with AtomicPath(Path(output)) if str(output) != "-" else nullcontext() as place:
        check_absent(output, options)  # another run may have finished it meanwhile
        repaired, mask = repair_still(photo, chosen, options)
        rgb = colorize_still(
            repaired, chosen, replace(options, repair="off", repair_mask=None, mask=None)
        )
        if options.compare:
            photo, rgb = _beside(photo, rgb)
        notes = write_still(output, rgb, photo, comment=credit(chosen), place=place)
        if options.mask is not None and mask is not None:
            write_mask(options.mask, mask)
    keep_date(input, output, options)
    progress.advance(1)
    return ColorizeResult(
        output=output, frames=1, seconds=time.monotonic() - started, model=chosen.label,
        device=chosen.device_label, precision=chosen.precision,
        warnings=tuple(dict.fromkeys((*photo.warnings, *notes, *_unused(options)))),
    )  # fmt: skip


def _unused(options: ColorizeOptions) -> list[str]:
    """A line where a part of a film was asked for."""
    given = [name for name in ("start_s", "end_s") if getattr(options, name) is not None]
    return [Message(Option(given[0]), " is for films; a photograph has no time")] if given else []


def colorize_still(photo: StillImage, model: ColorModel, options: ColorizeOptions) -> Rgb:
    """The colour picture of a photo already read, ``(H, W, 3)`` in the photo's depth.

    Raises:
        DeviceError: the device fails, or its memory runs out.
    """
    colorizer = as_colorizer(model)
    photo, _ = repair_still(photo, model, options)
    with device_errors(colorizer.device_label):
        return _colorized(photo, colorizer, options)


def repair_still(
    photo: StillImage, model: ColorModel, options: ColorizeOptions
) -> tuple[StillImage, npt.NDArray[np.bool_] | None]:
    """A photo repaired as the options say, and the mask of what was filled in, if they do.

    Raises:
        DeviceError: the device fails, or its memory runs out.
        InputError: the options' mask can't be read.
        OptionError: it has another size than the photo.
    """
    if options.repair not in ("auto", "photo"):
        return photo, None
    from vidcolor.repair.network import load_repairer
    from vidcolor.repair.photo import repair_photo

    colorizer = as_colorizer(model)
    given = None if options.repair_mask is None else read_mask(options.repair_mask)
    with device_errors(colorizer.device_label):
        luma, mask = repair_photo(
            photo.luma, load_repairer(str(colorizer.device)),
            strength=options.repair_strength, mask=given,
        )  # fmt: skip
    return replace(photo, luma=luma), mask


def _colorized(photo: StillImage, model: Colorizer, options: ColorizeOptions) -> Rgb:
    guidance = None
    if options.direction is not None and model.spec.takes_guidance:
        height, width = photo.luma.shape
        guidance = guidance_of(options.direction, (height, width), options.saturation)
    ab = still_ab(
        photo, model, render_factor=options.render_factor,
        grey_mounts=options.mounts == "grey", guidance=guidance,
    )  # fmt: skip
    ab = ab * options.saturation
    if options.direction is not None:
        full = lightness_of(photo.luma, model.device, depth=photo.depth, full_range=True)
        ab = steer_still(ab, full, options.direction).to(ab.device)
    return picture_rgb(photo.luma, ab, depth=photo.depth)


def still_ab(
    photo: StillImage, model: Colorizer, *, render_factor: int | None = None,
    grey_mounts: bool = True, guidance: Guidance | None = None,
) -> Tensor:  # fmt: skip
    """The model's finished ab for a photo at its working size, ``(1, 2, h, w)`` float32."""
    spec = model.spec.working_size
    height, width = photo.luma.shape
    factor = render_factor or spec.image
    size = working_size(spec, width, height, render_factor=factor)
    full = lightness_of(photo.luma, model.device, depth=photo.depth, full_range=True)
    lightness = resize_lightness(full, size, antialias=factor != spec.skipping)
    inputs = ModelInput(lightness, guidance).to(model.device)
    ab = model.finishing(Batcher(model, 1)(inputs).ab, lightness)
    if not grey_mounts:
        return ab
    return ab * colored_share(lightness, (int(ab.shape[-2]), int(ab.shape[-1])))


def _beside(photo: StillImage, rgb: Rgb) -> tuple[StillImage, Rgb]:
    grey = np.repeat(photo.luma[:, :, None], 3, axis=2)
    alpha = None if photo.alpha is None else _twice(photo.alpha)
    wide = replace(photo, luma=_twice(photo.luma), alpha=alpha)
    return wide, np.hstack((grey, rgb)).astype(rgb.dtype, copy=False)  # type: ignore[return-value]


def _twice(plane: Plane) -> Plane:
    return np.hstack((plane, plane)).astype(plane.dtype, copy=False)  # type: ignore[return-value]
