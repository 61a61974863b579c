"""Crops, and batches that depend on their step alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from run_config import MakeConfig

from vidcolor.color import rgb_to_lab
from vidcolor.data.photos import load_photos
from vidcolor.training.data.augment import lab_of, random_crop
from vidcolor.training.data.batches import batches, make_batch


def test_crops_are_parts_of_a_picture_at_any_scale(photos_tar: Path) -> None:
    rng = np.random.default_rng(1)
    photo = load_photos((str(photos_tar),))[0]
    for _ in range(20):
        assert random_crop(photo, 64, (0.2, 3.0), rng).shape == (64, 64, 3)
    whole = [random_crop(photo[:64, :64], 64, (1.0, 1.0), rng) for _ in range(20)]
    straight = [np.array_equal(w, photo[:64, :64]) for w in whole]
    mirrored = [np.array_equal(w[:, ::-1], photo[:64, :64]) for w in whole]
    assert any(straight)
    assert any(mirrored)
    assert all(a or b for a, b in zip(straight, mirrored, strict=True))


def test_crops_can_be_stretched() -> None:
    """Seen on a picture that says where each place was: its codes are the coordinates."""
    rows, columns = np.mgrid[0:200, 0:240].astype(np.uint8)
    photo = np.stack((rows, columns, np.zeros_like(rows)), axis=-1)
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(200):
        crop = random_crop(photo, 96, (0.4, 1.5), rng, 1.5).astype(float)
        tall, wide = np.ptp(crop[..., 0]) + 1, np.ptp(crop[..., 1]) + 1
        ratios.append(wide / tall)
    # Sides are whole pixels, and enlarging blends the outermost: a few per cent.
    assert 0.64 < min(ratios) < 0.72
    assert 1.4 < max(ratios) < 1.56
    assert abs(np.mean(np.log(ratios))) < 0.05  # as often one way as the other


def test_opencv_lab_is_near_ours(photos_tar: Path) -> None:
    photo = load_photos((str(photos_tar),))[1]
    lightness, ab = lab_of(photo)
    ours = rgb_to_lab(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255.0)[0]
    # OpenCV interpolates its curves; 0.5 Lab units are far below what a network could learn.
    assert np.abs(ours[0].numpy() - lightness * 100).max() < 0.5
    assert np.abs(ours[1:].permute(1, 2, 0).numpy() - ab).max() < 0.5


def test_a_step_has_its_own_chance_whatever_came_before(config: MakeConfig) -> None:
    c = config(film=1.0, film_share=1.0)
    photos = load_photos(c.data)
    first, again, other = (make_batch(photos, c, step, 4) for step in (5, 5, 6))
    assert torch.equal(first.lightness, again.lightness)
    assert torch.equal(first.ab, again.ab)
    assert not torch.equal(first.ab, other.ab)
    for workers in (1, 3):
        stream = batches(photos, config(film=1.0, film_share=1.0, workers=workers), 4, first_step=5)
        assert torch.equal(next(stream).lightness, first.lightness)
        assert torch.equal(next(stream).lightness, other.lightness)
        stream.close()


def test_processes_share_a_batch_between_them(config: MakeConfig) -> None:
    c = config()
    photos = load_photos(c.data)
    whole = make_batch(photos, c, 3, 4)
    parts = [make_batch(photos, c, 3, 4, rank, 2) for rank in range(2)]
    assert torch.equal(whole.lightness[::2], parts[0].lightness)
    assert torch.equal(whole.ab[1::2], parts[1].ab)


def test_every_photograph_comes_once_per_epoch(config: MakeConfig) -> None:
    c = config(scale=(64 / 200, 64 / 200), film_share=0.0)
    photos = load_photos(c.data)
    seen = torch.cat([make_batch(photos, c, step, 4).ab.mean(dim=(2, 3)) for step in range(3)])
    # Whole pictures: their mean colours tell them apart, mirrored or not.
    assert len({tuple(row.round(decimals=3).tolist()) for row in seen}) == 12


def test_stages_grow_crops_over_the_run(config: MakeConfig) -> None:
    c = config(steps=10, stages=((0.5, 32, 0.2, 0.3),), crop=64)
    assert c.crop_at(4) == (32, (0.2, 0.3))
    assert c.crop_at(5)[0] == 64
