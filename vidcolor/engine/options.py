"""The options of a colorization and what comes out of it: plain, frozen, checked when made.

Imports nothing heavy, so that the command line can refuse bad options before torch is loaded.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from vidcolor.errors import Option, OptionError

if TYPE_CHECKING:
    from vidcolor.direction.model import Direction
    from vidcolor.engine.shots.plan import ShotPlan

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""Number format of the network; colour arithmetic is always float32."""
Audio = Literal["copy", "none"]
"""What becomes of the source's audio streams."""
Decoder = Literal["pyav", "ffmpeg"]
"""Which FFmpeg reads the input: PyAV's own libraries, or the system's program."""
Mounts = Literal["grey", "color"]
"""What surrounds a picture, such as paper or a film's matte: grey, or coloured as the rest is."""
Stabilize = Literal["motion", "ema", "off"]
"""How colours are smoothed over time: along the motion, in place, or not at all."""
Repair = Literal["off", "auto", "photo", "film"]
"""What is repaired before it is coloured: nothing, everything, photographs only, films only."""

Quality = Literal["draft", "good", "best"]
"""One word for model, key frames and the encoder's effort: docs/models.md."""

MIN_RENDER_FACTOR: int = 2
"""32 pixels: below this the networks have no room left at their coarsest stage."""
MAX_RENDER_FACTOR: int = 128
"""2048 pixels: beyond any use, and a guard against typing a pixel size by mistake."""
MAX_EVERY: int = 48
"""Two seconds of film: colours carried further than that by motion are no use."""
DEFAULT_SMOOTHING_S: dict[str, float] = {"motion": 2.0, "ema": 0.2}
"""Time constants by ``stabilize``; docs/stability.md has the figures."""
MAX_ENCODER_THREADS: int = 128
"""What x264 takes."""
MAX_SATURATION: float = 10.0
"""Far beyond the gamut; larger values are typing errors (a percentage, say)."""

_MODELS: dict[str | None, str] = {"draft": "compact", "best": "best"}
"""What the model "auto" means by quality, where it isn't auto."""

