"""Speed, memory and the tutorials' recipe of the networks of ``others.py``; see there.

Usage::

    python reference/others_speed.py speed NAME [--code DIR]           # CPU time, in turn
    python reference/others_speed.py memory NAME ours|theirs [--code DIR]
    python reference/others_speed.py recipe [--code DIR] PHOTO...      # OpenCV's 30 lines
    python reference/others_speed.py steps PHOTO...      # what each step of it makes of the rest
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from caffe_file import caffemodel
from others import SIZES, lightness, opencv_run, ours, prepare, say
from synthetic import grey_photo
from torch.utils.flop_counter import FlopCounterMode

ROUNDS = 3
"""Pictures of each; the median counts."""


def main() -> None:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("what", choices=("speed", "memory", "recipe", "steps"))
    parser.add_argument("words", nargs="+")
    parser.add_argument("--code", type=Path)
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    if options.what == "speed":
        speed(options.words[0], options.code)
    elif options.what == "memory":
        memory(*options.words, options.code)
    elif options.what == "steps":
        steps(options.words)
    else:
        recipe(options.words, options.code)


def speed(name: str, code: Path | None) -> None:
    """CPU seconds per picture, ours and theirs in turn; ours as a share of the matrix rate."""
    from vidcolor.bench.matrix import matrix_rate
    from vidcolor.models.networks.layers.packed import flop_formulas

    theirs, state, _ = prepare(name, code)
    light = lightness(grey_photo("astronaut", SIZES.get(name, 256), SIZES.get(name, 256)))
    with tempfile.TemporaryDirectory() as folder:
        mine = ours(name, state, Path(folder))
        took: dict[str, list[float]] = {"theirs": [], "ours": []}
        for number in range(ROUNDS + 1):
            for label, run in (("theirs", theirs), ("ours", mine)):
                began = time.process_time()
                run(light, None)
                if number:  # the first prepares weights
                    took[label].append(time.process_time() - began)
        with FlopCounterMode(display=False, custom_mapping=flop_formulas()) as counter:
            mine(light, None)
    _, rate = matrix_rate(torch.device("cpu"), torch.float32)
    found = {label: statistics.median(each) for label, each in took.items()}
    work = counter.get_total_flops()
    share = work / found["ours"] / rate
    say(
        f"{name}: theirs {found['theirs']:.2f} s of CPU, ours {found['ours']:.2f} s,"
        f" ratio {found['theirs'] / found['ours']:.2f}; {work / 1e9:.0f} GFLOP,"
        f" {share:.0%} of the matrix rate"
    )


def memory(name: str, whose: str, code: Path | None) -> None:
    """Peak of the process with one network and one picture, less what it has before the picture."""
    theirs, state, _ = prepare(name, code)
    size = SIZES.get(name, 256)
    light = lightness(grey_photo("astronaut", size, size))
    with tempfile.TemporaryDirectory() as folder:
        run = theirs if whose == "theirs" else ours(name, state, Path(folder))
        run(light[..., :64, :64], None)
        before = _resident_mb()
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (Linux)
        run(light, None)
    peak = _status("VmHWM")
    total = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(f"{name}, {whose}: {peak - before:.0f} MB for a picture, {total:.0f} MB in all")


def _resident_mb() -> float:
    return _status("VmRSS")


def _status(field: str) -> float:
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(field))
    return float(line.split()[1]) / 1024


def recipe(paths: list[str], code: Path | None) -> None:
    """The tutorials' recipe and ``--render-factor 14`` on grey photographs: ab at full size."""
    import cv2

    from vidcolor.color import resize
    from vidcolor.engine.image import still_ab
    from vidcolor.media.still.read import read_still
    from vidcolor.models.loading import load_model

    _, state, _ = prepare("zhang-caffe", code)
    net = opencv_run(state)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "colorization_release_v2.caffemodel"
        file.write_bytes(caffemodel(state))
        model = load_model(file, "cpu", "fp32")
    for path in paths:
        photo = read_still(path)
        grey = np.repeat(photo.luma[:, :, None], 3, axis=2).astype(np.float32) / 255.0
        light = cv2.cvtColor(grey, cv2.COLOR_BGR2Lab)[:, :, 0]
        small = cv2.resize(light, (224, 224))
        ab = net(torch.from_numpy(small)[None, None], None)[0].permute(1, 2, 0).numpy()
        wanted = cv2.resize(ab, light.shape[::-1])
        coloured = still_ab(photo, model, render_factor=14, grey_mounts=False)
        found = resize(coloured, photo.luma.shape)[0].permute(1, 2, 0).numpy()
        error = np.abs(found - wanted)
        say(
            f"{Path(path).name} {photo.luma.shape}: ab differs by {error.mean():.3f} in the mean,"
            f" {np.percentile(error, 99):.3f} at most in 99 %, spread {wanted.std():.2f}"
        )


