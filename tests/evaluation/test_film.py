"""Films: read in colour, compared frame by frame, stability beside the truth's own."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage import color, data

from vidcolor.color import luma_to_lightness, rgb_to_lab
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import InputError
from vidcolor.evaluation import film as film_module
from vidcolor.evaluation.baselines import CONSTANT, GREY, TRUTH
from vidcolor.evaluation.film import FilmReport, evaluate_film, reduced
from vidcolor.evaluation.measures.stability import cdc, clip_flows, clip_warp_error
from vidcolor.evaluation.photos import Contender
from vidcolor.media.open import open_source
from vidcolor.media.read.color_frames import rgb_frames
from vidcolor.models.loading import load_model
from vidcolor.temporal.flow import FlowEstimator
from vidcolor.types import LumaFrame

Rgb = npt.NDArray[np.uint8]
FRAMES, HEIGHT, WIDTH = 24, 96, 128
FLOW = FlowEstimator()


def pan(*, flicker: float = 0.0) -> list[Rgb]:
    """A slow pan over a photograph; with ``flicker``, its blue comes and goes."""
    photo = data.astronaut().astype(np.float64)
    frames = []
    for at in range(FRAMES):
        frame = photo[100 + at : 100 + at + HEIGHT, 90 + 2 * at : 90 + 2 * at + WIDTH].copy()
        frame[..., 2] *= 1.0 - flicker * (at % 2)
        frames.append(frame.round().astype(np.uint8))
    return frames


def write(path: Path, frames: Sequence[Rgb], *, pix_fmt: str = "bgr0") -> Path:
    """Lossless where ``pix_fmt`` is RGB."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height = frames[0].shape[1], frames[0].shape[0]
        stream.pix_fmt = pix_fmt
        for frame in frames:
            video = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(video.reformat(format=pix_fmt)))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "truth.mkv", pan())


@pytest.fixture(scope="module")
def flickering(truth: Path) -> Path:
    return write(truth.with_name("flickering.mkv"), pan(flicker=0.3))


@pytest.fixture(scope="module")
def report(truth: Path, flickering: Path) -> FilmReport:
    return evaluate_film(truth, [], against=[flickering], flow_of=FLOW)


def test_frames_are_read_as_they_are(truth: Path) -> None:
    read = list(rgb_frames(truth))
    assert len(read) == FRAMES
    assert read[6][0] == pytest.approx(6 / 24, abs=1e-3)
    for (_, got, _), want in zip(read, pan(), strict=True):
        assert np.abs(got.transpose(1, 2, 0) - want).max() < 1e-3


