"""What surrounds a picture is found, and what only looks even is not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from vidcolor.engine.borders import find_surround, without_color

Plane = npt.NDArray[np.float32]


def _picture(samples: Path) -> Plane:
    codes = cv2.imread(str(samples / "portrait.jpg"), cv2.IMREAD_GRAYSCALE)
    assert codes is not None
    small = cv2.resize(codes, (200, 150), interpolation=cv2.INTER_AREA)
    return (small / np.float32(255)).astype(np.float32)


def _found(lightness: Plane) -> Plane:
    return find_surround(torch.from_numpy(lightness)[None, None])[0, 0].numpy()


def _mounted(picture: Plane, tone: float, width: int = 20, *, seed: int = 0) -> Plane:
    """On paper with texture (1 L*) and light that falls off by 4 L* from left to right."""
    height, across = picture.shape[0] + 2 * width, picture.shape[1] + 2 * width
    noise = np.random.default_rng(seed).normal(0, 0.01, (height, across))
    paper = tone + noise + np.linspace(0.02, -0.02, across)
    paper[width:-width, width:-width] = picture
    return paper.clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("tone", [0.03, 0.3, 0.55, 0.95])
def test_a_mount_is_found_to_the_pixel(samples_dir: Path, tone: float) -> None:
    found = _found(_mounted(_picture(samples_dir), tone))
    wanted = np.ones(found.shape, np.float32)
    wanted[20:-20, 20:-20] = 0
    # the blur against grain widens the picture by a pixel, and texture leaves specks
    assert np.abs(found - wanted).mean() < 0.02
    assert found[22:-22, 22:-22].max() == 0


def test_a_tilted_picture_and_an_oval_are_pictures(samples_dir: Path) -> None:
    mount = _mounted(_picture(samples_dir), 0.6, 40)
    turn = cv2.getRotationMatrix2D((mount.shape[1] / 2, mount.shape[0] / 2), 4.0, 1.0)
    tilted = cv2.warpAffine(mount, turn, mount.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    assert _found(tilted.astype(np.float32)).mean() > 0.3

    oval = np.zeros(mount.shape, np.uint8)
    cv2.ellipse(oval, (140, 115), (120, 90), 0, 0, 360, 1, -1)
    found = _found(np.where(oval == 1, mount, np.float32(0.2)).astype(np.float32))
    assert found[oval == 0].mean() > 0.95
    assert found[oval == 1].mean() < 0.02


@pytest.mark.parametrize("across", [False, True])
def test_mattes_of_films_lie_on_two_sides(samples_dir: Path, across: bool) -> None:
    film = _picture(samples_dir) * 0.8 + 0.15
    bars = ((0, 0), (25, 25)) if across else ((25, 25), (0, 0))
    matte = np.pad(film, bars).astype(np.float32)
    found = _found(matte)
    assert found[matte == 0].mean() > 0.95
    assert found[matte > 0].mean() < 0.02


def test_skies_backdrops_and_pictures_without_a_mount_are_left_alone(samples_dir: Path) -> None:
    picture = _picture(samples_dir)
    assert not _found(picture).any()
    sky = picture.copy()
    sky[:70] = np.linspace(0.9, 0.8, 70, dtype=np.float32)[:, None]  # an even sky above it
    assert not _found(sky).any()
    bars = np.pad(picture, ((25, 25), (0, 0)), constant_values=0.6)  # grey only above and below
    assert not _found(bars.astype(np.float32)).any()
    thing = np.full((150, 200), 0.8, np.float32)  # something small and ragged on a backdrop
    thing[60:90, 60:140:2] = 0.2
    assert not _found(thing).any()


def test_even_pictures_have_no_surround() -> None:
    for tone in (0.0, 0.5, 1.0):
        assert not _found(np.full((40, 50), tone, np.float32)).any()
    assert not _found(np.full((1, 1), 0.5, np.float32)).any()


def test_colour_goes_where_any_of_a_sample_is_surround() -> None:
    surround = torch.zeros(1, 1, 8, 8)
    surround[..., :3, :] = 1.0
    ab = without_color(torch.full((1, 2, 4, 4), 20.0), surround)
    assert ab[0, 0].tolist() == [[0.0] * 4, [0.0] * 4, [20.0] * 4, [20.0] * 4]
    untouched = torch.ones(1, 2, 4, 4)
    assert without_color(untouched, torch.zeros(1, 1, 8, 8)) is untouched
