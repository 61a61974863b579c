"""Fades are measured and undone for the network; colours fall with the lightness."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from vidcolor.color import luma_to_lightness
from vidcolor.temporal.exposure import FlickerMeter
from vidcolor.temporal.fades import Fade, FadeMeter, faded_share, unfade

FPS = 24.0
FADE_FRAMES = 24


def _codes(count: int = 48) -> list[np.ndarray]:
    """A slow pan over a photograph, 8-bit grey."""
    grey = data.astronaut().mean(axis=2)
    return [grey[60:252, 3 * i : 3 * i + 256].astype(np.float64) for i in range(count)]


def _film(kind: str) -> tuple[Tensor, list[float]]:
    """``(48, 1, 192, 256)`` L*/100, rounded to 8 bits, and how far each frame is faded."""
    factors = np.ones(48)
    ramp = np.linspace(0, 1, FADE_FRAMES)
    if "up" in kind:
        factors[:4], factors[4 : 4 + FADE_FRAMES] = 0, ramp
    if "down" in kind:
        factors[20 : 20 + FADE_FRAMES], factors[44:] = ramp[::-1], 0
    frames = [
        255 - (255 - codes) * factor if "white" in kind else codes * factor
        for codes, factor in zip(_codes(), factors, strict=True)
    ]
    luma = torch.from_numpy(np.stack(frames).round().astype(np.uint8))[:, None]
    return luma_to_lightness(luma, depth=8, full_range=True), factors.tolist()


def _fades(film: Tensor, meter: FadeMeter | None = None, *, count: int | None = None) -> list[Fade]:
    """Of the first ``count`` frames, all frames shown before; of a begin if it is a new meter."""
    is_new, meter = meter is None, meter or FadeMeter()
    for picture in F.adaptive_avg_pool2d(film, (24, 24))[:, 0].numpy():
        meter.look(picture)
    count = len(film) if count is None else count
    return [meter.step(1 / FPS, is_cut=is_new and number == 0) for number in range(count)]


@pytest.mark.parametrize("kind", ["down", "up", "white down", "white up"])
def test_the_factor_is_measured(kind: str) -> None:
    film, factors = _film(kind)
    found = _fades(film)
    inside = [(f, k) for f, k in zip(found, factors, strict=True) if 0.1 < k < 1.0]
    assert len(inside) > 18
    for fade, factor in inside:
        # steps of rounded codes add up to 7 % where it is darkest; the film pans meanwhile
        assert fade.factor == pytest.approx(factor, rel=0.1)
        assert fade.is_white == ("white" in kind)


def test_without_later_frames_a_fade_is_known_later() -> None:
    film, factors = _film("down")
    small = F.adaptive_avg_pool2d(film, (24, 24))[:, 0].numpy()
    meter, found = FadeMeter(), []
    for number, picture in enumerate(small):
        meter.look(picture)
        found.append(meter.step(1 / FPS, is_cut=number == 0))
    assert found[22].factor == 1.0
    # five steps tell; the factor is then that of all of them
    for number in range(26, 42):
        assert found[number].factor == pytest.approx(factors[number], rel=0.05)


def test_more_frames_are_asked_for_until_a_rise_is_over() -> None:
    film, _ = _film("up")
    meter = FadeMeter()
    asked = 0
    for number, picture in enumerate(F.adaptive_avg_pool2d(film, (24, 24))[:, 0].numpy()):
        meter.look(picture)
        while number < 47 and not meter.needs_more:
            meter.step(1 / FPS, is_cut=False)
        asked = max(asked, len(meter._shown))
    assert 20 < asked < 30  # the fade takes 24 frames, of which the first shows nothing yet


def test_a_pan_flicker_and_a_slow_change_are_no_fade() -> None:
    film, _ = _film("")
    assert {fade.factor for fade in _fades(film)} == {1.0}
    flicker = np.random.default_rng(3).normal(1, 0.04, len(film))
    dim = film * torch.from_numpy(np.clip(flicker, 0, 1)).float()[:, None, None, None]
    assert sum(fade.factor < 1.0 for fade in _fades(dim)) < 5  # up and down, by chance alike
    slow = film * torch.linspace(1, 0.8, len(film))[:, None, None, None]
    assert {fade.factor for fade in _fades(slow)} == {1.0}


def test_undoing_gives_the_picture_before() -> None:
    plain, _ = _film("")
    for kind in ("down", "white down"):
        film, factors = _film(kind)
        fade = Fade(factors[30], "white" in kind)
        undone = unfade(film[30:31], fade)
        # 8 bits of a picture faded to 0.57: steps of 1.8 codes, 0.7 L*
        assert (undone - plain[30:31]).abs().max() < 0.015
        share = faded_share(film[30:31], undone, fade)
        assert share is not None
        assert share.min() >= 0
        assert share.max() <= 1
    assert unfade(film, Fade()) is film
    assert faded_share(film, film, Fade()) is None


def test_chroma_falls_with_lightness() -> None:
    dim, full = torch.full((1, 1, 1, 1), 0.3), torch.full((1, 1, 1, 1), 0.6)
    share = faded_share(dim, full, Fade(0.5))
    assert share is not None
    assert float(share) == pytest.approx(0.5, abs=0.01)
    light = faded_share(1 - dim, 1 - full, Fade(0.5, True))
    assert light is not None
    assert float(light) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("kind", ["down", "up"])
def test_a_meter_goes_on_from_its_state(kind: str) -> None:
    film, _ = _film(kind)
    whole = _fades(film)
    for count in (12, 22, 30):
        meter = FadeMeter()
        _fades(film, meter, count=count)
        later = FadeMeter()
        later.restore(json.loads(json.dumps(meter.state())))
        assert _fades(film[count:], later) == whole[count:]


def test_exposure_is_not_evened_within_a_fade() -> None:
    film, _ = _film("up")
    meter = FlickerMeter()
    seconds = [number / FPS for number in range(len(film))]
    cuts = [number == 0 for number in range(len(film))]
    for correction in meter.corrections(film, seconds, cuts):
        assert correction.fade.factor == 1.0 or not any(correction.terms)
