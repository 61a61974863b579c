"""Train the network that tells dust from things in the scene.

    python -m vidcolor.training.repair.dust FILM... -o dust.safetensors

On grey frames of clean films dust is drawn, and things that fly past, which are no dust; grain on
most. What ``repair.dust`` takes for a candidate then is an example. A few minutes on one CPU core.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.data.damage import Plane
from vidcolor.data.film_damage import DirtyFrame, dirty_film
from vidcolor.data.wear import film_like
from vidcolor.errors import VidcolorError
from vidcolor.evaluation.damage.films import grey_codes
from vidcolor.evaluation.film import bt709_frames
from vidcolor.models.networks.damage.dust import DustNet
from vidcolor.repair.dust import Motion, Registered, cuttings, facts, find_blobs, likely
from vidcolor.training.checkpoint import write_weights

logger = logging.getLogger(__name__)

_FRAMES = 10
_LEAST_HEIGHT_PX = 120
_DIRT, _CLEAN = 0.4, 0.15
"""Shares of drawn dust from which on a blob is an example of dirt, and up to which of none."""
_BATCH = 192

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates: see ``repair.dust.cuttings`` and ``facts``; and whether each is dirt."""

    seen: npt.NDArray[np.float16]
    facts: npt.NDArray[np.float32]
    dirt: npt.NDArray[np.float32]


def examples_of(films: Sequence[Path], seed: int) -> Examples:
    """Candidates of some frames of each film.

    Args:
        films: clean ones; those that can't be read are passed over.
        seed: of what is drawn.
    """
    parts = [
        part
        for number, film in enumerate(films)
        for part in _of_film(film, np.random.default_rng((seed, number)))
    ]
    seen, known, dirt = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Examples(seen, known, dirt)


