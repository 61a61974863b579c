"""``vidcolor.open``: a film as an object, with its facts, its shots and its frames."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Final, Self, cast

import numpy as np
import numpy.typing as npt
import torch

from vidcolor.engine.coloring.film import ColoredFrame, FilmColoring, Treatment
from vidcolor.engine.coloring.geometry import upright
from vidcolor.engine.coloring.picture import Rgb, picture_rgb
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, Decoder, directed
from vidcolor.engine.plan_film import plan_input
from vidcolor.engine.progress import NullProgress
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.shots.plan import Shot, SpanRules
from vidcolor.engine.video import batch_size_of, steering_of
from vidcolor.errors import InputError, OptionError
from vidcolor.library.choice import ModelChoice, split_choice
from vidcolor.media.open import Input, open_input
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.types import LumaFrame, Plane, VideoInfo

_OF_FILES: Final = ("compare",)
"""Options that say how a file looks; frames have no use for them."""


@dataclass(frozen=True, slots=True)
class GreyFrame:
    """A frame as it is read.

    Attributes:
        number: from 0, among the frames that are read; None where only one was looked for.
        seconds: presentation time from the film's start.
        duration_s: how long it is shown, 0 where that isn't known.
        grey: ``(H, W)`` full-range codes of the sRGB curve, upright, pixels as they are stored
            (see ``info.sar``); uint8 for films of 8 bits, else uint16 of 16 bits.
    """

    number: int | None
    seconds: float
    duration_s: float
    grey: Plane


@dataclass(frozen=True, slots=True)
class ColorizedFrame:
    """A frame with its colours.

    Attributes:
        number: from 0, among the frames that are read.
        seconds: presentation time from the film's start.
        duration_s: how long it is shown, 0 where that isn't known.
        rgb: ``(H, W, 3)`` R'G'B' codes, full range, upright, pixels as they are stored; uint8 for
            films of 8 bits, else uint16 of 16 bits. A film that the program writes as RGB without
            loss holds the same.
        ab: ``(h, w, 2)`` float32, Lab a and b as smoothed, upright, at the network's size; out of
            gamut in places.
    """

    number: int
    seconds: float
    duration_s: float
    rgb: Rgb
    ab: npt.NDArray[np.float32]


class Film:
    """An open film. Close it, or use ``with``. Iterating gives its frames, grey.

    It may be read any number of times, also at once; one from a pipe only once.

    Attributes:
        path: as it was given.
    """

    def __init__(self, input: Input, settings: ReadSettings) -> None:  # noqa: A002
        """See ``vidcolor.open``."""
        self.path = input.path
        self._input, self._settings = input, settings
        self._shots: tuple[Shot, ...] | None = None
        self._knows_frame = False

    @property
    def info(self) -> VideoInfo:
        """Size, frame rate, rotation, streams, tags and so on, as the first frame has them.

        Of a pipe, what its header says, until a frame is read.

        Raises:
            InputError: it holds no film that can be read.
        """
        if not self._knows_frame and not self._input.is_pipe:
            self._input.read(self._settings).close()
            self._knows_frame = True
        return self._input.info

    def shots(self) -> tuple[Shot, ...]:
        """The film's shots: frames, times from the film's start, how each begins, its key frame.

        The first call reads the film once; no network runs.

        Raises:
            InputError: it can't be read.
        """
        if self._shots is None:
            with self._input.read(self._settings) as source:
                late = source.info.start_s - float(source.time_offset_s)
            plan = plan_input(self._input, self._settings)
            self._shots = tuple(
                replace(shot, start_s=shot.start_s - late, end_s=shot.end_s - late)
                for shot in plan.shots
            )
        return self._shots

    def frame_at(self, seconds: float) -> GreyFrame | None:
        """The frame that is on the screen at a time, None behind the film's end.

        Args:
            seconds: from the film's start; before the first frame, that one is meant.

        Raises:
            InputError: it can't be read.
        """
        frame = self._input.frame_at(seconds, self._settings)
        if frame is None:
            return None
        return _grey_frame(None, frame, self.info)

    def __iter__(self) -> Iterator[GreyFrame]:
        """Read all frames.

        Raises:
            InputError: the film can't be read.
        """
        with self._input.read(self._settings) as source:
            frames = (item for item in source if isinstance(item, LumaFrame))
            for number, frame in enumerate(frames):
                yield _grey_frame(number, frame, source.info, source.time_offset_s)

    def colorize(
        self, model: ModelChoice = None, *, options: ColorizeOptions | None = None
    ) -> Iterator[ColorizedFrame]:
        """Colorize the frames, in order, as the program does: smoothed over time, shot by shot.

        Args:
            model: a name, the path of a weights file, or a loaded model; None takes the one that
                the options name.
            options: how; what concerns files and codecs is ignored. How the film is read was said
                to ``vidcolor.open``.

        Yields:
            All frames. Their colours depend on later frames, so some seconds of the film are read
            before the first comes.

        Raises:
            OptionError: the options say how to read it, too, or ask for what frames can't show.
            InputError, DeviceError, WeightsError: see ``vidcolor.errors``.
        """
        loaded, options = split_choice(model, options)
        options = directed(options)
        _check(options)
        chosen = load_for("video", options, NullProgress(), loaded)
        with device_errors(chosen.device_label), self._input.read(self._settings) as source:
            rules = SpanRules()
            plan, steer = steering_of(self._input, self._settings, options, chosen, None, rules)
            treatment = Treatment(
                chosen, options, batch_size_of(source, options, chosen), rules,
                shots=plan.shots if plan else None, steer=steer,
            )  # fmt: skip
            with closing(_colored(source, treatment)) as frames:
                for colored in frames:
                    yield _colorized_frame(colored, source)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._input.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close."""
        self.close()


