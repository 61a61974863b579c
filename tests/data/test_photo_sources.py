"""Photographs from folders, tar files and lists."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from vidcolor.data.photos import load_photos
from vidcolor.data.sources import iter_named, list_entries
from vidcolor.errors import InputError


def unpacked(photos_tar: Path, folder: Path) -> Path:
    for name, blob in iter_named(photos_tar):
        path = folder / "deep" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(blob)
    return folder


def test_grey_pictures_are_left_out(photos_tar: Path) -> None:
    assert len(list_entries(photos_tar)) == 13
    assert len(load_photos((str(photos_tar),))) == 12


def test_folder_and_tar_hold_the_same(photos_tar: Path, tmp_path: Path) -> None:
    folder = unpacked(photos_tar, tmp_path)
    for a, b in zip(load_photos((str(folder),)), load_photos((str(photos_tar),)), strict=True):
        assert np.array_equal(a, b)


def test_lists_choose_by_split_from_tars_and_folders(photos_tar: Path, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(photos_tar.read_bytes())
    (tmp_path / "loose.png").write_bytes(dict(iter_named(photos_tar))["05.png"])
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["member", "split", "path"])
        writer.writerows([[f"{n:02}.png", "val" if n < 3 else "train", "x"] for n in range(12)])
        writer.writerow(["loose.png", "train", "x"])
    index = tmp_path / "index.csv"
    assert [e.name for e in list_entries(index, split="val")] == ["00.png", "01.png", "02.png"]
    assert len(load_photos((str(index),), split="train")) == 10
    with index.open("a") as file:
        file.write("gone.png,train,x\n")
    with pytest.raises(InputError, match=r"gone\.png is listed"):
        list_entries(index)
    for row in ("x", "x,train", "x,train,"):
        index.write_text(f"path,split,member\nx,train,00.png\n{row}\n")
        with pytest.raises(InputError, match=r"csv: line 3 is too short, or its 'member'"):
            list_entries(index)
    index.write_text("member,split\n00.png\n")
    with pytest.raises(InputError, match="line 2 is too short"):
        list_entries(index)
    # As Excel saves it.
    index.write_text("member,split\n00.png,val\n01.png,train\n", encoding="utf-8-sig")
    assert [e.name for e in list_entries(index, split="val")] == ["00.png"]
    index.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="column 'member'"):
        list_entries(index)


def test_the_shared_index_is_understood(shared_dir: Path) -> None:
    entries = list_entries(shared_dir / "train" / "index.csv", split="val")
    assert len(entries) == 1000
    assert {e.file.name for e in entries} == {"val.tar"}
    assert cv2.imdecode(np.frombuffer(entries[7].read(), np.uint8), 1) is not None


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_photos((str(tmp_path / "nowhere.tar"),))
    with pytest.raises(InputError, match="no colour photographs"):
        load_photos((str(tmp_path),))


def test_beyond_the_memory_photographs_are_decoded_when_wanted(photos_tar: Path) -> None:
    ahead, late = (load_photos((str(photos_tar),), memory_gb=gb) for gb in (1.0, 0.0))
    assert len(late) == 13  # nobody has looked yet whether one of them is grey
    for a, b in zip(ahead, late, strict=False):
        assert np.array_equal(a, b)
    assert np.array_equal(late[12], late[0])  # the grey one's place is taken by the next


def test_damaged_pictures_are_passed_over(tmp_path: Path, photos_tar: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "good.png").write_bytes(next(iter_named(photos_tar))[1])
    assert len(load_photos((str(tmp_path),))) == 1