_DEVICE = re.compile(r"auto|((cpu|mps|cuda(:\d+)?)(,|$))+(?<!,)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class ColorizeOptions:
    """How to colorize; every default is the one that the command line uses.

    Attributes:
        quality: what the options below mean that are left at "auto" or None: "draft" is quick
            (compact, every "auto", a quick encoder preset), "good" is what None is, "best" takes
            its time (the model "best", a slow encoder preset).
        model: name of a known model, path of a checkpoint, a mix of such
            ("deoldify-video+ddcolor:0.4"), "best" (the best model or mix that is installed), or
            "auto": DeOldify if its weights are installed (video for films, artistic for photos),
            else "large", or "compact" for films on a CPU.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps"; auto takes the best one there is. Several
            GPUs share the network's work: "cuda:0,cuda:1".
        precision: "auto", "fp32", "bf16" or "fp16"; auto is the fastest that is safe for the model
            on the device.
        batch_size: frames per network call, at least 1; None chooses by device and frame size.
        render_factor: working size of the network in units of 16 pixels, 2 to 128; None takes the
            model's own (DeOldify: 21 for video, 35 for photos).
        compile: run the network through torch.compile, which takes minutes at first; where that
            fails it runs as it is.
        stabilize: how colours are smoothed over time: "motion" follows what moves, forward and
            backward; "ema" is exponential smoothing in place; "off" leaves every frame on its own.
        smoothing: time constant in seconds of the smoothing; 0 is exactly per-frame whatever
            ``stabilize`` is; None takes the default of the kind, see ``smoothing_s``.
        every: the network runs on every N-th frame of a shot only, 1 to 48, and motion carries the
            colours to those between; "auto" chooses the distance by how far motion can be trusted;
            None is 1, for a draft "auto".
        deflicker: make the lightness of the output even over time; else it stays the source's.
        mounts: "grey" keeps the paper mount of a photograph, and the matte of a film, without
            colour; "color" colours them like the picture.
        repair: "auto" takes dust, scratches, cracks and tears out of lightness before it is
            coloured, "photo" of photographs only, "film" of films only.
        repair_strength: 0 to 1: how readily something counts as damage.
        repair_mask: picture of a photo's size, white where the photo is damaged; None finds it.
        mask: file for the mask of what repair filled in: PNG for a photo, FFV1 in Matroska for a
            film, which then can't be gone on with. It is replaced if it exists.
        steady: take small shifts and turns of the whole frame out of a film.
        saturation: factor on Lab a and b, 0 (grey) to 10; 1 leaves the model's colours alone.
        direction: colours that are known, and settings of shots (``vidcolor.direction.model``);
            None for none.
        shots: a list of shots, JSON or CSV as ``vidcolor shots`` writes it, in place of detection.
        keep_shots: keep the encoded shots of a film beside it when it is whole, so that some can
            be done again; each shot is then encoded for itself.
        only_shots: numbers of shots, from 1: these are done again and joined into the output of a
            run with ``keep_shots``, which is replaced; None does the whole film.
        start_s: where to begin, in seconds from the file's start; None is the beginning.
        end_s: where to end, in seconds from the file's start; None is the end.
        video_codec: FFmpeg encoder name; None chooses by container ("libx264", "libvpx-vp9");
            "auto" a graphics card's encoder if there is one.
        crf: constant rate factor, the encoder's scale; None is the encoder's default of ours.
        preset: encoder preset; None is the encoder's default of ours, for a draft a quick one, for
            the best quality a slow one.
        pix_fmt: FFmpeg pixel format to encode; None chooses by codec and source depth.
        encoder_threads: threads of the encoder; None lets it decide by the cores. Encoders write
            other bytes with another number of threads.
        audio: "copy" keeps all audio packets as they are; "none" drops the audio.
        deinterlace: make whole frames of fields (bwdif, one frame per frame); False leaves them.
        decoder: "pyav", or "ffmpeg" for files that only a system ffmpeg can open.
        strict: raise ``StreamLossError`` where the output can't hold a stream of the source, or
            numbered images what a film has beside its pictures.
        compare: write grey and result side by side instead of the result alone.
        fps: frame rate of numbered images, frames per second, None for 24; with any other film
            ``OptionError`` is raised.
        resume: keep finished spans of a film beside the output until it is whole, and go on from
            them if a run with the same input and options was cut off.
        overwrite: replace the output if it exists; else ``OutputExistsError`` is raised.
        keep_date: give the output the input file's date of modification; numbered images get none.
        weights_dir: look for, and put, downloaded weights here; None is the usual places.
        offline: never download.

    Raises:
        OptionError: when a value is out of its range, or two contradict each other.
    """

    quality: Quality | None = None
    model: str = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None
    render_factor: int | None = None
    compile: bool = False
    stabilize: Stabilize = "motion"
    smoothing: float | None = None
    every: int | Literal["auto"] | None = None
    deflicker: bool = False
    mounts: Mounts = "grey"
    repair: Repair = "off"
    repair_strength: float = 0.5
    repair_mask: Path | None = None
    mask: Path | None = None
    steady: bool = False
    saturation: float = 1.0
    direction: Direction | None = None
    shots: Path | None = None
    keep_shots: bool = False
    only_shots: tuple[int, ...] | None = None
    start_s: float | None = None
    end_s: float | None = None
    video_codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    encoder_threads: int | None = None
    audio: Audio = "copy"
    deinterlace: bool = False
    decoder: Decoder = "pyav"
    strict: bool = False
    compare: bool = False
    fps: Fraction | None = None
    resume: bool = True
    overwrite: bool = False
    keep_date: bool = False
    weights_dir: Path | None = None
    offline: bool = False

    def __post_init__(self) -> None:
        """Bring numbers and paths into their types, then check everything."""
        if self.fps is not None:
            object.__setattr__(self, "fps", _as_fraction("fps", self.fps))
        for name in ("weights_dir", "shots", "repair_mask", "mask"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, Path(path))
        if self.only_shots is not None:
            shots = tuple(sorted(set(self.only_shots)))
            if not shots or any(type(shot) is not int or shot < 1 for shot in shots):
                raise OptionError("must name shots, counted from 1", option="only_shots")
            object.__setattr__(self, "only_shots", shots)
        self._check_names()
        self._check_numbers()
        self._check_times()
        if self.model == "auto" and self.quality in _MODELS:
            object.__setattr__(self, "model", _MODELS[self.quality])

    @property
    def chooses_model(self) -> bool:
        """Whether the model depends on what is coloured and what is installed."""
        return self.model in ("auto", "best")

    @property
    def distance(self) -> int | Literal["auto"]:
        """Frames from one on which the network runs to the next: ``every``, resolved."""
        if self.every is None:
            return "auto" if self.quality == "draft" else 1
        return self.every

    @property
    def smoothing_s(self) -> float:
        """Time constant of the smoothing in seconds, 0 where there is none."""
        if self.stabilize == "off":
            return 0.0
        return DEFAULT_SMOOTHING_S[self.stabilize] if self.smoothing is None else self.smoothing

    def _check_names(self) -> None:
        if not self.model:
            raise OptionError("is empty: give a name, a path or 'auto'", option="model")
        if not _DEVICE.fullmatch(self.device):
            raise OptionError(
                f"{self.device!r} is unknown: use auto, cpu, cuda, cuda:N, mps, or several GPUs"
                " with commas between",
                option="device",
            )
        if self.quality is not None:
            _check_choice("quality", self.quality, get_args(Quality))
        _check_choice("precision", self.precision, get_args(Precision))
        _check_choice("stabilize", self.stabilize, get_args(Stabilize))
        _check_choice("mounts", self.mounts, get_args(Mounts))
        _check_choice("repair", self.repair, get_args(Repair))
        for name in ("repair_mask", "mask"):
            if self.repair == "off" and getattr(self, name) is not None:
                raise OptionError("goes with ", Option("repair", "auto"), option=name)
        _check_choice("audio", self.audio, get_args(Audio))
        _check_choice("decoder", self.decoder, get_args(Decoder))
        for name in ("video_codec", "preset", "pix_fmt"):
            value = getattr(self, name)
            if value is not None and not _NAME.fullmatch(value):
                raise OptionError(f"{value!r} is not a name that FFmpeg could know", option=name)

    def _check_numbers(self) -> None:
        _check_range("batch_size", self.batch_size, 1, None, whole=True)
        _check_range(
            "render_factor", self.render_factor, MIN_RENDER_FACTOR, MAX_RENDER_FACTOR, whole=True
        )
        _check_range("smoothing", self.smoothing, 0, None)
        if self.every != "auto":
            _check_range("every", self.every, 1, MAX_EVERY, whole=True)
        _check_range("saturation", self.saturation, 0, MAX_SATURATION)
        _check_range("repair_strength", self.repair_strength, 0, 1)
        _check_range("crf", self.crf, 0, 255)
        _check_range("encoder_threads", self.encoder_threads, 1, MAX_ENCODER_THREADS, whole=True)
        if self.fps is not None and self.fps <= 0:
            raise OptionError(f"is {self.fps}: it must be above 0", option="fps")

    def _check_times(self) -> None:
        _check_range("start_s", self.start_s, 0, None)
        _check_range("end_s", self.end_s, 0, None)
        if self.end_s is not None and self.end_s <= (self.start_s or 0.0):
            start = f" ({self.start_s or 0.0:g} s)"
            raise OptionError(
                f"({self.end_s:g} s) must be after ", Option("start_s"), start, option="end_s"
            )


@dataclass(frozen=True)
class ColorizeResult:
    """What was done.

    Attributes:
        output: the file that was written; "-" for standard output.
        frames: number of frames (1 for a photo) written.
        seconds: wall-clock time of the job, model loading included.
        model: name of the model that was used, or the path it was loaded from.
        device: "cpu", "cuda:0", ...
        precision: "fp32", "bf16" or "fp16", as resolved.
        cuts: presentation times in seconds of the first frame after each cut that was found.
        warnings: one line each, for the user: lost streams, damaged packets, skipped pages.
        plan: the film's shots and spans; None for a photo.
        part_models: names of the models that the direction names for parts of the film.
    """

    output: str | Path
    frames: int
    seconds: float
    model: str
    device: str
    precision: str
    cuts: tuple[float, ...] = ()
    warnings: tuple[str, ...] = ()
    plan: ShotPlan | None = None
    part_models: tuple[str, ...] = ()


def _as_fraction(name: str, value: Fraction | float) -> Fraction:
    """Exact for whole and decimal numbers as written: 29.97 is 2997/100, not the nearest binary."""
    try:
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise OptionError(f"{value!r} is not a number", option=name) from None


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"{value!r} is unknown: use {', '.join(choices)}", option=name)


def _check_range(
    name: str, value: float | None, low: float, high: float | None, *, whole: bool = False
) -> None:
    """Raise unless ``low <= value <= high``; None always passes, NaN and infinity never."""
    if value is None:
        return
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or (whole and value != int(value)):
        kind = "whole number" if whole else "number"
        raise OptionError(f"{value!r} is not a {kind}", option=name)
    if value < low or (high is not None and value > high):
        span = f"at least {low:g}" if high is None else f"{low:g} to {high:g}"
        raise OptionError(f"is {value:g}: it must be {span}", option=name)
