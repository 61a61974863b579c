"""Photographs from end to end: pooled figures, baselines, the table, the report."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from skimage import color, data

from vidcolor.engine.image import colorize_still
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OutputError
from vidcolor.evaluation.baselines import CONSTANT, GREY, TRUTH, MeanColour, distinct, painted
from vidcolor.evaluation.measures.scores import Scores, mean_scores
from vidcolor.evaluation.photos import Contender, evaluate_photos, grey_of
from vidcolor.evaluation.report.document import Report, Section, write_report
from vidcolor.evaluation.report.gallery import FlickerStrip, Gallery, Row, row
from vidcolor.evaluation.report.table import FIGURES, text_table, winner
from vidcolor.models.loading import load_model

Rgb = npt.NDArray[np.uint8]
SIZES = {"astronaut": (180, 200), "coffee": (160, 230), "chelsea": (190, 170)}


def photos() -> Iterator[tuple[str, Rgb]]:
    """Three photographs of different sizes."""
    for name, (height, width) in SIZES.items():
        yield name, np.ascontiguousarray(getattr(data, name)()[60 : 60 + height, 80 : 80 + width])


@pytest.fixture(scope="module")
def contender() -> Contender:
    return Contender("ours", load_model("compact", "cpu", "fp32", kind="image"))


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    return Gallery(most=2)


@pytest.fixture(scope="module")
def rows(contender: Contender, gallery: Gallery) -> list[Scores]:
    return evaluate_photos(photos, [contender], gallery=gallery)


def results(contender: Contender) -> list[tuple[Rgb, Rgb]]:
    options = ColorizeOptions()
    pairs = []
    for _, photo in photos():
        planes = torch.from_numpy(photo).permute(2, 0, 1).float()
        made = colorize_still(grey_of(planes), contender.model, options)
        pairs.append((made.astype(np.uint8), photo))
    return pairs


def test_pooled_figures_by_scikit_image(rows: list[Scores], contender: Contender) -> None:
    """The protocol of the bars: sums over all pixels of all photographs, each at its own size."""
    lab = [[color.rgb2lab(x)[..., 1:] for x in pair] for pair in results(contender)]
    p, t = (np.concatenate([pair[at].reshape(-1, 2) for pair in lab]) for at in (0, 1))
    scores = rows[-1]
    assert scores.name == "ours"
    # Ours is in float32.
    assert scores.ab.rmse_ratio == pytest.approx(
        np.sqrt(((p - t) ** 2).sum() / (t**2).sum()), rel=1e-4
    )
    centred = [[x - x.mean((0, 1)) for x in pair] for pair in lab]
    pc, tc = (np.concatenate([pair[at].reshape(-1, 2) for pair in centred]) for at in (0, 1))
    want = (pc * tc).sum() / np.sqrt((pc**2).sum() * (tc**2).sum())
    assert scores.ab.correlation == pytest.approx(want, rel=1e-3)


def test_means_over_pictures_by_scikit_image(rows: list[Scores], contender: Contender) -> None:
    from skimage import metrics

    pairs = results(contender)
    ssim = [metrics.structural_similarity(t, r, channel_axis=2) for r, t in pairs]
    psnr = [metrics.peak_signal_noise_ratio(t, r) for r, t in pairs]
    difference = [
        color.deltaE_ciede2000(color.rgb2lab(t), color.rgb2lab(r)).mean() for r, t in pairs
    ]
    assert rows[-1].ssim == pytest.approx(np.mean(ssim), rel=1e-6)
    assert rows[-1].psnr == pytest.approx(np.mean(psnr), rel=1e-6)
    assert rows[-1].ciede2000 == pytest.approx(np.mean(difference), rel=1e-4)


def test_baselines_are_what_they_are_called(rows: list[Scores]) -> None:
    grey, constant = rows[:2]
    assert [grey.name, constant.name] == [GREY, CONSTANT]
    assert grey.ab.rmse_ratio == pytest.approx(1.0, abs=1e-9)
    assert grey.ab.best_saturation == grey.ab.correlation == 0.0
    assert grey.ab.colourfulness == pytest.approx(0.0, abs=1e-9)
    lab = [color.rgb2lab(photo)[..., 1:].reshape(-1, 2) for _, photo in photos()]
    t = np.concatenate(lab)
    least = np.sqrt(1.0 - (t.mean(0) ** 2).sum() / (t**2).sum(1).mean())
    assert constant.ab.rmse_ratio == pytest.approx(least, rel=1e-4)
    assert constant.ab.best_saturation == pytest.approx(1.0, abs=1e-4)
    assert constant.ab.correlation == pytest.approx(0.0, abs=1e-6)
    # Its RGB is the colour mapped into gamut, and that colour is still one to be seen.
    assert 10.0 < constant.ab.colourfulness < constant.ab.colourfulness_truth
    mean = MeanColour()
    for _, photo in photos():
        mean.add(torch.from_numpy(photo).permute(2, 0, 1).float())
    assert mean.ab == pytest.approx(tuple(t.mean(0)), abs=1e-2)


def test_painted_pictures_have_their_colour() -> None:
    rgb = painted(torch.full((8, 8), 0.6), (14.0, -9.0))
    lab = color.rgb2lab(rgb.permute(1, 2, 0).byte().numpy())
    # 8-bit codes are half a Lab unit apart.
    assert np.abs(lab - [60.0, 14.0, -9.0]).max() < 0.6


def test_limits_of_the_gallery(gallery: Gallery, rows: list[Scores]) -> None:
    assert [r.name for r in gallery.rows] == ["astronaut", "chelsea"]
    assert [p.caption for p in gallery.rows[0].pictures] == [GREY, "ours", TRUTH]
    for wanted, most in ((50, 8), (8, 8), (9, 8), (1000, 24)):
        kept = Gallery(most)
        for at in range(wanted):
            kept.offer(lambda at=at: Row(str(at), ()))  # type: ignore[misc]
        assert min(wanted, most) / 2 <= len(kept.rows) <= most
        places = np.diff([int(r.name) for r in kept.rows])
        assert len(set(places)) <= 1
        assert kept.rows[0].name == "0"


def test_pictures_are_what_they_show() -> None:
    photo = torch.from_numpy(data.chelsea()).permute(2, 0, 1).float()
    picture = row("cat", [("truth", photo)]).pictures[0]
    decoded = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded.shape[:2] == (picture.height, picture.width)
    assert max(picture.height, picture.width) == 360
    want = cv2.resize(data.chelsea(), (picture.width, picture.height), interpolation=cv2.INTER_AREA)
    assert np.abs(decoded[:, :, ::-1].astype(float) - want).mean() < 3.0
    turned = row("cat", [("truth", photo)], turns=1).pictures[0]
    assert (turned.height, turned.width) == (picture.width, picture.height)


def test_a_flicker_strip_is_one_column_over_time() -> None:
    strip = FlickerStrip("x")
    assert strip.picture() is None
    for at in range(10):
        frame = torch.zeros(3, 40, 31)
        frame[0, :, 15] = 20.0 * at
        strip.add(frame)
    picture = strip.picture()
    assert picture is not None
    pixels = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert (picture.width, picture.height) == (60, 40)
    red = pixels[:, 3::6, 2].mean(axis=0)
    assert np.abs(red - 20.0 * np.arange(10)).max() < 6.0  # JPEG


def test_a_flicker_strip_of_a_long_film_shows_all_of_it() -> None:
    strip = FlickerStrip("x")
    for at in range(2500):
        strip.add(torch.full((3, 8, 3), at / 10.0))
    picture = strip.picture()
    assert picture is not None
    pixels = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert 600 <= picture.width <= 1200
    wanted = np.linspace(0.0, 250.0, picture.width)
    assert np.abs(pixels[4, :, 0] - wanted).max() < 4.0  # whole codes, JPEG


def test_competitors_are_told_apart() -> None:
    assert distinct(["a", "grey", "a", "truth", "a"]) == [
        "a", "grey (2)", "a (2)", "truth (2)", "a (3)",
    ]  # fmt: skip
    assert distinct(["a", "a (2)", "a"]) == ["a", "a (2)", "a (3)"]


def test_names_that_are_cut_alike_are_told_apart(rows: list[Scores]) -> None:
    twins = [
        dataclasses.replace(rows[0], name=f"runs/{run}/unet-resblock.safetensors") for run in "ab"
    ]
    names = text_table(twins, head=[]).splitlines()[1].split("  ")
    assert len({name.strip() for name in names if name.strip()}) == 2


def test_table_and_winner(rows: list[Scores]) -> None:
    text = text_table(rows, head=[("photographs", "3")])
    assert "photographs                  3" in text
    lines = {line[:28].strip(): line[28:].split() for line in text.splitlines()}
    assert lines["ab RMSE / that of grey"] == [f"{r.ab.rmse_ratio:.4f}" for r in rows]
    assert lines["ab correlation"][0] == "-"
    assert "LPIPS" not in text
    assert "CDC" not in text
    by_label = {f.label: f for f in FIGURES}
    assert winner(by_label["CIEDE2000"], rows) is min(rows, key=lambda r: r.ciede2000)
    assert winner(by_label["PSNR, dB"], rows) is max(rows, key=lambda r: r.psnr)
    assert winner(by_label["colourfulness"], rows) is None
    assert winner(by_label["PSNR, dB"], rows[:1]) is None


def test_flat_figures_are_json(rows: list[Scores]) -> None:
    flat = rows[-1].flat()
    assert flat["rmse_ratio"] == rows[-1].ab.rmse_ratio
    assert flat["lpips"] is None
    assert flat["colourfulness_ratio"] == pytest.approx(rows[-1].ab.colourfulness_ratio)
    assert 0.2 < flat["colourfulness_each"] < 2.0
    assert rows[0].colourfulness_each == pytest.approx(0.0, abs=1e-9)
    twice = mean_scores([rows[-1], rows[0]])
    assert twice.psnr == pytest.approx((rows[-1].psnr + rows[0].psnr) / 2)
    assert twice.ab.pictures == 6


def test_report_is_one_file_with_its_pictures(
    rows: list[Scores], gallery: Gallery, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    nasty = '<script>alert("x")</script>\udc80'
    section = Section(nasty, rows, gallery.rows)
    write_report(path, Report(nasty, [nasty], [section], [nasty]))
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 5
    # Nothing is fetched: no address but those of the data within.
    assert not re.findall(r"https?:|src=\"(?!data:)|@import|url\(", text)
    assert "color-scheme: light dark" in text
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert len(images) == 6
    for image in images:
        blob = np.frombuffer(base64.b64decode(image), np.uint8)
        assert cv2.imdecode(blob, cv2.IMREAD_COLOR) is not None
    assert f"<td>{rows[-1].psnr:.2f}</td>" in text
    assert list(tmp_path.iterdir()) == [path]


def test_report_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"r\.html: the folder .* doesn't exist"):
        write_report(tmp_path / "missing" / "r.html", Report("x", [], []))
