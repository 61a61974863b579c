"""Photographs from folders, tar files and lists; crops; batches that depend on a step alone."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from run_config import MakeConfig

from vidcolor.color import rgb_to_lab
from vidcolor.data.photos import load_photos
from vidcolor.data.sources import iter_named, list_entries
from vidcolor.errors import InputError
from vidcolor.training.data.augment import lab_of, random_crop
from vidcolor.training.data.batches import batches, make_batch


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


def test_crops_are_parts_of_a_picture_at_any_scale(photos_tar: Path) -> None:
    rng = np.random.default_rng(1)
    photo = load_photos((str(photos_tar),))[0]
    for _ in range(20):
        assert random_crop(photo, 64, (0.2, 3.0), rng).shape == (64, 64, 3)
    whole = [random_crop(photo[:64, :64], 64, (1.0, 1.0), rng) for _ in range(20)]
    straight = [np.array_equal(w, photo[:64, :64]) for w in whole]
    mirrored = [np.array_equal(w[:, ::-1], photo[:64, :64]) for w in whole]
    assert any(straight)
    assert any(mirrored)
    assert all(a or b for a, b in zip(straight, mirrored, strict=True))


def test_crops_can_be_stretched() -> None:
    """Seen on a picture that says where each place was: its codes are the coordinates."""
    rows, columns = np.mgrid[0:200, 0:240].astype(np.uint8)
    photo = np.stack((rows, columns, np.zeros_like(rows)), axis=-1)
    rng = np.random.default_rng(2)
    ratios = []
    for _ in range(200):
        crop = random_crop(photo, 96, (0.4, 1.5), rng, 1.5).astype(float)
        tall, wide = np.ptp(crop[..., 0]) + 1, np.ptp(crop[..., 1]) + 1
        ratios.append(wide / tall)
    # Sides are whole pixels, and enlarging blends the outermost: a few per cent.
    assert 0.64 < min(ratios) < 0.72
    assert 1.4 < max(ratios) < 1.56
    assert abs(np.mean(np.log(ratios))) < 0.05  # as often one way as the other


def test_opencv_lab_is_near_ours(photos_tar: Path) -> None:
    photo = load_photos((str(photos_tar),))[1]
    lightness, ab = lab_of(photo)
    ours = rgb_to_lab(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255.0)[0]
    # OpenCV interpolates its curves; 0.5 Lab units are far below what a network could learn.
    assert np.abs(ours[0].numpy() - lightness * 100).max() < 0.5
    assert np.abs(ours[1:].permute(1, 2, 0).numpy() - ab).max() < 0.5


def test_a_step_has_its_own_chance_whatever_came_before(config: MakeConfig) -> None:
    c = config(film=1.0, film_share=1.0)
    photos = load_photos(c.data)
    first, again, other = (make_batch(photos, c, step, 4) for step in (5, 5, 6))
    assert torch.equal(first.lightness, again.lightness)
    assert torch.equal(first.ab, again.ab)
    assert not torch.equal(first.ab, other.ab)
    for workers in (1, 3):
        stream = batches(photos, config(film=1.0, film_share=1.0, workers=workers), 4, first_step=5)
        assert torch.equal(next(stream).lightness, first.lightness)
        assert torch.equal(next(stream).lightness, other.lightness)
        stream.close()


def test_processes_share_a_batch_between_them(config: MakeConfig) -> None:
    c = config()
    photos = load_photos(c.data)
    whole = make_batch(photos, c, 3, 4)
    parts = [make_batch(photos, c, 3, 4, rank, 2) for rank in range(2)]
    assert torch.equal(whole.lightness[::2], parts[0].lightness)
    assert torch.equal(whole.ab[1::2], parts[1].ab)


def test_every_photograph_comes_once_per_epoch(config: MakeConfig) -> None:
    c = config(scale=(64 / 200, 64 / 200), film_share=0.0)
    photos = load_photos(c.data)
    seen = torch.cat([make_batch(photos, c, step, 4).ab.mean(dim=(2, 3)) for step in range(3)])
    # Whole pictures: their mean colours tell them apart, mirrored or not.
    assert len({tuple(row.round(decimals=3).tolist()) for row in seen}) == 12


def test_stages_grow_crops_over_the_run(config: MakeConfig) -> None:
    c = config(steps=10, stages=((0.5, 32, 0.2, 0.3),), crop=64)
    assert c.crop_at(4) == (32, (0.2, 0.3))
    assert c.crop_at(5)[0] == 64
