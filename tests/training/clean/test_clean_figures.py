"""Figures of photographs, and the reasons that follow from them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from clean_pictures import drawing, fog, grey_of, toned
from skimage import data

from vidcolor.data.photos import Photo
from vidcolor.training.clean.figures import measure
from vidcolor.training.clean.reasons import reason_of


def through_jpeg(photo: Photo) -> Photo:
    """As cameras and the web keep it: chroma at half the size."""
    blob = cv2.imencode(".jpg", photo[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return cv2.imdecode(blob, cv2.IMREAD_COLOR)[:, :, ::-1].copy()


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_photographs_are_kept(name: str) -> None:
    photo = getattr(data, name)()
    assert reason_of(measure(photo)) == reason_of(measure(through_jpeg(photo))) == ""


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_grey_and_toned_ones_are_told_also_through_jpeg(name: str) -> None:
    photo = getattr(data, name)()
    for tone, reason in (((0, 0), "black-and-white"), ((4, 14), "toned"), ((-3, -9), "toned")):
        assert reason_of(measure(through_jpeg(toned(photo, tone)))) == reason, tone


def test_a_grey_scene_is_kept_where_its_grey_copy_is_not() -> None:
    scene = through_jpeg(fog(data.coffee()))
    figures = measure(scene)
    assert figures.chroma < 6.0  # less than many toned pictures have
    assert reason_of(figures) == ""
    assert reason_of(measure(grey_of(scene))) == "black-and-white"


def test_drawings_blanks_casts_and_small_ones_are_told() -> None:
    photo = data.astronaut()
    assert reason_of(measure(drawing())) == "drawing"
    assert reason_of(measure(np.full((200, 200, 3), 128, np.uint8))) == "blank"
    assert reason_of(measure(photo[:200, :60])) == "small"
    red = (0.25 * photo + np.array([150.0, 20.0, 10.0])).astype(np.uint8)
    assert reason_of(measure(red)) == "cast"
