"""What surrounds a picture is found, and what only looks even is not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

import vidcolor
from vidcolor.engine.coloring.mounts import colored_share, find_surround

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


def test_samples_that_hold_any_surround_keep_no_colour(samples_dir: Path) -> None:
    mounted = torch.from_numpy(_mounted(_picture(samples_dir), 0.3))[None, None]
    plain = torch.from_numpy(_picture(samples_dir))[None, None]
    share = colored_share(mounted, (48, 60))  # samples of 4 pixels; the mount is 20 wide
    assert share[0, 0, :4].max() == share[0, 0, :, -4:].max() == 0.0
    assert share[0, 0, 6:-6, 6:-6].min() == 1.0
    assert colored_share(plain, (38, 50)).min() == 1.0


def _mounted_photo(samples: Path, target: Path) -> Path:
    codes = (255 * _mounted(_picture(samples), 0.5)).round().astype(np.uint8)
    cv2.imwrite(str(target), codes)
    return target


def test_the_mount_of_a_photograph_stays_grey(samples_dir: Path, tmp_path: Path) -> None:
    source = _mounted_photo(samples_dir, tmp_path / "in.png")
    chroma = {}
    for mounts in ("grey", "color"):
        options = vidcolor.ColorizeOptions(model="compact", device="cpu", mounts=mounts)  # type: ignore[arg-type]
        target = tmp_path / f"{mounts}.png"
        vidcolor.colorize_image(source, target, options=options)
        rgb = cv2.imread(str(target), cv2.IMREAD_COLOR_RGB)
        assert rgb is not None
        chroma[mounts] = np.ptp(rgb.astype(int), axis=2)
    assert chroma["grey"][:14].max() <= 1  # rounding of R'G'B'
    assert chroma["color"][:14].max() > 5
    assert np.array_equal(chroma["grey"][40:-40, 40:-40], chroma["color"][40:-40, 40:-40])


def test_the_matte_of_a_film_stays_grey(samples_dir: Path, tmp_path: Path) -> None:
    import av

    picture = cv2.imread(str(_mounted_photo(samples_dir, tmp_path / "in.png")), 0)
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "gray"
        for _ in range(6):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        film.mux(stream.encode(None))
    options = vidcolor.ColorizeOptions(model="compact", device="cpu", render_factor=12)
    with vidcolor.open(source) as opened:
        frames = list(opened.colorize(options=options))
    assert len(frames) == 6
    for frame in frames:
        assert np.ptp(frame.rgb[:14].astype(int), axis=2).max() <= 1
        assert np.ptp(frame.rgb[40:-40, 40:-40].astype(int), axis=2).max() > 5
