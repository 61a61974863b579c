"""Options that several commands share, by heading; from them to ``ColorizeOptions``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidcolor.cli.words.help import option
from vidcolor.cli.words.params import ARGUMENTS, AUTO_INT, NUMBERS, RATE, TIME
from vidcolor.engine.options import ColorizeOptions

if TYPE_CHECKING:
    from vidcolor.direction.model import Direction

F = TypeVar("F", bound=Callable[..., object])

MODEL, LOOK, PART = "Model", "Colour", "Input"
WORKERS = "Workers (docs/cluster.md)"
ENCODE, OUTPUT, TALK = "Encoding", "Output", "Messages (on standard error)"


def stack(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Apply option decorators so that the help shows them in the order given."""

    def apply(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return apply


_model_option: Callable[[F], F] = option(
    MODEL, "-m", "--model", default="auto", metavar="NAME|PATH",
    help="compact, large (both shipped), deoldify-video, deoldify-stable, deoldify-artistic, "
    "zhang-eccv16, zhang-siggraph17, ddcolor, ddcolor-artistic, ddcolor-tiny, a checkpoint, a mix "
    "(deoldify-video+ddcolor:0.4), or best. Default: DeOldify if its weights are installed (video "
    "for films, artistic for photos), else large, or compact for films on a CPU.",
)  # fmt: skip

_quality_option: Callable[[F], F] = option(
    MODEL, "--quality", type=click.Choice(["draft", "good", "best"]),
    help="draft: quick (compact, --every auto, a quick encoder preset). best: the best model or "
    "mix that is installed, and a slow preset. Single options still win. Default: good.",
)  # fmt: skip

compute_options: Callable[[F], F] = stack(
    option(
        MODEL, "-d", "--device", default="auto", metavar="DEVICE",
        help="auto, cpu, cuda, cuda:N or mps; several GPUs with commas between: cuda:0,cuda:1. "
        "Default: the best there is.",
    ),
    option(
        MODEL, "--precision", default="auto",
        type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
        help="Number format of the network. Default: the fastest that is safe.",
    ),
    option(
        MODEL, "--batch-size", type=AUTO_INT, default="auto", metavar="N|auto",
        help="Frames per network call. Default: by device and frame size.",
    ),
    option(
        MODEL, "--render-factor", type=int, metavar="N",
        help="Working size in units of 16 pixels. Default: the model's own "
        "(DeOldify: 21 for video, 35 for photos).",
    ),
    option(
        MODEL, "--weights-dir", type=click.Path(path_type=Path), metavar="DIR",
        help="Where downloaded weights are. Default: $VIDCOLOR_HOME, else the user's cache.",
    ),
    option(
        MODEL, "--compile", "compile", is_flag=True,
        help="Compile the network first: takes minutes, may pay for long films on a GPU.",
    ),
    option(MODEL, "--offline", is_flag=True, help="Never download."),
)  # fmt: skip
"""Where and how the network runs."""

model_options: Callable[[F], F] = stack(_model_option, _quality_option, compute_options)
"""Which model, and where it runs."""

jobs_options: Callable[[F], F] = stack(
    option(
        WORKERS, "--jobs", metavar="N|auto",
        help="Work in N processes that share cores, GPUs and memory; films are cut into spans. "
        "auto: as many as this machine takes. Default: one, or one for each of several devices.",
    ),
    option(
        WORKERS, "--cluster", metavar="auto|ADDRESS",
        help="Work on all nodes of a Ray cluster, which must see the files under the same names "
        "(or --ship): auto for the one that this machine is part of, or HOST:PORT. --jobs is for "
        "each node.",
    ),
    option(
        WORKERS, "--ship", is_flag=True,
        help="With --cluster: nodes needn't see the files; inputs are sent to them as far as they "
        "need them, and results come back.",
    ),
    option(
        WORKERS, "--dry-run", is_flag=True,
        help="Say how many films, frames and tasks there are, about how long they would take and "
        "how much disk; do nothing.",
    ),
)  # fmt: skip
"""How many work at the same time."""

look_options: Callable[[F], F] = stack(
    option(
        LOOK, "--stabilize", type=click.Choice(["motion", "ema", "off"]), default="motion",
        help="Smooth colours over time: along the motion, in place, or not. Default: motion.",
    ),
    option(
        LOOK, "--smoothing", type=float, metavar="SECONDS",
        help="Time constant of the smoothing; 0 colours each frame on its own. "
        "Default: 2 with motion, 0.2 with ema.",
    ),
    option(
        LOOK, "--every", type=AUTO_INT, metavar="N|auto",
        help="Run the network on every N-th frame only (auto: where motion needs it) and carry "
        "colours to the others along the motion: faster where little moves. Default: 1, for a "
        "draft auto.",
    ),
    option(
        LOOK, "--deflicker", type=click.Choice(["on", "off"]), default="off",
        help="Even out flicker of lightness in old film. Default: off, lightness is kept.",
    ),
    option(
        LOOK, "--repair", type=click.Choice(["off", "auto", "photo", "film"]), default="off",
        help="Repair dust, scratches, cracks and tears before colouring: of photos and films, or "
        "of one kind only. Default: off, lightness is kept.",
    ),
    option(
        LOOK, "--repair-strength", type=float, default=0.5, metavar="0..1",
        help="How readily something counts as damage. Default: 0.5.",
    ),
    option(
        LOOK, "--repair-mask", type=click.Path(path_type=Path), metavar="PNG",
        help="Of a photo: what is damaged, white, in place of what is found.",
    ),
    option(
        LOOK, "--mask", type=click.Path(path_type=Path), metavar="FILE",
        help="Write what was repaired: a PNG of a photo, a film of masks (FFV1, .mkv) of a film.",
    ),
    option(
        LOOK, "--steady", type=click.Choice(["on", "off"]), default="off",
        help="Take gate weave out of a film: small shifts and turns of the frame. Default: off.",
    ),
    option(
        LOOK, "--mounts", type=click.Choice(["grey", "color"]), default="grey",
        help="Paper around a photograph, mattes of a film: keep them grey, or colour them too. "
        "Default: grey.",
    ),
    option(
        LOOK, "--saturation", type=float, default=1.0, metavar="FACTOR",
        help="Factor on the strength of colours; 0 is grey. Default: 1.",
    ),
    option(
        LOOK, "--hint", multiple=True, metavar="T@X,Y=COLOUR",
        help="A colour at a place of a frame: 4.2@412,230=#23406b, also CSS names, lab(L, a, b), "
        "keep, grey; a radius: 4.2@412,230,12=navy; in all shots: .../film; painted over the "
        "frame: 4.2=painted.png. Photographs need no time. May be repeated.",
    ),
    option(
        LOOK, "--reference", multiple=True, metavar="FILE[@T]",
        help="A picture in colour: of the very frame at T; without a time of something like it; "
        "FILE@palette: its palette only. May be repeated.",
    ),
    option(
        LOOK, "--direction", metavar="FILE",
        help="Direction file (docs/direction.md); none ignores one. Default: IN's name with "
        ".colors.toml, if it is there.",
    ),
    option(
        LOOK, "--shots", metavar="FILE",
        help="Take the shots' boundaries from this list, JSON or CSV as vidcolor shots writes it.",
    ),
)  # fmt: skip
"""How the result looks."""

input_options: Callable[[F], F] = stack(
    option(
        PART, "--start", type=TIME, metavar="TIME",
        help="Begin here: seconds or [HH:]MM:SS[.mmm]. Default: the beginning.",
    ),
    option(PART, "--end", type=TIME, metavar="TIME", help="End here. Default: the end."),
    option(
        PART, "--fps", type=RATE, metavar="RATE",
        help="Frames per second of numbered images (scan_%06d.dpx): 18, 23.976, 24000/1001. "
        "Default: 24. Films keep their own.",
    ),
    option(
        PART, "--deinterlace", type=click.Choice(["off", "on"]), default="off",
        help="Deinterlace (bwdif). Default: off, fields are kept.",
    ),
    option(
        PART, "--decoder", type=click.Choice(["pyav", "ffmpeg"]), default="pyav",
        help="ffmpeg: read with an installed ffmpeg what PyAV can't open. Default: pyav.",
    ),
)  # fmt: skip
"""Which part of the input is read, and how."""

encode_options: Callable[[F], F] = stack(
    option(
        ENCODE, "--video-codec", metavar="NAME",
        help="libx264, libx265, libsvtav1, libvpx-vp9, ffv1, prores_ks, h264_nvenc or "
        "hevc_nvenc; auto: a graphics card's if there is one. Default: H.264, in WebM VP9.",
    ),
    option(
        ENCODE, "--crf", type=float, metavar="N",
        help="Quality: lower is better and larger. Default: 17 with H.264.",
    ),
    option(
        ENCODE, "--preset", metavar="NAME",
        help="The encoder's preset: speed against file size. Default: by encoder.",
    ),
    option(
        ENCODE, "--pix-fmt", metavar="NAME",
        help="Pixel format. Default: 4:2:0 at the source's depth; ffv1 and prores keep the "
        "source's chroma too.",
    ),
    option(
        ENCODE, "--encoder-threads", type=AUTO_INT, default="auto", metavar="N|auto",
        help="Threads of the encoder. With the same number its output is the same everywhere. "
        "Default: by cores.",
    ),
    option(
        ENCODE, "--audio", type=click.Choice(["copy", "none"]), default="copy",
        help="none leaves sound out. Default: copy, every packet as it is.",
    ),
    option(
        ENCODE, "--strict", is_flag=True,
        help="Fail if the output can't hold a stream of the input, or if numbered images can't "
        "hold what a film has beside its pictures. Default: warn.",
    ),
    option(ENCODE, "--compare", is_flag=True, help="Write grey and result side by side."),
)  # fmt: skip
"""How video is written."""

overwrite_options: Callable[[F], F] = stack(
    option(OUTPUT, "-y", "--overwrite", is_flag=True, help="Replace results that exist."),
    option(
        OUTPUT, "-n", "--no-clobber", is_flag=True,
        help="Skip inputs whose result exists. Default of both: ask; without a terminal, refuse.",
    ),
)  # fmt: skip
"""What happens to existing files."""

resume_option: Callable[[F], F] = stack(
    option(
        OUTPUT, "--resume/--no-resume", default=True,
        help="Keep finished parts of a film beside the output until it is whole, and go on from "
        "them if a run was cut off. Default: yes.",
    ),
    option(
        OUTPUT, "--keep-shots", is_flag=True,
        help="Keep a film's encoded shots in a hidden folder beside it, for --only-shot.",
    ),
    option(
        OUTPUT, "--only-shot", "only_shots", type=NUMBERS, metavar="N,N-N",
        help="Do these shots again and join them into the result of a run with --keep-shots; the "
        "others stay as they are. vidcolor shots lists them.",
    ),
)  # fmt: skip
"""Going on after a run was cut off, and doing parts of one again."""

date_option: Callable[[F], F] = option(
    OUTPUT,
    "--keep-date",
    is_flag=True,
    help="Give results their inputs' date of modification, by which folders are sorted. "
    "Default: now.",
)
"""Dates of files."""

log_options: Callable[[F], F] = stack(
    option(
        TALK, "-v", "--verbose", count=True,
        help="More messages (cuts, decisions); -vv gives all.",
    ),
    option(TALK, "-q", "--quiet", is_flag=True, help="Errors only."),
    option(
        TALK, "--log-file", type=click.Path(path_type=Path), metavar="FILE",
        help="Append all messages to FILE, also with -q.",
    ),
)  # fmt: skip
"""How many messages, and where they go."""

progress_option: Callable[[F], F] = option(
    TALK, "--progress", type=click.Choice(["auto", "bar", "plain", "json", "none"]),
    default="auto",
    help="Default: a bar on a terminal, elsewhere a line now and then in long runs. "
    "json: one object per line.",
)  # fmt: skip
"""How progress is shown."""

report_option: Callable[[F], F] = option(
    TALK, "--report", type=click.Path(path_type=Path), metavar="FILE",
    help="Write what was done to FILE as JSON, also after a failure (docs/progress.md).",
)  # fmt: skip
"""A report for other programs."""


accept_option: Callable[[F], F] = click.option(
    "--accept-sha256", metavar="HASH",
    help="Accept the file if this is its SHA-256, although the list says another.",
)  # fmt: skip
"""Of ``vidcolor weights pull``."""

perceptual_option: Callable[[F], F] = option(
    "Measuring", "--perceptual", type=click.Choice(["found", "download", "off"]), default="found",
    help="LPIPS, FID and KID: where their backbones are found, also by download, or never. LPIPS "
    "and FID need torchmetrics (pip install 'vidcolor[eval]'). Default: found.",
)  # fmt: skip
"""Of ``vidcolor eval``."""


photo_options: Callable[[F], F] = stack(
    option(
        "Measuring", "--half", type=click.Choice(["choose", "report"]),
        help="Only photographs of this half: with an even number in their name to choose settings "
        "on, with an odd one to report on.",
    ),
    option(
        "Measuring", "--wear", type=click.FloatRange(0.0, 1.0, min_open=True), metavar="STRENGTH",
        help="Wear photographs like old film before they are colorized, with this strength; 0.7 is "
        "an old print. A fifth of them is as orthochromatic stock recorded them.",
    ),
    option(
        "Measuring", "--seed", type=click.IntRange(0, 2**32 - 1), default=0, metavar="N",
        help="Seed of the random numbers of --wear. Default: 0.",
    ),
)  # fmt: skip
"""Of ``vidcolor eval``: which photographs, and how worn."""


def colorize_options(values: dict[str, Any]) -> ColorizeOptions:
    """``ColorizeOptions`` from a command's parameters; those that it hasn't keep their defaults.

    Args:
        values: click's parameters by name.

    Raises:
        OptionError: when a value is out of range, or two contradict each other.
    """
    same = (
        "quality", "model", "device", "precision", "render_factor", "compile", "weights_dir",
        "offline",
        "stabilize", "smoothing", "mounts", "repair", "repair_strength", "repair_mask", "mask",
        "saturation", "fps", "decoder", "video_codec", "crf",
        "preset", "pix_fmt", "audio", "strict", "compare", "resume", "shots", "keep_date",
        "keep_shots", "only_shots",
    )  # fmt: skip
    chosen = {name: values[name] for name in same if name in values}
    for theirs in ("start", "end"):
        if theirs in values:
            chosen[ARGUMENTS[theirs]] = values[theirs]
    for name in ("deinterlace", "deflicker", "steady"):
        if name in values:
            chosen[name] = values[name] == "on"
    if values.get("every") is not None:
        chosen["every"] = values["every"] or "auto"
    for name in ("batch_size", "encoder_threads"):
        if name in values:
            chosen[name] = values[name] or None
    if values.get("hint") or values.get("reference") or values.get("direction"):
        chosen["direction"] = _direction(values)
    return ColorizeOptions(**chosen)


def _direction(values: dict[str, Any]) -> Direction | None:
    """The direction file's, and what is said on the command line behind it."""
    from vidcolor.direction.file import load_direction
    from vidcolor.direction.model import Direction, Hint, Painting
    from vidcolor.direction.words import parse_hint, parse_reference

    hints = [parse_hint(text) for text in values["hint"]]
    references = [parse_reference(text) for text in values["reference"]]
    file = values["direction"]
    given = load_direction(file) if file and file != "none" else Direction()
    return given.with_more(
        hints=[hint for hint in hints if isinstance(hint, Hint)],
        paintings=[hint for hint in hints if isinstance(hint, Painting)],
        references=references,
    )
