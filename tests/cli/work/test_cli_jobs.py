"""Which files are read, and under which names results appear."""

from __future__ import annotations

import os
import shutil
import wave
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from cli_helpers import RunHere, make_clip, make_photo, make_scan
from PIL import Image

from vidcolor.cli.words.flags import in_flags
from vidcolor.cli.work.jobs import Job, Plan, existing_outputs, make_plan, scans_in
from vidcolor.errors import InputError, OptionError


def names(plan: Plan, folder: Path) -> dict[str, str]:
    """Input -> output, relative to ``folder``."""
    return {
        os.path.relpath(job.source, folder): os.path.relpath(job.output, folder)
        for job in plan.jobs
    }


def test_default_name_and_kind_by_content(tmp_path: Path) -> None:
    (disguised := make_photo(tmp_path / "x.png")).rename(tmp_path / "film.mp4")
    plan = make_plan([str(tmp_path / "film.mp4")], None)
    assert not disguised.exists()
    assert plan.jobs[0].kind == "image"
    # a photo, and .mp4 is no type that photos are written in
    assert plan.jobs[0].output == str(tmp_path / "film_color.png")
    assert not plan.is_batch


def test_two_words_are_in_and_out(clip: Path, photo: Path) -> None:
    plan = make_plan([str(clip), str(photo)], None)
    assert [(job.source, job.output) for job in plan.jobs] == [(str(clip), str(photo))]
    assert existing_outputs(plan.jobs) == list(plan.jobs)


