"""CDC, warp error and their masks against a direct float64 transcription, on real frames."""

from __future__ import annotations

import math
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

from vidcolor.evaluation.measures.stability import (
    CdcMeter,
    FlowHistory,
    FlowPair,
    cdc,
    clip_flows,
    clip_warp_error,
    fetch,
    valid_mask,
    warp_error,
)

Array = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def frames(shared_dir: Path) -> list[npt.NDArray[np.uint8]]:
    """Nine frames of a walking camel, a quarter in size; it occludes and there are boundaries."""
    with av.open(str(shared_dir / "media/color_video/davis_camel.mp4")) as film:
        whole = [
            f.to_ndarray(format="rgb24")
            for f, _ in zip(film.decode(video=0), range(9), strict=False)
        ]
    return [cv2.resize(f, (214, 120), interpolation=cv2.INTER_AREA) for f in whole]


def dis(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    a, b = ((x[0].numpy() * 255).astype(np.uint8) for x in (first, second))
    return torch.from_numpy(estimator.calc(a, b, None)).permute(2, 0, 1)


def lightness(frames: list[npt.NDArray[np.uint8]]) -> list[torch.Tensor]:
    return [torch.from_numpy(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) / 255.0)[None] for f in frames]


def planes(frame: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(frame).permute(2, 0, 1)


# The transcription: loops and float64, from the formulas alone.


def plain_cdc(frames: list[npt.NDArray[np.uint8]]) -> float:
    def kl(p: Array, q: Array) -> float:
        return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)

    total = 0.0
    for channel in range(3):
        hists = [
            np.histogram(f[..., channel], 256, (0, 256))[0] / f[..., channel].size for f in frames
        ]
        for lag in (1, 2, 4):
            pairs = list(zip(hists, hists[lag:], strict=False))
            js = [kl(p, (p + q) / 2) / 2 + kl(q, (p + q) / 2) / 2 for p, q in pairs]
            total += sum(js) / len(js)
    return total / 9


def plain_fetch(image: Array, flow: Array) -> Array:
    """``image`` (H, W, C) at p + flow(p), flow (H, W, 2)."""
    height, width = flow.shape[:2]
    out = np.empty((height, width, image.shape[2]))
    for y in range(height):
        for x in range(width):
            at_x = min(max(x + flow[y, x, 0], 0.0), width - 1.0)
            at_y = min(max(y + flow[y, x, 1], 0.0), height - 1.0)
            x0, y0 = int(at_x), int(at_y)
            x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
            fx, fy = at_x - x0, at_y - y0
            top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
            out[y, x] = top * (1 - fy) + (image[y1, x0] * (1 - fx) + image[y1, x1] * fx) * fy
    return out


def plain_mask(forward: Array, backward: Array) -> npt.NDArray[np.bool_]:
    came = plain_fetch(backward, forward)
    mask = np.ones(forward.shape[:2], bool)
    for y in range(mask.shape[0]):
        for x in range(mask.shape[1]):
            f, w = forward[y, x], came[y, x]
            right = forward[y, min(x + 1, mask.shape[1] - 1)] - f
            below = forward[min(y + 1, mask.shape[0] - 1), x] - f
            occluded = ((w + f) ** 2).sum() > 0.01 * ((w**2).sum() + (f**2).sum()) + 0.5
            boundary = (right**2).sum() + (below**2).sum() > 0.01 * (f**2).sum() + 0.002
            mask[y, x] = not (occluded or boundary)
    return mask


def plain_error(first: Array, second: Array, flow: Array, mask: npt.NDArray[np.bool_]) -> float:
    distance = ((first - plain_fetch(second, flow)) ** 2).sum(axis=2)
    return float((mask * distance).sum() / mask.sum())


def as_array(x: torch.Tensor) -> Array:
    return x.permute(1, 2, 0).double().numpy()


