"""The original's way of colorizing a film, step by step and timed. Reference environment only.

Usage::

    DIR/bin/python reference/pipeline.py CLIP FPS WEIGHTS NAME FOLDER --ffmpeg PROGRAM

As ``deoldify.visualize.VideoColorizer`` does it: ffmpeg writes every frame as a JPEG; each is
opened with PIL, goes through the original's ``MasterFilter`` and ``ColorizerFilter`` alone and in
float32, and is saved as a JPEG; ffmpeg makes a film of them (libx264, crf 17). That class itself
can't be used without a notebook and a downloader of videos; the filters are its own, and so are
ffmpeg's arguments. Left out: its watermark, and sound. The last line printed is JSON: seconds by
step, of wall clock and of computing, without imports and the loading of weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from original import build_original

_QUIET = ("-hide_banner", "-nostats", "-loglevel", "error")
_TEMPLATE = "%5d.jpg"


def main() -> None:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("clip", type=Path)
    parser.add_argument("fps", help="the clip's average rate, such as 24 or 30000/1001")
    parser.add_argument("weights", type=Path, help="{'model': state_dict}, as published")
    parser.add_argument("name", choices=("artistic", "stable", "video"))
    parser.add_argument("folder", type=Path, help="where frames and the result go")
    parser.add_argument("--ffmpeg", default="ffmpeg", metavar="PROGRAM")
    parser.add_argument("--render-factor", type=int, default=21)
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    clip, weights = options.clip.resolve(), options.weights.resolve()
    options.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(options.folder)
    colorize = load_filter(weights, options.name, options.render_factor)
    seconds = {
        "extract": timed(lambda: extract(options.ffmpeg, clip)),
        "colorize": timed(lambda: colorize_frames(colorize)),
        "rebuild": timed(lambda: rebuild(options.ffmpeg, options.fps)),
    }
    frames = len(list(Path("bwframes").iterdir()))
    sys.stdout.write(json.dumps({"frames": frames, "seconds": seconds}) + "\n")


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds of wall clock, and of computing by this process and what it starts."""
    wall, before = time.monotonic(), sum(os.times()[:4])
    work()
    return time.monotonic() - wall, sum(os.times()[:4]) - before


def load_filter(weights: Path, name: str, render_factor: int) -> Callable[[Any], Any]:
    """The original's filter around its network, with these weights."""
    network = build_original(name)
    state = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict(state["model"], strict=True)
    del state
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of 2019's code on today's torch
        from deoldify.dataset import get_dummy_databunch
        from deoldify.filters import ColorizerFilter, MasterFilter
        from fastai.basic_train import Learner

        Path("dummy").mkdir(exist_ok=True)  # the learner wants data, although it never learns
        learner = Learner(get_dummy_databunch(), network, loss_func=torch.nn.functional.l1_loss)
        master = MasterFilter([ColorizerFilter(learn=learner)], render_factor=render_factor)

    def colorize(picture: Any) -> Any:  # noqa: ANN401 - PIL's images
        return master.filter(picture, picture, render_factor=render_factor, post_process=True)

    return colorize


def extract(ffmpeg: str, clip: Path) -> None:
    """Every frame as a JPEG, at a constant rate."""
    Path("bwframes").mkdir()
    target = str(Path("bwframes") / _TEMPLATE)
    arguments = ("-f", "image2", "-q:v", "0", "-vcodec", "mjpeg", target)
    subprocess.run([ffmpeg, "-i", str(clip), *arguments, *_QUIET], check=True)


def colorize_frames(colorize: Callable[[Any], Any]) -> None:
    """Frame by frame, in whatever order the folder lists them."""
    from PIL import Image

    Path("colorframes").mkdir()
    for name in os.listdir("bwframes"):
        picture = Image.open(Path("bwframes") / name).convert("RGB")
        colorize(picture).save(Path("colorframes") / name)
        torch.cuda.empty_cache()


def rebuild(ffmpeg: str, fps: str) -> None:
    """A film of the coloured JPEGs."""
    source = ("-f", "image2", "-framerate", fps, "-vcodec", "mjpeg")
    frames = str(Path("colorframes") / _TEMPLATE)
    target = ("-crf", "17", "-vcodec", "libx264", "result.mp4")
    subprocess.run([ffmpeg, *source, "-i", frames, *target, *_QUIET], check=True)


if __name__ == "__main__":
    main()
