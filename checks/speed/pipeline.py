"""The original DeOldify and vidcolor on the same film with the same weights, turn by turn.

::

    python checks speed/pipeline --ffmpeg /path/to/ffmpeg          # a made-up 640x480 film
    python checks speed/pipeline CLIP --frames 24 --repeat 3 --network artistic

The original runs in the reference environment (``reference/build_env.py``), by the steps of its
own pipeline (``reference/pipeline.py``); vidcolor runs as its command. Both read the same weights:
drawn from a seed, calibrated, in a file as published. The original needs an ffmpeg program;
if none is installed, the package imageio-ffmpeg brings one.

Per frame: both without start-up, imports and loading of weights (the original's steps are timed
inside; vidcolor's is the difference between the whole film and its first batch). Turns alternate,
and the fastest of each counts. Times of computing (all threads and child processes) stand beside
wall clock: on a machine that others use too they are the ones to trust.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "reference"), str(_ROOT / "tests" / "models" / "deoldify")]

from deoldify_recordings import read_recording  # noqa: E402

from vidcolor.bench.material import make_material  # noqa: E402

_FIRST = 4
"""Frames of vidcolor's short run: one batch."""


@dataclass(frozen=True)
class Seconds:
    """Of wall clock, and of computing."""

    wall: float
    cpu: float

    def per_frame(self, frames: int) -> Seconds:
        """Divided."""
        return Seconds(self.wall / frames, self.cpu / frames)

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)


def main() -> int:
    """Command line."""
    options = _options()
    ffmpeg, python = find_ffmpeg(options.ffmpeg), find_reference(options.python)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = tuple(int(side) for side in options.size.split("x"))
        films = [folder / "whole", folder / "short"]
        for place in films:
            place.mkdir()
        whole = make_material(options.clip, size, options.frames, films[0])  # type: ignore[arg-type]
        film, rate = whole.path, whole.info.rate or Fraction(24)
        short = make_material(film, size, _FIRST, films[1]).path  # type: ignore[arg-type]
        weights = draw_weights(options.network, folder)
        theirs, ours = [], []
        for turn in range(options.repeat):
            run_folder = folder / f"turn{turn}"
            theirs.append(run_original(python, ffmpeg, (film, rate), weights, run_folder, options))
            ours.append(run_ours(film, short, weights, run_folder, options))
            say_turn(turn, theirs[-1], ours[-1])
    summarise(theirs, ours, options)
    return 0


def _options() -> argparse.Namespace:
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("clip", nargs="?", type=Path, help="scaled to --size, without its sound")
    parser.add_argument("--size", default="640x480", metavar="WxH")
    parser.add_argument("--frames", type=int, default=12, help="more than 4")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--network", choices=("artistic", "video"), default="video")
    parser.add_argument("--render-factor", type=int, default=21)
    parser.add_argument("--threads", type=int, help="of the original's torch; default: torch's own")
    parser.add_argument("--ffmpeg", metavar="PROGRAM", help="for the original; default: in PATH")
    parser.add_argument("--python", metavar="PROGRAM", help="the reference environment's")
    options = parser.parse_args()
    if options.frames <= _FIRST:
        parser.error(f"--frames must be more than {_FIRST}")
    return options


def find_ffmpeg(given: str | None) -> str:
    """The program, or the end of this one with a line that says what to do."""
    found = shutil.which(given or "ffmpeg")
    if found is None:
        sys.exit(
            f"no ffmpeg program ({given or 'in PATH'}): the original can't read film without one."
            " Install ffmpeg, or 'pip install imageio-ffmpeg', and give --ffmpeg with the path that"
            " 'python -c \"import imageio_ffmpeg as i; print(i.get_ffmpeg_exe())\"' prints"
        )
    return str(Path(found).resolve())


def find_reference(given: str | None) -> str:
    """The reference environment's interpreter."""
    usual = _ROOT / "reference" / ".venv" / "bin" / "python"
    python = given or os.environ.get("VIDCOLOR_REFERENCE_PYTHON") or str(usual)
    if shutil.which(python) is None:
        sys.exit(f"no reference environment ({python}): build it with reference/build_env.py")
    return python


def draw_weights(network: str, folder: Path) -> Path:
    """Weights in a file as published, calibrated so that activations stay finite."""
    path = folder / f"{network}.pth"
    torch.save({"model": dict(read_recording(network).state)}, path)  # type: ignore[arg-type]
    return path


def run_original(
    python: str, ffmpeg: str, film: tuple[Path, Fraction], weights: Path, folder: Path,
    options: argparse.Namespace,
) -> dict[str, Seconds]:  # fmt: skip
    """Seconds per frame by step, and all of them."""
    command = [
        python, str(_ROOT / "reference" / "pipeline.py"), str(film[0]), str(film[1]),
        str(weights), options.network, str(folder / "original"), "--ffmpeg", ffmpeg,
        "--render-factor", str(options.render_factor),
    ]  # fmt: skip
    if options.threads:
        command += ["--threads", str(options.threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    if said["frames"] != options.frames:
        sys.exit(f"the original made {said['frames']} frames of {options.frames}")
    steps = {
        step: Seconds(*both).per_frame(said["frames"]) for step, both in said["seconds"].items()
    }
    steps["whole"] = Seconds(
        sum(step.wall for step in steps.values()), sum(step.cpu for step in steps.values())
    )
    return steps


def run_ours(
    film: Path, short: Path, weights: Path, folder: Path, options: argparse.Namespace
) -> Seconds:
    """Seconds per frame."""
    first, whole = (
        run_vidcolor(clip, folder / f"{clip.parent.name}.mp4", weights, options)
        for clip in (short, film)
    )
    return (whole - first).per_frame(options.frames - _FIRST)


def run_vidcolor(film: Path, target: Path, weights: Path, options: argparse.Namespace) -> Seconds:
    """The command as users run it."""
    command = [
        sys.executable, "-m", "vidcolor", "--progress", "none", "-q", "-m", str(weights),
        "--render-factor", str(options.render_factor), "-y", str(film), str(target),
    ]  # fmt: skip
    environment = dict(os.environ)
    if options.threads:
        environment["OMP_NUM_THREADS"] = str(options.threads)
    begin = time.monotonic()
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"vidcolor failed with exit code {process.returncode}")
    return Seconds(time.monotonic() - begin, usage.ru_utime + usage.ru_stime)


def say_turn(turn: int, theirs: dict[str, Seconds], ours: Seconds) -> None:
    """One turn's figures."""
    steps = ", ".join(f"{step} {s.wall:.3f} ({s.cpu:.3f})" for step, s in theirs.items())
    print(f"turn {turn + 1}, s/frame wall (CPU): original {steps}", flush=True)
    print(f"turn {turn + 1}, s/frame wall (CPU): vidcolor {ours.wall:.3f} ({ours.cpu:.3f})")


def summarise(
    theirs: list[dict[str, Seconds]], ours: list[Seconds], options: argparse.Namespace
) -> None:
    """The ratios."""
    print(
        f"\n| {options.network}, render factor {options.render_factor}, {options.size} "
        "| original, s/frame | vidcolor, s/frame | ratio |\n|---|---|---|---|"
    )
    for clock in ("wall", "cpu"):
        their = min(getattr(turn["whole"], clock) for turn in theirs)
        our = min(getattr(turn, clock) for turn in ours)
        print(f"| {clock} | {their:.3f} | {our:.3f} | {their / our:.2f} |")