def steps(paths: list[str]) -> None:
    """Each step of the recipe alone in place of ours: how far ab moves, with one drawn network.

    Both ways share the network, so that nothing else can differ.
    """
    import cv2

    from vidcolor.color import luma_to_lightness, resize
    from vidcolor.engine.image import still_ab
    from vidcolor.media.still.read import read_still
    from vidcolor.models.contract import ModelInput
    from vidcolor.models.families.zhang import ZHANG
    from vidcolor.models.random_weights import random_model

    model = random_model(ZHANG.models[0], device="cpu", precision="fp32")

    def shown(light: np.ndarray, size: tuple[int, int], *, opencv_up: bool) -> np.ndarray:
        ab = model(ModelInput(torch.from_numpy(light)[None, None])).ab
        if not opencv_up:
            return resize(ab, size)[0].permute(1, 2, 0).numpy()
        return cv2.resize(ab[0].permute(1, 2, 0).numpy(), size[::-1])

    for path in paths:
        photo = read_still(path)
        luma = photo.luma.copy()
        size = (int(luma.shape[0]), int(luma.shape[1]))
        grey = np.repeat(luma[:, :, None], 3, axis=2).astype(np.float32) / 255
        lab = cv2.cvtColor(grey, cv2.COLOR_BGR2Lab)[:, :, 0] / 100
        own = luma_to_lightness(torch.from_numpy(luma)[None, None], depth=8, full_range=True)
        small = resize(own, (224, 224))[0, 0].numpy()
        other = resize(torch.from_numpy(lab)[None, None], (224, 224))[0, 0].numpy()
        skipping = cv2.resize(own[0, 0].numpy(), (224, 224))
        plain = shown(small, size, opencv_up=False)
        cases = {
            "Lab by OpenCV": (other, 0),
            "input resized by OpenCV": (skipping, 0),
            "ab enlarged by OpenCV": (small, 1),
            "all": (cv2.resize(lab, (224, 224)), 1),
        }
        say(f"{Path(path).name} {size}, spread of ab {plain.std():.2f}")
        for label, (light, up) in cases.items():
            error = np.abs(shown(light, size, opencv_up=bool(up)) - plain)
            change = np.abs(light - small).mean() * 100
            say(
                f"  {label}: input {change:.4f} L*, ab {error.mean():.4f} in the mean,"
                f" {np.percentile(error, 99):.4f} at most in 99 %"
            )
        coloured = still_ab(photo, model, render_factor=14, grey_mounts=False)
        found = resize(coloured, size)[0].permute(1, 2, 0).numpy()
        light, _ = cases["all"]
        error = np.abs(shown(light, size, opencv_up=True) - found)
        say(
            f"  recipe and --render-factor 14: ab differs by {error.mean():.4f} in the mean,"
            f" {np.percentile(error, 99):.4f} at most in 99 %, {error.max():.4f} at most"
        )


if __name__ == "__main__":
    main()
