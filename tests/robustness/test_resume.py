"""Films whose runs are cut off: the same command goes on, and the result is the same."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time
from fractions import Fraction
from pathlib import Path

import av
import pytest
from resume_helpers import (
    CUTS,
    FRAMES,
    SPANS,
    Watch,
    colorize,
    cut_off,
    make_film,
    make_long_film,
    work_of,
)
from robust_helpers import command

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.errors import OutputError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.loading import load_model

KILLS = 3
"""``checks/endure/resume`` kills a run as often as one likes."""


@pytest.fixture(scope="module")
def model() -> Colorizer:
    return load_model("compact", "cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def whole(film: Path, model: Colorizer) -> Path:
    """The result of a run that nothing disturbed."""
    colorize(film, film.with_name("whole.mp4"), model)
    return film.with_name("whole.mp4")


@pytest.fixture(scope="module")
def begun(
    film: Path, model: Colorizer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Watch]:
    """The work folder of a run that was cut off after 90 frames, and what was said of it."""
    output = tmp_path_factory.mktemp("begun") / "out.mp4"
    watch = cut_off(film, output, model, 90)
    return work_of(output), watch


@pytest.fixture
def output(begun: tuple[Path, Watch], tmp_path: Path) -> Path:
    """An output that is begun as far as that."""
    folder, _ = begun
    shutil.copytree(folder, tmp_path / folder.name)
    return tmp_path / "out.mp4"


WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "motion, Matroska": (".mkv", {"video_codec": "ffv1", "stabilize": "motion"}),
    "each frame on its own": (".mp4", {}),
    "every fourth, deflickered": (".mp4", {"every": 4, "deflicker": True, "stabilize": "motion"}),
    "in place, side by side": (".mkv", {"stabilize": "ema", "compare": True, "batch_size": 3}),
    "a part of the film, key frames": (".mp4", {"start_s": 0.2, "end_s": 5.4, "every": "auto"}),
}


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_it_goes_on_and_comes_to_the_same_bytes(
    film: Path, model: Colorizer, tmp_path: Path, way: str
) -> None:
    suffix, options = WAYS[way]
    whole, output = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    expected = colorize(film, whole, model, **options)
    first = cut_off(film, output, model, 30, **options)
    assert not output.exists()
    assert "the same command goes on from there" in first.messages[-1]
    second = cut_off(film, output, model, 90, **options)
    assert second.skipped > 0
    third = Watch()
    result = colorize(film, output, model, third, **options)
    assert third.skipped > second.skipped
    assert third.skipped + third.done == result.frames == expected.frames
    assert result.cuts == expected.cuts
    assert result.plan == expected.plan
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted((whole.name, output.name))


def test_spans_end_at_cuts_and_in_shots_that_are_too_long(
    begun: tuple[Path, Watch],
) -> None:
    plan = json.loads((begun[0] / "plan.json").read_text())
    ends = [span["frames"] for span in plan["spans"]]
    assert CUTS[0] in ends
    in_shot = [end for end in ends if end not in CUTS]
    assert in_shot, ends
    # 20: the first cut; then 24 each, in mid-shot
    assert ends == [20, 44, 68, 92][: len(ends)]
    assert len(ends) >= 3
    assert "the same command goes on from there" in begun[1].messages[-1]


def test_numbered_images_go_on_too(film: Path, model: Colorizer, tmp_path: Path) -> None:
    for name in ("scans", "whole", "out"):
        (tmp_path / name).mkdir()
    scans = tmp_path / "scans" / "scan_%04d.png"
    colorize(film, scans, model, saturation=0.0)
    (scans.parent / "scan_0003.png").unlink()  # its number stays free
    rate = Fraction(24)
    whole, output = tmp_path / "whole" / "f_%04d.png", tmp_path / "out" / "f_%04d.png"
    colorize(scans, whole, model, fps=rate)
    cut_off(scans, output, model, 50, fps=rate)
    written = {p.name: p.stat().st_mtime_ns for p in work_of(output).glob("f_*.png")}
    assert len(written) >= CUTS[0] - 1
    # a plan that named each image would grow with the film, and is rewritten at each span
    assert "f_0001" not in (work_of(output) / "plan.json").read_text()
    watch = Watch()
    colorize(scans, output, model, watch, fps=rate)
    assert watch.skipped >= CUTS[0] - 1
    names = sorted(p.name for p in whole.parent.iterdir())
    assert names == sorted(p.name for p in output.parent.iterdir())
    assert names == [f"f_{number:04d}.png" for number in range(1, FRAMES + 1) if number != 3]
    for name in names:
        assert (output.parent / name).read_bytes() == (whole.parent / name).read_bytes()
    # what was finished is taken over, not made again
    assert (output.parent / names[0]).stat().st_mtime_ns == written[names[0]]


def test_a_percent_sign_in_a_films_name_is_no_pattern(
    film: Path, model: Colorizer, tmp_path: Path
) -> None:
    named = tmp_path / "50%d off.mkv"
    shutil.copyfile(film, named)
    watch = cut_off(named, tmp_path / "out.mp4", model, 50)
    assert "the same command goes on from there" in watch.messages[-1]


def test_another_option_begins_anew_and_says_why(
    film: Path, model: Colorizer, tmp_path: Path, output: Path
) -> None:
    watch = Watch()
    colorize(film, output, model, watch, crf=30)
    assert watch.skipped == 0
    assert watch.messages == ["begun anew, because option crf was None and is 30"]
    colorize(film, tmp_path / "fresh.mp4", model, crf=30)
    assert output.read_bytes() == (tmp_path / "fresh.mp4").read_bytes()


def test_another_input_begins_anew(
    film: Path, model: Colorizer, tmp_path: Path, output: Path
) -> None:
    data, source = bytearray(film.read_bytes()), tmp_path / film.name
    data[-1] ^= 1
    source.write_bytes(data)
    os.utime(source, ns=(film.stat().st_atime_ns, film.stat().st_mtime_ns))
    watch = Watch()
    colorize(source, output, model, watch)
    assert watch.skipped == 0
    assert "begun anew, because input" in watch.messages[0]


def test_lost_and_torn_images_are_made_again(film: Path, model: Colorizer, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "out").mkdir()
    whole, output = tmp_path / "whole" / "f_%04d.png", tmp_path / "out" / "f_%04d.png"
    colorize(film, whole, model, end_s=3)
    for name in ("f_0020.png", "f_0003.png"):  # of the second span and of the first
        cut_off(film, output, model, 50, end_s=3)
        image = work_of(output) / name
        image.write_bytes(image.read_bytes()[:-1])
    watch = Watch()
    colorize(film, output, model, watch, end_s=3)
    assert watch.skipped == 0
    names = sorted(p.name for p in whole.parent.iterdir())
    assert names == sorted(p.name for p in output.parent.iterdir())
    for name in names:
        assert (output.parent / name).read_bytes() == (whole.parent / name).read_bytes()


def test_images_are_given_their_names_from_the_last(
    film: Path, model: Colorizer, tmp_path: Path
) -> None:
    # one name can't be taken: cut off there, what stands before it is still in its place
    (tmp_path / "f_0040.png").mkdir()
    output = tmp_path / "f_%04d.png"
    with pytest.raises(OutputError):
        colorize(film, output, model, end_s=3, overwrite=True)
    (tmp_path / "f_0040.png").rmdir()
    watch = Watch()
    colorize(film, output, model, watch, end_s=3, overwrite=True)
    assert 0 < watch.skipped < 40
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"f_{n:04d}.png" for n in range(1, 73)]


def test_the_same_input_by_another_path_goes_on(
    film: Path, model: Colorizer, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    monkeypatch.chdir(film.parent)
    colorize(Path(film.name), output, model, watch)
    assert watch.skipped >= CUTS[0]


def test_names_as_long_as_file_systems_take(film: Path, model: Colorizer, tmp_path: Path) -> None:
    output = tmp_path / f"{'n' * 251}.mp4"
    cut_off(film, output, model, 50)
    watch = Watch()
    colorize(film, output, model, watch)
    assert watch.skipped >= CUTS[0]
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_in_the_folders_place_is_left_alone(
    film: Path, model: Colorizer, tmp_path: Path, kind: str
) -> None:
    output, elsewhere = tmp_path / "out.mp4", tmp_path / "elsewhere"
    elsewhere.mkdir()
    if kind == "link":
        work_of(output).symlink_to(elsewhere, target_is_directory=True)
    else:
        work_of(output).write_bytes(b"precious")
    with pytest.raises(OutputError, match=f"{work_of(output).name}: is in the way"):
        colorize(film, output, model)
    colorize(film, output, model, resume=False)
    assert not list(elsewhere.iterdir())
    assert work_of(output).is_symlink() or work_of(output).read_bytes() == b"precious"


@pytest.mark.parametrize(
    "damage", ["a flipped bit", "a lost file", "a torn plan", "a lost state", "another state"]
)
def test_what_is_damaged_is_made_again(
    film: Path, model: Colorizer, whole: Path, output: Path, damage: str
) -> None:
    folder = work_of(output)
    spans = json.loads((folder / "plan.json").read_text())["spans"]
    last = folder / spans[-1]["files"][0]["name"]
    if damage == "a flipped bit":
        data = bytearray(last.read_bytes())
        data[len(data) // 2] ^= 1
        last.write_bytes(data)
    elif damage == "a lost file":
        last.unlink()
    elif damage == "a lost state":
        (folder / spans[-1]["state"]["name"]).unlink()
    elif damage == "another state":
        state = folder / spans[-1]["state"]["name"]
        state.write_bytes(bytes([*state.read_bytes()[:-1], 255]))
    else:
        plan = folder / "plan.json"
        plan.write_bytes(plan.read_bytes()[:-40])
    watch = Watch()
    colorize(film, output, model, watch)
    assert watch.skipped < spans[-1]["frames"]
    assert output.read_bytes() == whole.read_bytes()
    assert not folder.exists()


def test_a_plan_names_no_files_elsewhere(
    film: Path, model: Colorizer, tmp_path: Path, output: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"x" * 10)
    plan = work_of(output) / "plan.json"
    content = json.loads(plan.read_text())
    content["spans"][-1]["state"] = {"name": "../precious", "size": 10, "sha256": ""}
    plan.write_text(json.dumps(content))
    watch = Watch()
    colorize(film, output, model, watch)
    assert watch.skipped == 0
    assert precious.read_bytes() == b"x" * 10


def test_nothing_is_left_where_nothing_is_finished(
    film: Path, model: Colorizer, tmp_path: Path
) -> None:
    watch = cut_off(film, tmp_path / "out.mp4", model, 3)
    assert list(tmp_path.iterdir()) == []
    assert not any("goes on" in text for text in watch.messages)


def test_without_resume_nothing_is_kept_and_nothing_used(
    film: Path, model: Colorizer, tmp_path: Path, output: Path
) -> None:
    cut_off(film, tmp_path / "other.mp4", model, 90, resume=False)
    assert list(tmp_path.iterdir()) == [work_of(output)]
    watch = Watch()
    result = colorize(film, output, model, watch, resume=False)
    assert (watch.skipped, result.frames) == (0, FRAMES)
    # the film is whole: what was kept for it is of no use any more
    assert list(tmp_path.iterdir()) == [output]


def test_a_failure_keeps_what_is_finished(film: Path, model: Colorizer, tmp_path: Path) -> None:
    class Spoiler(Watch):
        def advance(self, n: int) -> None:
            super().advance(n)
            if self.done == 50:
                raise OSError(28, os.strerror(28))

    output, watch = tmp_path / "out.mp4", Spoiler()
    with pytest.raises(OSError, match=os.strerror(28)):
        colorize(film, output, model, watch)
    assert "are kept in" in watch.messages[-1]
    after = Watch()
    colorize(film, output, model, after)
    assert after.skipped >= CUTS[0]


def _work(source: Path, output: Path) -> None:
    """In a process that gets killed."""
    options = ColorizeOptions(model="compact", device="cpu", render_factor=2)
    colorize_video(source, output, options=options, spans=SPANS)


@pytest.mark.skipif(os.name != "posix", reason="needs a fork server")
def test_killed_at_any_moment_it_always_comes_to_the_same(film: Path, tmp_path: Path) -> None:
    # the fork server imports torch once; each run is a fresh process all the same
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vidcolor.engine.video", "vidcolor.models.loading"])
    whole, output = tmp_path / "whole.mp4", tmp_path / "out.mp4"
    server = context.Process(target=int)
    server.start()
    server.join()
    began = time.monotonic()
    _run_apart(context, film, whole)
    seconds = time.monotonic() - began
    chance, kills, films = random.Random(11), 0, 0
    while kills < KILLS:
        process = context.Process(target=_work, args=(film, output))
        process.start()
        process.join(chance.uniform(0.2, 0.9) * seconds)
        killed = process.is_alive()
        process.kill()
        process.join()
        if killed and not output.exists():
            kills += 1
            continue
        assert process.exitcode in (0, -9)
        assert output.read_bytes() == whole.read_bytes()
        output.unlink()
        films += 1
    _run_apart(context, film, output)
    assert output.read_bytes() == whole.read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"whole.mp4", "out.mp4"}


def _run_apart(context: object, source: Path, output: Path) -> None:
    process = context.Process(target=_work, args=(source, output))  # type: ignore[attr-defined]
    process.start()
    process.join()
    assert process.exitcode == 0


def test_the_command_goes_on_after_sigterm(tmp_path: Path) -> None:
    source = make_long_film(tmp_path / "film.mkv", frames=480, cut=245)
    output = tmp_path / "out.mkv"
    words = (source, output, "-m", "compact", "--render-factor", "2", "--progress", "none")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command(*words), stderr=subprocess.PIPE, env=environment) as process:
        while not list(work_of(output).glob("span-245*")):
            assert process.poll() is None, "it ended before a span was finished"
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1].decode()
    assert process.returncode == 143
    assert "245 finished frames are kept in" in said
    assert not output.exists()
    done = subprocess.run(
        command(*words), stderr=subprocess.PIPE, env=environment, check=True, text=True
    )
    assert "going on: 245 frames were finished by an earlier run" in done.stderr
    with av.open(str(output)) as result:
        assert sum(1 for _ in result.decode(video=0)) == 480
    assert sorted(p.name for p in tmp_path.iterdir()) == ["film.mkv", "out.mkv"]
