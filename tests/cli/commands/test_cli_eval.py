"""``vidcolor eval`` from end to end: films, several models, results of others, the report."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
import tifffile
from cli_helpers import RunHere, command
from PIL import Image

WORDS = ["--perceptual", "off", "-d", "cpu"]


def paint(path: Path, *, strength: float = 1.0, frames: int = 8) -> Path:
    """A film of coloured blocks that drift; ``strength`` of their colours."""
    random = np.random.default_rng(7)
    blocks = random.integers(0, 255, (6, 12, 3)).repeat(12, axis=0).repeat(12, axis=1)
    grey = blocks.mean(axis=2, keepdims=True)
    picture = (grey + strength * (blocks - grey)).astype(np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = 96, 72, "bgr0"
        for at in range(frames):
            shot = np.ascontiguousarray(picture[:, at : at + 96])
            video = av.VideoFrame.from_ndarray(shot, format="rgb24")
            container.mux(stream.encode(video.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return paint(tmp_path / "film.mkv")


def test_a_film_with_two_models_and_a_report(
    run_here: RunHere, tmp_path: Path, film: Path, model_words: list[str]
) -> None:
    run = run_here("eval", film, "--json", "--report", "r.html", *WORDS, *model_words, *model_words)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    names = [row["name"] for row in said["rows"]]
    assert names[:3] == ["truth", "grey", "best constant ab"]
    assert len(set(names)) == len(names) == 5
    assert said["model"] == names[3]
    assert said["pictures"] == 8
    assert said["rows"][0]["cdc"] > 0
    assert said["rows"][0]["psnr"] is None
    assert said["rows"][3]["psnr"] == said["rows"][4]["psnr"] > 5
    assert said["chroma_warp_error"] == said["rows"][3]["chroma_warp_error"] >= 0
    assert said["drift"] is None  # eight frames have no twentieth after them
    assert [f["frames"] for f in said["films"]] == [8]
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    # Four frames or more in four versions, and strips of all but the constant.
    assert page.count("data:image/jpeg;base64,") >= 4 * 2 + 4
    assert "Flicker strips" in page


def test_two_films_compared(run_here: RunHere, tmp_path: Path, film: Path) -> None:
    pale = paint(tmp_path / "pale.mkv", strength=0.5)
    run = run_here("eval", film, "--against", pale, *WORDS)
    assert run.returncode == 0, run.stderr
    assert "pale.mkv" in run.stdout
    assert "compact" not in run.stdout + run.stderr
    run = run_here("eval", film, "--against", pale, "--json", *WORDS)
    said = json.loads(run.stdout)
    assert said["model"] == "pale.mkv"
    # Half the distance from grey in RGB is about half in Lab.
    assert 0.4 < said["rmse_ratio"] < 0.6
    assert said["correlation"] > 0.95
    assert 1.7 < said["best_saturation"] < 2.3
    run = run_here("eval", tmp_path, "--against", pale, *WORDS)
    assert run.returncode == 2
    assert "--against" in run.stderr


def test_reports_are_not_replaced_unasked(
    run_here: RunHere, tmp_path: Path, film: Path, model_words: list[str]
) -> None:
    (tmp_path / "r.html").write_text("mine")
    words = ["eval", film, "--against", film, "--report", "r.html", *WORDS]
    run = run_here(*words)
    assert run.returncode == 2
    assert "r.html: exists" in run.stderr
    assert (tmp_path / "r.html").read_text() == "mine"
    assert run_here(*words, "-y").returncode == 0
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert run_here("eval", film, "--report", ".", *WORDS).returncode == 2


def test_a_report_that_cannot_be_written_costs_no_figures(
    run_here: RunHere,
    tmp_path: Path,
    film: Path,
    file_size_limit: Callable[[int], AbstractContextManager[None]],
) -> None:
    words = ["eval", film, "--against", film, *WORDS, "--report"]
    run = run_here(*words, "none/r.html")
    assert run.returncode == 1
    assert run.stdout == ""  # told before the work
    assert "none/r.html: there is no folder none" in run.stderr
    with file_size_limit(1000):  # as on a full disk: the report is larger
        run = run_here(*words, "r.html")
    assert run.returncode == 1
    assert "PSNR" in run.stdout
    assert run.stderr.count("\n") == 1
    assert not list(tmp_path.glob("*.html"))


def test_offline_holds_for_backbones_too(
    run_here: RunHere, monkeypatch: pytest.MonkeyPatch, film: Path
) -> None:
    words = ["eval", film, *WORDS, "--perceptual", "download"]
    runs = [run_here(*words, "--offline")]
    monkeypatch.setenv("VIDCOLOR_OFFLINE", "1")
    runs.append(run_here(*words))
    for run in runs:
        assert run.returncode == 2
        assert run.stderr.startswith("vidcolor: error: --perceptual download: --offline")
        assert run.stderr.count("\n") == 1


def test_photos_and_films_are_not_mixed(run_here: RunHere, tmp_path: Path, film: Path) -> None:
    Image.new("RGB", (40, 40), (200, 90, 40)).save(tmp_path / "photo.png")
    run = run_here("eval", film, "photo.png", *WORDS)
    assert run.returncode == 2
    assert "one kind at a time" in run.stderr
    (tmp_path / "notes.txt").write_text("no film")
    run = run_here("eval", "notes.txt", *WORDS)
    assert run.returncode == 1
    assert "notes.txt" in run.stderr


def test_photos_of_other_formats_are_named(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    picture = Image.new("RGB", (64, 64), (200, 90, 40))
    pillow_heif.from_pillow(picture).save(album / "a.heic")
    picture.save(album / "b.png")
    run = run_here("eval", album / "a.heic", *WORDS, *model_words)
    assert run.returncode == 1
    assert "a.heic: no photograph that eval reads (JPEG, PNG, TIFF, WebP and BMP)" in run.stderr
    run = run_here("eval", album, "--json", *WORDS, *model_words)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["pictures"] == 1
    assert run.stderr.count("album: 1 passed over: eval reads JPEG") == 1


def test_opencv_says_nothing_of_its_own(tmp_path: Path, model_words: list[str]) -> None:
    """It writes to descriptor 2, which only a run of its own shows."""
    album = tmp_path / "album"
    album.mkdir()
    colours = np.random.default_rng(3).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    strange = [(50000, "s", 0, "a scanner's own tag", True)]
    tifffile.imwrite(album / "a.tif", colours, photometric="rgb", extratags=strange)
    (album / "cut.tif").write_bytes((album / "a.tif").read_bytes()[:1500])
    run = subprocess.run(
        command("eval", str(album), *WORDS, *model_words),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stderr.splitlines() == [
        "vidcolor: warning: cut.tif can't be decoded and doesn't count"
    ]


def test_a_single_photo_and_what_is_skipped(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    blocks = np.random.default_rng(1).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(blocks.repeat(10, axis=0).repeat(10, axis=1)).save(tmp_path / "photo.png")
    (tmp_path / "nothing").mkdir()
    run = run_here("eval", "photo.png", "--json", "--backbones", "nothing", *model_words)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    assert said["pictures"] == 1
    assert said["lpips"] is None
    names = [line.split()[0] for line in said["skipped"]]
    assert names == ["LPIPS", "FID", "KID"]
    assert "LPIPS skipped" in run.stderr