def fit(examples: Examples, *, epochs: int = 9, seed: int = 0) -> DustNet:
    """Train a network on all examples, turned, mirrored, reversed and inverted by chance."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = DustNet()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    order = np.arange(len(examples.dirt))
    per_epoch = max(len(order) // _BATCH, 1)
    for step in range(epochs * per_epoch):
        if step % per_epoch == 0:
            rng.shuffle(order)
        chosen = order[(step % per_epoch) * _BATCH :][:_BATCH]
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * min(1.0, (1.0 - step / (epochs * per_epoch)) / 0.7)
        seen = _varied(torch.from_numpy(examples.seen[chosen].astype(np.float32)), rng)
        logits = network(seen, torch.from_numpy(examples.facts[chosen]))
        loss = F.binary_cross_entropy_with_logits(logits, torch.from_numpy(examples.dirt[chosen]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()


def _varied(seen: Tensor, rng: Rng) -> Tensor:
    for side in (2, 3):
        if rng.random() < 0.5:
            seen = seen.flip(side)
    if rng.random() < 0.5:
        seen = seen[:, [0, 2, 1, 3]]
    gain = float(rng.uniform(0.7, 1.4)) * (-1.0 if rng.random() < 0.5 else 1.0)
    return seen * torch.tensor([gain, gain, gain, 1.0]).view(1, 4, 1, 1)


def _of_film(film: Path, rng: Rng) -> Iterator[tuple[npt.NDArray[np.generic], ...]]:
    try:
        codes = [grey_codes(rgb) for _, rgb in islice(bt709_frames(film), _FRAMES)]
    except VidcolorError as error:
        logger.warning("%s", error)
        return
    if len(codes) < 3 or codes[0].shape[0] < _LEAST_HEIGHT_PX:
        return
    frames = [each.astype(np.float32) / np.float32(255.0) for each in codes]
    if rng.random() < 0.4:
        frames = flying(frames, rng)
    if rng.random() < 0.6:
        strength = rng.uniform(0.2, 0.9)
        frames = [film_like(each, strength, rng, dirty=False).lightness for each in frames]
    dust = float(rng.choice([3, 8, 20]))
    drawn = list(dirty_film(frames, int(rng.integers(2**31)), dust=dust, flicker=0.03))
    motion = Motion()
    seen = [np.rint(each.lightness * 255.0).astype(np.uint8) for each in drawn]
    for at in range(1, len(seen) - 1):
        ways = [motion.way(seen[at], seen[k])[1] for k in (at - 1, at + 1)]
        yield from _of_frame(seen[at], Registered(*ways), drawn[at])


def _of_frame(
    codes: npt.NDArray[np.uint8], near: Registered, drawn: DirtyFrame
) -> Iterator[tuple[npt.NDArray[np.generic], ...]]:
    blobs = find_blobs(codes, near)
    if blobs is None or not len(which := likely(blobs)):
        return
    count = len(blobs.area) + 1
    dusty = np.bincount(blobs.labels[drawn.dust], minlength=count)[1:]
    share = (dusty / blobs.area)[which]
    clear = (share >= _DIRT) | (share <= _CLEAN)
    which, share = which[clear], share[clear]
    if len(which):
        yield (
            cuttings(codes, near, blobs, which).astype(np.float16), facts(blobs, which),
            (share >= _DIRT).astype(np.float32),
        )  # fmt: skip


def flying(frames: Sequence[Plane], rng: Rng) -> list[Plane]:
    """Draw things that fly past: a few specks, or rain. They are no dust."""
    height, width = frames[0].shape
    unit, rain = height / 480.0, rng.random() < 0.4
    count = int(rng.poisson(40 if rain else 5))
    places = rng.uniform(0, [width, height], (count, 2))
    turns = rng.uniform(0, 2 * np.pi, count)
    ways = np.stack([np.cos(turns), np.sin(turns)], 1) * rng.uniform(4, 25, (count, 1)) * unit
    if rain:
        ways = np.stack([rng.normal(0, 1, count), rng.uniform(8, 30, count)], 1) * unit
    radii = np.maximum(rng.lognormal(np.log(2.5), 0.6, count) * unit, 0.8)
    shades = np.where(rng.random(count) < 0.6, rng.uniform(0.6, 1, count), 0.2)
    opacity = rng.uniform(0.4, 1.0, count)
    made = []
    for frame in frames:
        x = frame.copy()
        for place, way, radius, shade, share in zip(
            places, ways, radii, shades, opacity, strict=True
        ):
            cover = np.zeros(x.shape, np.uint8)
            if rain:
                first, last = (tuple(int(n) for n in p) for p in (place, place + way * 0.5))
                cv2.line(cover, first, last, 255, 1, cv2.LINE_AA)
            else:
                middle = (int(place[0] * 16), int(place[1] * 16))
                cv2.circle(cover, middle, int(radius * 16), 255, -1, cv2.LINE_AA, 4)
            x += cover.astype(np.float32) * np.float32(share / 255.0) * (np.float32(shade) - x)
        places = (places + ways + rng.normal(0, 0.5, places.shape)) % [width, height]
        made.append(np.clip(x, 0.0, 1.0))
    return made


@click.command()
@click.argument("films", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The weights.")
@click.option("--rounds", default=4, show_default=True, help="How often each film is drawn on.")
@click.option("--epochs", default=9, show_default=True, help="Over all examples.")
def main(films: tuple[Path, ...], out: Path, rounds: int, epochs: int) -> None:
    """Train on clean FILMS."""
    try:
        parts = [examples_of(films, seed) for seed in range(rounds)]
        every = Examples(
            np.concatenate([p.seen for p in parts]), np.concatenate([p.facts for p in parts]),
            np.concatenate([p.dirt for p in parts]),
        )  # fmt: skip
        network = fit(every, epochs=epochs)
        state = {name: t.half().contiguous() for name, t in network.state_dict().items()}
        write_weights(out, state, {"format": "vidcolor", "architecture": "dust"})
    except VidcolorError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
