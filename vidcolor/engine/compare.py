"""``vidcolor compare``: the same pictures by several models, side by side, with names and times."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from vidcolor import __version__
from vidcolor.engine.coloring.picture import Rgb
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.image import colorize_still
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.preview import (
    as_rgb8,
    film_frames,
    grey_and_color,
    to_8bit,
    write_sheet,
)
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.output import check_absent
from vidcolor.engine.video import colorize_video
from vidcolor.errors import InputError, OptionError
from vidcolor.media.open import Input, open_input
from vidcolor.media.still.read import read_still
from vidcolor.media.write.side_by_side import CAPTION_PX, caption, write_side_by_side
from vidcolor.models.families.registry import MODELS
from vidcolor.models.loading import is_installed

MOST_MODELS: Final = 12
"""More columns than that show nothing."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a model did.

    Attributes:
        model: name, or path of its file.
        seconds: per frame: of a picture the colouring alone, of a clip the whole job but loading.
    """

    model: str
    seconds: float


def installed_models(weights_dir: Path | None = None) -> list[str]:
    """Names of all models whose weights are there."""
    return [name for name, spec in MODELS.items() if is_installed(spec, weights_dir)]


def compare(
    input: str | Path,  # noqa: A002 - the name that callers expect
    output: str | Path,
    models: Sequence[str],
    *,
    options: ColorizeOptions | None = None,
    times: Sequence[float] | None = None,
    count: int = 4,
    progress: Progress | None = None,
) -> list[Compared]:
    """Colour the same with several models, and show grey and all results beside each other.

    Args:
        input: film, scans or photo.
        output: a .png gets one row for each frame; another name a clip, without sound, of all that
            ``options.start_s`` and ``options.end_s`` leave.
        models: names, paths or mixes, as ``ColorizeOptions.model``.
        options: for all; their model is not used.
        times: as ``preview`` takes them, for a .png.
        count: likewise.
        progress: told about each model.

    Returns:
        Times, in the models' order.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError, DeviceError, WeightsError: see
            ``vidcolor.errors``.
    """
    options = options or ColorizeOptions()
    if not 1 <= len(models) <= MOST_MODELS:
        raise OptionError(f"compare takes 1 to {MOST_MODELS} models, got {len(models)}")
    check_absent(output, options)
    progress = progress or NullProgress()
    each = [replace(options, model=name) for name in models]
    with open_input(input) as opened:
        is_photo = opened.kind == "image"
        if not is_photo and Path(output).suffix.lower() == ".png":
            return _film_sheet(opened, output, each, times, count, progress)
    if is_photo:
        return _photo_sheet(input, output, each, progress)
    return _clip(input, output, each, progress)


def _photo_sheet(
    path: str | Path, output: str | Path, each: list[ColorizeOptions], progress: Progress
) -> list[Compared]:
    if Path(output).suffix.lower() != ".png":
        raise OptionError(f"{output}: photographs are compared in a PNG")
    photo = read_still(path)
    columns, done = [as_rgb8(photo)], []
    for options in each:
        model = load_for("image", options, progress, None)
        colorize_still(photo, model, options)  # the first call prepares weights
        began = time.monotonic()
        columns.append(to_8bit(colorize_still(photo, model, options), photo.depth))
        done.append(Compared(model.label, time.monotonic() - began))
        progress.message(f"{model.label}: {done[-1].seconds:.2f} s")
    _write(output, [columns], done)
    return done


def _film_sheet(
    film: Input,
    output: str | Path,
    each: list[ColorizeOptions],
    times: Sequence[float] | None,
    count: int,
    progress: Progress,
) -> list[Compared]:
    if film.is_pipe:
        raise OptionError(f"{film.label}: frames are looked for in a file, not in a pipe")
    frames = [f for _, f in film_frames(film, each[0], times, count) if f is not None]
    if not frames:
        raise InputError(f"{film.label}: has no frame there")
    rows: list[list[Rgb]] = [[] for _ in frames]
    done = []
    for options in each:
        model = load_for("video", options, progress, None)
        took = []
        with device_errors(model.device_label):
            grey_and_color(frames[0], film.info, model, options)  # prepares weights
            for row, frame in zip(rows, frames, strict=True):
                began = time.monotonic()
                grey, color = grey_and_color(frame, film.info, model, options)
                took.append(time.monotonic() - began)
                row += [color] if row else [grey, color]
        done.append(Compared(model.label, float(np.median(took))))
        progress.message(f"{model.label}: {done[-1].seconds:.2f} s per frame")
    _write(output, rows, done)
    return done


def _clip(
    path: str | Path, output: str | Path, each: list[ColorizeOptions], progress: Progress
) -> list[Compared]:
    done, films = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, options in enumerate(each):
            films.append(Path(folder) / f"{number}.mkv")
            plain = replace(
                options, resume=False, overwrite=True, audio="none", compare=False,
                video_codec="libx264", crf=8, preset="veryfast",
            )  # fmt: skip
            model = load_for("video", plain, progress, None)
            began = time.monotonic()
            found = colorize_video(path, films[-1], options=plain, model=model)
            seconds = (time.monotonic() - began) / max(found.frames, 1)
            done.append(Compared(model.label, seconds))
            progress.message(f"{model.label}: {seconds:.2f} s per frame")
            del model
        captions = [_caption(each) for each in done]
        write_side_by_side(films, captions, Path(output))
    return done


def _caption(compared: Compared) -> str:
    return f"{Path(compared.model).name}  {compared.seconds:.2f} s"


def _write(output: str | Path, rows: list[list[Rgb]], done: list[Compared]) -> None:
    """Rows of pictures below a line of captions."""
    words = ["source", *map(_caption, done)]
    widths = [picture.shape[1] for picture in rows[0]]
    scale = max(1.0, sum(widths) / 1200 / len(widths) * 2)
    head = [
        caption(text, width, round(CAPTION_PX * scale))
        for text, width in zip(words, widths, strict=True)
    ]  # noqa: E501
    lines: list[list[Rgb]] = [list(head), *rows]
    stacked: list[Rgb] = [np.hstack(line).astype(np.uint8) for line in lines]
    comment = f"vidcolor {__version__}, " + ", ".join(Path(each.model).name for each in done)
    write_sheet(output, stacked, comment, columns=len(words))