def test_cdc_is_its_formula(frames: list[npt.NDArray[np.uint8]]) -> None:
    want = plain_cdc(frames)
    assert want > 1e-4
    assert cdc(planes(f) for f in frames) == pytest.approx(want, rel=1e-12)
    # Floats are rounded to the codes that they stand for.
    assert cdc(planes(f).float() + 0.3 for f in frames) == pytest.approx(want, rel=1e-12)


def test_cdc_sees_flicker_and_needs_five_frames(frames: list[npt.NDArray[np.uint8]]) -> None:
    still = [planes(frames[0])] * 6
    assert cdc(still) == 0.0
    flicker = [f if n % 2 else (f * 0.9).to(torch.uint8) for n, f in enumerate(still)]
    assert cdc(flicker) > 10 * cdc(planes(f) for f in frames)
    assert math.isnan(cdc(still[:4]))


@pytest.mark.parametrize("lag", [1, 4])
def test_warp_error_and_masks_are_their_formula(
    frames: list[npt.NDArray[np.uint8]], lag: int
) -> None:
    grey = lightness(frames)
    first, second = grey[0], grey[lag]
    forward, backward = dis(first, second), dis(second, first)
    mask = plain_mask(as_array(forward), as_array(backward))
    ours = valid_mask(forward, backward).numpy()
    # Flow is float32: pixels exactly at a threshold may fall to either side.
    assert (ours != mask).mean() < 1e-3
    assert 0.2 < mask.mean() < 0.99
    pair = FlowPair.between(first, second, dis)
    rgb = [f / 255.0 for f in (frames[0], frames[lag])]
    want = plain_error(rgb[0], rgb[1], as_array(forward), pair.valid.numpy())
    got = warp_error(*(torch.from_numpy(x).permute(2, 0, 1) for x in rgb), pair)
    assert got == pytest.approx(want, rel=1e-9)
    # In float32, as the evaluation runs it, to four digits.
    quick = warp_error(*(torch.from_numpy(x).permute(2, 0, 1).float() for x in rgb), pair)
    assert quick == pytest.approx(want, rel=1e-4)


def test_a_shift_is_followed_and_its_border_replicated() -> None:
    random = np.random.default_rng(1)
    image = torch.from_numpy(random.normal(size=(2, 9, 12)))
    flow = torch.zeros(2, 9, 12, dtype=torch.float64)
    flow[0], flow[1] = 2.0, -1.0
    moved = fetch(image, flow)
    assert torch.allclose(moved[:, 1:, :-2], image[:, :-1, 2:])
    assert torch.allclose(moved[:, :, -1], moved[:, :, -3])


def test_history_gives_the_pairs_of_a_film_in_memory(frames: list[npt.NDArray[np.uint8]]) -> None:
    grey = lightness(frames)
    rgb = [planes(f).float() / 255.0 for f in frames]
    history, streamed = FlowHistory(dis, (1, 3)), []
    for at, frame in enumerate(grey):
        pairs = history.push(frame)
        assert set(pairs) == {lag for lag in (1, 3) if lag <= at}
        if 3 in pairs:
            streamed.append(warp_error(rgb[at - 3], rgb[at], pairs[3]))
    whole = clip_warp_error(rgb, clip_flows(grey, dis, lag=3), lag=3)
    assert len(streamed) == len(frames) - 3
    assert whole == pytest.approx(np.mean(streamed), rel=1e-9)


def test_a_pair_without_a_valid_pixel_says_nothing() -> None:
    nothing = FlowPair(torch.zeros(2, 4, 4), torch.zeros(4, 4, dtype=torch.bool))
    everything = FlowPair(torch.zeros(2, 4, 4), torch.ones(4, 4, dtype=torch.bool))
    frames = [torch.zeros(3, 4, 4), torch.ones(3, 4, 4), torch.ones(3, 4, 4)]
    assert math.isnan(warp_error(frames[0], frames[1], nothing))
    assert clip_warp_error(frames, [everything, nothing]) == pytest.approx(3.0)
    meter = CdcMeter()
    assert math.isnan(meter.value)
