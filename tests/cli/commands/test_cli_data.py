"""``vidcolor data clean`` from end to end, on pictures of which it is known what is wrong."""

from __future__ import annotations

import csv
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from clean_pictures import drawing, fog, toned
from cli_helpers import RunHere
from skimage import data

from vidcolor.data.photos import Balanced, Photo, load_photos
from vidcolor.data.sources import list_entries
from vidcolor.errors import InputError


def save(path: Path, photo: Photo) -> Path:
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(photo[:, :, ::-1]))
    return path


@pytest.fixture
def pool(tmp_path: Path) -> tuple[Path, Path]:
    """A folder, and a tar file elsewhere."""
    folder = tmp_path / "pool"
    save(folder / "astronaut.jpg", data.astronaut())
    save(folder / "smaller.jpg", data.astronaut()[::2, ::2])
    save(folder / "sepia.jpg", toned(data.chelsea(), (4, 14)))
    save(folder / "fog.jpg", fog(data.coffee()))
    save(folder / "chart.png", drawing())
    save(folder / "rocket.jpg", data.rocket())
    broken = save(folder / "broken.jpg", data.coffee())
    broken.write_bytes(broken.read_bytes()[:9000])
    (folder / "no-picture.jpg").write_text("nothing")
    archive = tmp_path / "far" / "more.tar"
    cat = save(tmp_path / "far" / "cat.jpg", data.chelsea())
    with tarfile.open(archive, "w") as tar:
        tar.add(cat, "cat.jpg")
    return folder, archive


def test_bad_ones_go_with_their_reasons_and_training_takes_the_others(
    run_here: RunHere, pool: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "lists").mkdir()
    chosen = tmp_path / "lists" / "clean.csv"
    report = tmp_path / "report.html"
    words = ["data", "clean", *pool, "-o", chosen, "--report", report, "-d", "cpu"]
    done = run_here(*words)
    assert done.returncode == 0, done.stderr
    assert "9 photographs, 4 kept" in done.stderr
    assert "too few for UMAP" in done.stderr
    rows = {Path(row["file"]).name: row for row in csv.DictReader(chosen.open(encoding="utf-8"))}
    assert {name: row["reason"] for name, row in rows.items()} == {
        "astronaut.jpg": "", "smaller.jpg": "duplicate", "sepia.jpg": "toned", "fog.jpg": "",
        "chart.png": "drawing", "rocket.jpg": "", "broken.jpg": "broken", "no-picture.jpg":
        "broken", "cat.jpg": "",
    }  # fmt: skip
    assert rows["smaller.jpg"]["like"] == rows["astronaut.jpg"]["file"]
    assert float(rows["fog.jpg"]["chroma"]) < 6.0
    assert all((row["keep"] == "yes") == (row["reason"] == "") for row in rows.values())
    # What vidcolor train reads: files and the member of the tar, by the list alone.
    assert [Path(e.name).name for e in list_entries(chosen, split="train")] == [
        "astronaut.jpg", "fog.jpg", "rocket.jpg", "cat.jpg",
    ]  # fmt: skip
    assert len(load_photos((str(chosen),))) == 4
    page = report.read_text(encoding="utf-8")
    assert "<h1>4 of 9 photographs are kept</h1>" in page
    for heading in ("toned: 1", "drawing: 1", "duplicate: 1", "broken: 2", "in no cluster: 4"):
        assert f"<h2>{heading}</h2>" in page
    assert "http" not in page.replace("<!doctype html>", "")  # nothing is fetched
    # sepia, drawing, both of the duplicates, four kept, the fog among them as a grey scene too
    assert page.count("data:image/jpeg;base64,") == 9
    again = run_here(*words)
    assert again.returncode != 0 and "clean.csv: exists; -y replaces it" in again.stderr


def test_a_grey_scene_counts_where_a_list_says_so(pool: tuple[Path, Path]) -> None:
    folder, _ = pool
    save(folder / "dim.jpg", (0.4 * fog(data.coffee()).astype(float)).astype(np.uint8))
    index = folder / "index.csv"
    index.write_text("file,keep\ndim.jpg,\nrocket.jpg,yes\n")
    assert len(load_photos((str(index),))) == 1  # its mean chroma is below 4
    index.write_text("file,keep\ndim.jpg,yes\nrocket.jpg,yes\n")
    assert len(load_photos((str(index),))) == 2
    assert len(load_photos((str(index),), memory_gb=0.0)) == 2


def test_balanced_photographs_come_by_weight(pool: tuple[Path, Path]) -> None:
    folder, _ = pool
    index = folder / "index.csv"
    index.write_text("file,weight\nastronaut.jpg,0.5\nrocket.jpg,1.5\nsmaller.jpg,1\n")
    shown = list(Balanced(load_photos((str(index),))))
    shapes = [photo.shape for photo in shown]
    rocket = shapes[1]
    assert shapes.count(rocket) == 3 and len(shapes) == 6  # 1, 3 and 2 times
    index.write_text("file,weight\nastronaut.jpg,-1\n")
    with pytest.raises(InputError, match="weight '-1' isn't a number above 0"):
        list_entries(index)


def test_two_copies_are_one_and_nothing_is_asked_of_a_lonely_picture(
    run_here: RunHere, tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / "two" / name, data.coffee())
    for left, words in (("2 photographs, 1 kept", "duplicate 1"), ("1 photographs, 1 kept", "")):
        done = run_here("data", "clean", "two", "-d", "cpu")
        assert done.returncode == 0 and left in done.stderr and words in done.stderr
        assert "Warning" not in done.stderr
        (tmp_path / "two" / "b.jpg").unlink(missing_ok=True)


def test_a_missing_package_is_named(
    run_here: RunHere, pool: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)  # as if it weren't installed
    done = run_here("data", "clean", pool[0])
    assert done.returncode != 0
    assert "needs umap-learn: pip install 'vidcolor[training]'" in done.stderr


def test_nothing_is_written_where_a_source_is_wrong(run_here: RunHere, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, message in (("nowhere", "nowhere: neither a folder"), ("empty", "no photographs")):
        done = run_here("data", "clean", source, "-o", "clean.csv")
        assert done.returncode != 0 and message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not (tmp_path / "clean.csv").exists()
    done = run_here("data", "clean", "empty", "-o", "clean.txt")
    assert done.returncode != 0 and "end in .csv" in done.stderr