def test_folder_as_out_gets_the_default_name(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for out in (str(tmp_path / "d"), str(tmp_path / "new") + "/"):
        plan = make_plan([str(clip)], None) and make_plan([str(clip), out], None)
        assert plan.is_batch
        assert plan.jobs[0].output == str(Path(out) / "film_color.mp4")


def test_o_is_a_file_or_a_folder(clip: Path, photo: Path, tmp_path: Path) -> None:
    assert make_plan([str(clip)], str(tmp_path / "x.mkv")).jobs[0].output.endswith("/x.mkv")
    plan = make_plan([str(clip)], str(tmp_path / "results"))
    assert plan.jobs[0].output.endswith("/results/film_color.mp4")
    plan = make_plan([str(clip), str(photo)], str(tmp_path / "results"))
    assert [Path(job.output).name for job in plan.jobs] == ["film_color.mp4", "photo_color.png"]
    with pytest.raises(OptionError, match="looks like a file"):
        make_plan([str(clip), str(photo)], str(tmp_path / "x.mkv"))
    with pytest.raises(OptionError, match="no folder"):
        make_plan([str(clip), str(photo)], str(photo))


def test_folder_keeps_its_shape_and_mixes_kinds(tmp_path: Path) -> None:
    reels = tmp_path / "reels"
    (reels / "a" / "b").mkdir(parents=True)
    (reels / ".hidden").mkdir()
    make_clip(reels / "one.mp4")
    make_photo(reels / "a" / "two.png")
    make_clip(reels / "a" / "b" / "three.mkv")
    make_clip(reels / "a" / "b" / "bare.mkv").rename(reels / "a" / "b" / "no-extension")
    (reels / "notes.txt").write_text("no picture")
    (reels / "empty.dat").touch()
    make_photo(reels / "done_color.png")
    make_photo(reels / ".hidden" / "thumb.png")
    make_photo(reels / ".photo.png")
    plan = make_plan([str(reels)], str(reels / "results"))
    assert names(plan, reels) == {
        "one.mp4": "results/one_color.mp4",
        "a/two.png": "results/a/two_color.png",
        "a/b/no-extension": "results/a/b/no-extension_color.mp4",
        "a/b/three.mkv": "results/a/b/three_color.mkv",
    }
    assert plan.passed_over == 1
    # A second run must not take the first one's results for inputs.
    (reels / "results").mkdir()
    make_clip(reels / "results" / "stray.mp4")
    assert names(make_plan([str(reels)], str(reels / "results")), reels) == names(plan, reels)


def test_broken_input_of_a_batch_is_kept_for_its_turn(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_bytes(b"no film at all" * 99)
    words = [str(tmp_path / "broken.mp4"), str(tmp_path / "missing.mp4"), str(clip)]
    plan = make_plan(words, str(tmp_path / "out"))
    assert [type(job.problem) for job in plan.jobs] == [InputError, InputError, type(None)]
    for word in words[:2]:
        with pytest.raises(InputError, match=Path(word).name):
            make_plan([word], None)


def test_an_unreadable_subfolder_is_reported(clip: Path, tmp_path: Path) -> None:
    """A path that is too long for the system can't be read by anybody, root included."""
    album = tmp_path / "album"
    album.mkdir()
    clip.rename(album / "film.mp4")
    here = os.open(album, os.O_RDONLY)
    for _ in range(17):
        os.mkdir("x" * 250, dir_fd=here)
        below = os.open("x" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    try:
        film, folder = make_plan([str(album)], str(tmp_path / "out")).jobs
    finally:
        shutil.rmtree(album / ("x" * 250))
    assert film.problem is None
    assert isinstance(folder.problem, InputError)
    assert "the folder can't be read: File name too long" in str(folder.problem)


def test_results_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        make_photo(tmp_path / folder / "x.png")
    make_clip(tmp_path / "a" / "x.gif")
    make_clip(tmp_path / "a" / "x.mp4")
    plan = make_plan([str(tmp_path / "a")], str(tmp_path / "out"))
    assert len({job.output for job in plan.jobs}) == 3
    assert {Path(job.output).name for job in plan.jobs} == {
        "x_color.mp4",
        "x_mp4_color.mp4",
        "x_color.png",
    }
    plan = make_plan([str(tmp_path / "a"), str(tmp_path / "b")] * 2, str(tmp_path / "out"))
    assert names(plan, tmp_path) == {
        "a/x.gif": "out/a/x_color.mp4",
        "a/x.mp4": "out/a/x_mp4_color.mp4",
        "a/x.png": "out/a/x_color.png",
        "b/x.png": "out/b/x_color.png",
    }
    assert len(plan.notes) == 1
    assert "same names" in plan.notes[0]


def test_files_of_several_folders_keep_them_where_names_repeat(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/c/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_photo(tmp_path / name)
    words = [str(tmp_path / name) for name in ("b/c/1.png", "a/1.png", "a/2.png")]
    out = str(tmp_path / "out")
    assert set(names(make_plan(words, out), tmp_path).values()) == {
        "out/b/c/1_color.png",
        "out/a/1_color.png",
        "out/a/2_color.png",
    }
    plan = make_plan(words[1:], out)
    assert set(names(plan, tmp_path).values()) == {"out/1_color.png", "out/2_color.png"}
    assert plan.notes == ()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_input_as_output_is_refused(clip: Path, tmp_path: Path, link: object) -> None:
    assert callable(link)
    link(clip, tmp_path / "same.mp4")
    for out in (str(clip), str(tmp_path / "same.mp4"), str(tmp_path / "x" / ".." / "film.mp4")):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(OptionError, match="same file"):
            make_plan([str(clip), out], None)


def test_another_input_as_output_is_refused(tmp_path: Path) -> None:
    make_clip(tmp_path / "a.mp4")
    make_clip(tmp_path / "a_color.mp4")
    with pytest.raises(OptionError, match="same file"):
        make_plan([str(tmp_path / "a.mp4"), str(tmp_path / "a_color.mp4")], str(tmp_path))


def test_folder_needs_o(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="-o DIR"):
        make_plan([str(tmp_path)], None)


def test_numbered_output_exists_if_any_of_its_pictures_does(photo: Path, tmp_path: Path) -> None:
    plan = make_plan([str(photo), str(tmp_path / "out_%04d.png")], None)
    assert existing_outputs(plan.jobs) == []
    (tmp_path / "out_0017.png").touch()
    assert existing_outputs(plan.jobs) == list(plan.jobs)


def test_only_sound_is_said_to_be_that(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "x.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match="no picture"):
        make_plan([str(tmp_path / "x.wav")], None)


@pytest.mark.parametrize("suffix", ["dpx", "exr"])
def test_scans_are_no_films_of_one_frame(tmp_path: Path, suffix: str) -> None:
    reel = tmp_path / "reel"
    reel.mkdir()
    for number in range(3):
        make_scan(reel / f"scan_{number:06d}.{suffix}")
    make_photo(reel / "board.png")
    plan = make_plan([str(reel)], str(tmp_path / "out"))
    problems = [in_flags(job.problem) for job in plan.jobs if job.problem is not None]
    pattern = f"{reel}/scan_%06d.{suffix}"
    assert len(plan.jobs) == 2
    assert problems == [
        f"{pattern}: scans of a film are read together: give '{pattern}' as input, with --fps 18"
    ]
    for name in (reel / f"scan_000001.{suffix}", make_scan(reel / f"alone.{suffix}")):
        with pytest.raises(InputError, match="with fps=18"):
            make_plan([str(name), str(tmp_path / "out.tif")], None)
    assert make_plan([pattern], None).jobs[0].kind == "sequence"


def test_pictures_that_nobody_reads_are_no_films(tmp_path: Path) -> None:
    for name in ("photo.pcx", "photo.sgi"):
        make_photo(tmp_path / name)
        with pytest.raises(InputError, match="neither a film nor a photo"):
            make_plan([str(tmp_path / name)], None)
    make_photo(tmp_path / "photo.tga")
    assert make_plan([str(tmp_path)], str(tmp_path / "out")).jobs == ()


def test_jpeg_xl_is_named_and_left_out_of_folders(tmp_path: Path) -> None:
    """Its name was taken for a photo's, so that one made a whole folder fail."""
    folder = tmp_path / "album"
    folder.mkdir()
    make_photo(folder / "one.png")
    pixels = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    (folder / "two.jxl").write_bytes(imagecodecs.jpegxl_encode(pixels))
    plan = make_plan([str(folder)], str(tmp_path / "out"))
    assert names(plan, tmp_path) == {"album/one.png": "out/one_color.png"}
    with pytest.raises(InputError, match="JPEG XL can't be read"):
        make_plan([str(folder / "two.jxl")], None)


def test_numbered_pictures_are_suspected_to_be_a_film() -> None:
    film = [Job(f"reel/scan_{n:06d}.tif", "x", "image") for n in range(48)]
    album = [Job(f"album/IMG_{n:04d}.jpg", "x", "image") for n in range(20)]
    assert scans_in([*film, *album]) == [("reel/scan_%06d.tif", 48)]


def test_thumbnails_of_a_nas_are_left_alone_and_an_icon_is_a_picture(tmp_path: Path) -> None:
    album = tmp_path / "album"
    (album / "@eaDir" / "1.png").mkdir(parents=True)
    make_photo(album / "@eaDir" / "1.png" / "SYNOPHOTO_THUMB_M.png")
    make_photo(album / "1.png")
    Image.new("L", (64, 64), 100).save(album / "2.ico")
    plan = make_plan([str(album)], str(tmp_path / "out"))
    assert names(plan, tmp_path) == {
        "album/1.png": "out/1_color.png",
        "album/2.ico": "out/2_color.png",
    }
    assert {job.kind for job in plan.jobs} == {"image"}


def test_a_part_of_a_photograph_is_said_to_mean_nothing(
    run_here: RunHere, photo: Path, model_words: list[str]
) -> None:
    run = run_here(*model_words, "--start", "3", photo)
    assert run.returncode == 0
    assert "--start is for films" in run.stderr