def open(  # noqa: A001 - vidcolor.open, as wave.open and tarfile.open are named
    path: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    deinterlace: bool = False,
    decoder: Decoder = "pyav",
    fps: Fraction | float | None = None,
) -> Film:
    """Open a film.

    Args:
        path: a film, an animation, numbered images ("scan_%06d.tif"), or "-" for standard input.
        start_s: seconds from the film's start at which reading begins; None is the start.
        end_s: likewise where it ends.
        deinterlace: make whole frames of fields.
        decoder: "pyav", or "ffmpeg" for the program of that name.
        fps: frames per second of numbered images; None is what their headers say, else 24.

    Raises:
        InputError: there is no such file, or it can't be read.
        OptionError: a value is out of its range.
    """
    settings = read_settings(
        ColorizeOptions(
            start_s=start_s, end_s=end_s, deinterlace=deinterlace, decoder=decoder,
            fps=fps,  # type: ignore[arg-type]  # it takes any number, and keeps a fraction
        ),
        copy_streams=False,
    )  # fmt: skip
    return Film(open_input(path), settings)


def _check(options: ColorizeOptions) -> None:
    """Refuse options that mean nothing for frames, or were given to ``open``."""
    usual = ColorizeOptions()
    of_reading = {field.name for field in fields(ReadSettings)} & {f.name for f in fields(usual)}
    for name in sorted(of_reading):
        if getattr(options, name) != getattr(usual, name):
            raise OptionError("has to be given to vidcolor.open", option=name)
    for name in _OF_FILES:
        if getattr(options, name):
            raise OptionError("is for files: frames have no room beside them", option=name)


def _colored(source: FrameSource, treatment: Treatment) -> Generator[ColoredFrame, None, None]:
    """All frames of a source with their colours.

    Raises:
        InputError: there is none.
    """
    coloring = FilmColoring(source.info, treatment)
    items = iter(source)
    while batch := list(islice(items, treatment.batch_size)):
        yield from (item for item in coloring.push(batch) if isinstance(item, ColoredFrame))
    yield from (item for item in coloring.flush() if isinstance(item, ColoredFrame))
    if not coloring.read:
        raise InputError(f"{source.info.path}: no frame of this video could be decoded")


def _colorized_frame(colored: ColoredFrame, source: FrameSource) -> ColorizedFrame:
    if colored.ab is None:
        raise RuntimeError("a frame without colours, though the film is coloured from its start")
    frame, info = colored.frame, source.info
    rgb = picture_rgb(
        frame.luma, colored.ab,
        depth=frame.depth, full_range=frame.full_range, exposure=frame.exposure,
    )  # fmt: skip
    ab = upright(colored.ab, info.rotation)[0].permute(1, 2, 0).cpu().numpy()
    return ColorizedFrame(
        colored.number, *_times(frame, info, source.time_offset_s),
        _as_shown(rgb, info), np.ascontiguousarray(ab[:, ::-1] if info.is_mirrored else ab),
    )  # fmt: skip


def _grey_frame(
    number: int | None, frame: LumaFrame, info: VideoInfo, offset_s: Fraction = Fraction(0)
) -> GreyFrame:
    none = torch.zeros(1, 2, 1, 1)
    rgb = picture_rgb(frame.luma, none, depth=frame.depth, full_range=frame.full_range)
    grey = np.ascontiguousarray(_as_shown(rgb, info)[:, :, 0])
    return GreyFrame(number, *_times(frame, info, offset_s), cast(Plane, grey))


def _times(frame: LumaFrame, info: VideoInfo, offset_s: Fraction) -> tuple[float, float]:
    """Presentation time from the film's start, and duration, in seconds."""
    seconds = float(frame.pts * frame.time_base + offset_s) - info.start_s
    return seconds, float(frame.duration * frame.time_base)


def _as_shown(rgb: Rgb, info: VideoInfo) -> Rgb:
    turned = np.rot90(rgb, -(info.rotation // 90) % 4)
    return cast(Rgb, np.ascontiguousarray(turned[:, ::-1] if info.is_mirrored else turned))