@pytest.mark.parametrize(("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114)])
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_are_the_files(
    tmp_path: Path, matrix: int, kr: float, kb: float, full: bool
) -> None:
    """Against the arithmetic of H.273, on planes written as they are."""
    random = np.random.default_rng(4)
    codes = random.integers(60, 190, (3, 64, 64), dtype=np.uint8)
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(24))
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_range = matrix, 2 if full else 1
        video = av.VideoFrame(64, 64, "yuv444p")
        for plane, values in zip(video.planes, codes, strict=True):
            plane.update(np.pad(values, ((0, 0), (0, plane.line_size - 64))).tobytes())
        video.colorspace, video.color_range = matrix, 2 if full else 1
        container.mux(stream.encode(video))
        container.mux(stream.encode(None))
    y, cb, cr = codes.astype(np.float64)
    luma = y / 255.0 if full else (y - 16.0) / 219.0
    pb, pr = ((c - 128.0) / (255.0 if full else 224.0) for c in (cb, cr))
    red, blue = luma + 2.0 * (1.0 - kr) * pr, luma + 2.0 * (1.0 - kb) * pb
    green = (luma - kr * red - kb * blue) / (1.0 - kr - kb)
    want = np.stack([red, green, blue], axis=2).clip(0.0, 1.0) * 255.0
    ((_, got, primaries),) = rgb_frames(tmp_path / "x.mkv")
    # Arithmetic in float32; chroma needs no scaling here.
    assert np.abs(got.transpose(1, 2, 0) - want).max() < 1e-3
    assert primaries == 2


def test_rows_and_frames(report: FilmReport) -> None:
    assert report.frames == FRAMES
    assert [r.name for r in report.rows] == [TRUTH, GREY, CONSTANT, "flickering.mkv"]
    assert [p.caption for p in report.strips.pictures] == [TRUTH, GREY, "flickering.mkv"]
    assert 2 <= len(report.shown) <= 4
    assert [p.caption for p in report.shown[0].pictures] == [GREY, "flickering.mkv", TRUTH]


def test_stability_is_that_of_the_formulas(report: FilmReport, truth: Path) -> None:
    """The streamed figures against the whole film in memory."""
    frames = pan(flicker=0.3)
    planes = [torch.from_numpy(f).permute(2, 0, 1) for f in frames]
    row = report.rows[-1]
    assert row.cdc == pytest.approx(cdc(planes), rel=1e-9)
    luma = _lightness(truth)
    flows = clip_flows(luma, FLOW, lag=1)
    rgb = [p.float() / 255.0 for p in planes]
    assert row.warp_error == pytest.approx(clip_warp_error(rgb, flows), rel=1e-5)
    # ab waits in half precision.
    ab = [rgb_to_lab(p[None])[0, 1:] for p in rgb]
    assert row.chroma_warp_error == pytest.approx(clip_warp_error(ab, flows), rel=1e-3)
    far = clip_flows(luma, FLOW, lag=20)
    assert len(far) == FRAMES - 20
    assert row.drift == pytest.approx(clip_warp_error(ab, far, lag=20), rel=1e-3)


def _lightness(path: Path) -> list[torch.Tensor]:
    """L*/100 of the luma that models are given."""
    with open_source(path) as source:
        luma = [frame for frame in source if isinstance(frame, LumaFrame)]
    return [
        luma_to_lightness(torch.from_numpy(f.luma)[None], depth=f.depth, full_range=f.full_range)
        for f in luma
    ]


def test_flicker_shows_and_greyness_does_not_pass_for_truth(report: FilmReport) -> None:
    true, grey, _, flickering = report.rows
    assert flickering.chroma_warp_error > 20.0 * true.chroma_warp_error
    assert flickering.cdc > true.cdc
    # 19 and 20 frames apart the flicker is in the same phase: drift is about slower things.
    assert flickering.drift < 0.5 * flickering.chroma_warp_error
    assert grey.chroma_warp_error == grey.drift == 0.0
    assert grey.ab.colourfulness == pytest.approx(0.0, abs=1e-6)
    assert math.isnan(true.psnr)


def test_figures_per_frame_by_scikit_image(report: FilmReport) -> None:
    pairs = zip(pan(flicker=0.3), pan(), strict=True)
    difference = [
        color.deltaE_ciede2000(color.rgb2lab(t), color.rgb2lab(r)).mean() for r, t in pairs
    ]
    assert report.rows[-1].ciede2000 == pytest.approx(np.mean(difference), rel=1e-4)


def test_a_model_runs_as_it_does_for_users(truth: Path, tmp_path: Path) -> None:
    """Through ``colorize_video``; the same film coloured by hand has the same figures."""
    from vidcolor.engine.video import colorize_video

    model = load_model("compact", "cpu", "fp32", kind="video")
    options = ColorizeOptions(smoothing=0.0)
    run = evaluate_film(truth, [Contender("ours", model)], flow_of=FLOW, options=options, limit=7)
    assert run.frames == 7
    assert math.isnan(run.rows[-1].drift)
    by_hand = ColorizeOptions(smoothing=0.0, video_codec="ffv1", pix_fmt="yuv444p10le")
    colorize_video(truth, tmp_path / "made.mkv", options=by_hand, model=model)
    same = evaluate_film(truth, [], against=[tmp_path / "made.mkv"], flow_of=FLOW, limit=7)
    assert same.rows[-1].ab.rmse_ratio == pytest.approx(run.rows[-1].ab.rmse_ratio, rel=1e-6)
    assert 0.2 < run.rows[-1].ab.rmse_ratio < 1.5
    assert run.rows[-1].ab.colourfulness > 5.0


def test_results_of_other_films_are_refused(truth: Path, tmp_path: Path) -> None:
    short = write(tmp_path / "short.mkv", pan()[:-3])
    with pytest.raises(InputError, match=r"short\.mkv: has 21 frames, but 24"):
        evaluate_film(truth, [], against=[short], flow_of=FLOW)
    long = write(tmp_path / "long.mkv", [*pan(), pan()[0]])
    with pytest.raises(InputError, match=r"long\.mkv: goes on after the 24 frames"):
        evaluate_film(truth, [], against=[long], flow_of=FLOW)
    small = write(tmp_path / "small.mkv", [f[:64, :64] for f in pan()])
    with pytest.raises(InputError, match=r"another size: 64x64 and 128x96"):
        evaluate_film(truth, [], against=[small], flow_of=FLOW)


def test_a_result_named_as_a_baseline_is_measured_as_itself(truth: Path, tmp_path: Path) -> None:
    shutil.copy(truth, tmp_path / "grey")
    copies = [tmp_path / "grey", truth, truth]
    scores = evaluate_film(truth, [], against=copies, flow_of=FLOW, limit=5).rows[3:]
    assert [row.name for row in scores] == ["grey (2)", truth.name, f"{truth.name} (2)"]
    assert scores[0].ab.rmse_ratio == 0.0
    assert scores[0].chroma_warp_error > 0.0


def test_strips_of_turned_films_show_a_column(tmp_path: Path) -> None:
    """A phone held upright stores its frames lying, with a matrix that turns them."""
    turned = tmp_path / "turned.mp4"
    quarter = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    with av.open(str(turned), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.set_display_matrix(quarter)
        for frame in pan()[:3]:
            video = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(video.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    strips = evaluate_film(turned, [], against=[turned], flow_of=FLOW).strips
    assert {picture.height for picture in strips.pictures} == {WIDTH}


def test_large_frames_are_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    planes = torch.arange(2 * 30 * 40, dtype=torch.float32).view(2, 30, 40)
    assert reduced(planes) is planes
    monkeypatch.setattr(film_module, "MAX_STABILITY_PIXELS", 300)
    assert reduced(planes).shape == (2, 15, 20)
    assert reduced(planes)[0, 0, 0] == (0 + 1 + 40 + 41) / 4
