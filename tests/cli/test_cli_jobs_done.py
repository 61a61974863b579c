"""The program as a user runs it: exit codes, messages, files left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest
from cli_helpers import RunHere, command, make_clip, make_photo, on_terminal
from PIL import Image

from vidcolor.models.weights.store import bundled_path


def frames_of(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def no_leftovers(folder: Path, *expected: str) -> None:
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(expected)


def test_film_with_default_name(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    run = run_here(clip.name, *model_words)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    assert re.search(
        r"^wrote film_color\.mp4: 6 frames in [\d.]+ s \([\d.]+ fps\), model .* on cpu \(\w+\)$",
        run.stderr,
        re.MULTILINE,
    )
    assert frames_of(clip.with_name("film_color.mp4")) == 6
    no_leftovers(clip.parent, "film.mp4", "film_color.mp4")


def test_photo(run_here: RunHere, photo: Path, tmp_path: Path, model_words: list[str]) -> None:
    run = run_here(str(photo), str(tmp_path / "out.jpg"), *model_words)
    assert run.returncode == 0, run.stderr
    assert "a photo in" in run.stderr
    with Image.open(tmp_path / "out.jpg") as result:
        assert (result.format, result.mode, result.size) == ("JPEG", "RGB", (64, 48))


def test_weights_are_a_model_by_name_or_as_a_file(
    run_here: RunHere, photo: Path, tmp_path: Path
) -> None:
    """The same file either way, whatever the copy is called."""
    copy = tmp_path / "mine.bin"
    shutil.copy(bundled_path("large.safetensors"), copy)
    for number, model in enumerate(("large", copy)):
        run = run_here(photo, f"{number}.png", "-m", model, "-d", "cpu")
        assert run.returncode == 0, run.stderr
        assert f"model {model}" in run.stderr
    with Image.open(tmp_path / "0.png") as by_name, Image.open(tmp_path / "1.png") as by_path:
        assert by_name.tobytes() == by_path.tobytes()


def test_y_replaces(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    clip.with_name("film_color.mp4").write_text("old")
    assert run_here(str(clip), "-y", *model_words).returncode == 0
    assert frames_of(clip.with_name("film_color.mp4")) == 6


def test_names_that_look_like_something_else(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    make_photo(tmp_path / "x.png").rename(tmp_path / "info")
    make_photo(tmp_path / "x.png").rename(tmp_path / "-v")
    for words in (["./info", "a.png"], ["b.png", "--", "-v"], ["./-v", "c.png"]):
        if words[0] == "b.png":
            words = ["-o", "b.png", "--", "-v"]
        cut = words.index("--") if "--" in words else len(words)
        run = run_here(*words[:cut], *model_words, *words[cut:])
        assert run.returncode == 0, run.stderr
    assert all((tmp_path / f"{name}.png").exists() for name in "abc")


def test_one_bad_input_does_not_stop_the_others(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    reels = tmp_path / "reels"
    (reels / "deep").mkdir(parents=True)
    (reels / "broken.mp4").write_bytes(b"no film" * 500)
    make_clip(reels / "deep" / "film.mp4")
    make_photo(reels / "photo.png")
    run = run_here(str(reels), "-o", str(tmp_path / "out"), *model_words)
    assert run.returncode == 1
    assert run.stderr.count("vidcolor: error: ") == 2  # the input, and the summary
    assert "broken.mp4" in run.stderr
    assert "2 of 3 inputs done" in run.stderr
    assert (tmp_path / "out" / "deep" / "film_color.mp4").exists()
    assert (tmp_path / "out" / "photo_color.png").exists()


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["missing.mp4"], 1),
        (["empty.mp4"], 1),
        (["film.mp4", "-m", "no-such-model"], 2),
        (["film.mp4", "-m", "deoldify-video", "--offline"], 3),
        (["film.mp4", "-m", "empty.mp4"], 3),
        (["film.mp4", "no/such/folder/out.mp4"], 1),
        (["film.mp4", "--video-codec", "no-such-codec"], 2),
        (["film.mp4", "-d", "cuda:99"], 1),
        (["info", "missing.mp4"], 1),
        (["preview", "missing.mp4"], 1),
    ],
)
def test_failures_are_one_line(
    run_here: RunHere, words: list[str], exit_code: int, clip: Path, model_words: list[str]
) -> None:
    (clip.parent / "empty.mp4").touch()
    model = [] if "-m" in words or words[0] in ("info", "preview") else model_words
    run = run_here(*model, *words)
    assert run.returncode == exit_code, run.stderr
    errors = [line for line in run.stderr.splitlines() if line.startswith("vidcolor: error: ")]
    assert len(errors) == 1
    assert "Traceback" not in run.stderr
    assert "unexpected" not in run.stderr
    no_leftovers(clip.parent, "film.mp4", "empty.mp4")


def test_weights_stop_a_batch_at_once(
    run_here: RunHere, clip: Path, photo: Path, tmp_path: Path
) -> None:
    words = ["-o", str(tmp_path / "out"), "-m", "deoldify-video", "--offline"]
    run = run_here(str(clip), str(photo), *words)
    assert run.returncode == 3
    assert run.stderr.count("error: ") == 1


def test_debug_shows_where(run_here: RunHere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDCOLOR_DEBUG", "1")
    run = run_here("missing.mp4")
    assert run.returncode == 1
    assert "Traceback (most recent call last)" in run.stderr


def test_names_do_not_drive_the_terminal(run_here: RunHere, tmp_path: Path) -> None:
    run = run_here(str(tmp_path / "\x1b]0;owned\x07\nvidcolor: fine.mp4"))
    assert run.returncode == 1
    assert "\x1b" not in run.stderr
    assert run.stderr.count("\n") == 1


def test_json_lines(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    run = run_here(str(clip), "--progress", "json", *model_words)
    assert run.returncode == 0, run.stderr
    events = [json.loads(line) for line in run.stderr.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds.index("start") < kinds.index("progress") < kinds.index("done")
    assert set(kinds) <= {"start", "progress", "message", "done"}
    last = [event for event in events if event["event"] == "progress"][-1]
    assert last["done"] == 6
    done = events[-1]
    assert done["event"] == "done"
    assert done["frames"] == 6
    assert done["output"] == str(clip.with_name("film_color.mp4"))
    assert {"seconds", "fps", "model", "device", "precision", "cuts", "warnings"} <= set(done)


@pytest.mark.parametrize("words", [["missing.mp4"], ["--crf", "x"], ["a", "b", "c"]])
def test_json_errors(run_here: RunHere, words: list[str], tmp_path: Path) -> None:
    run = run_here(*words, "--progress", "json")
    (error,) = [json.loads(line) for line in run.stderr.splitlines()]
    assert error["event"] == "error"
    assert error["exit_code"] == run.returncode != 0


def test_quiet_says_nothing_and_log_file_all(
    run_here: RunHere, clip: Path, model_words: list[str]
) -> None:
    log = clip.with_name("log.txt")
    run = run_here(str(clip), "-q", "--log-file", str(log), *model_words)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert "DEBUG" in log.read_text()


def test_cuts_are_listed_with_v(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    assert "cuts at" in run_here(str(clip), "-v", *model_words).stderr
    assert "cuts at" not in run_here(str(clip), "-y", *model_words).stderr


def test_bar_on_a_terminal(tmp_path: Path, model_words: list[str]) -> None:
    film = make_clip(tmp_path / "film.mp4", frames=30)
    with on_terminal(str(film), "-v", *model_words) as screen:
        assert screen.end() == 0, screen.text
    assert re.search(r"film.*\d+%\|.*\| \d+/30 frames \[", screen.text)
    # The last row is the summary, with nothing of the bar left in it.
    last = screen.text.replace("\r\n", "\n").rstrip("\n").split("\n")[-1]
    assert last.rsplit("\r", 1)[-1].startswith("wrote ")


def test_standard_input_and_output(clip: Path, model_words: list[str]) -> None:
    run = subprocess.run(
        command("-", "-", *model_words),
        input=clip.read_bytes(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    result = clip.with_name("piped.mkv")
    result.write_bytes(run.stdout)
    assert frames_of(result) == 6


def test_photo_through_pipes(photo: Path, model_words: list[str]) -> None:
    run = subprocess.run(
        command("-", *model_words),
        input=photo.read_bytes(),
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    result = photo.with_name("piped")
    result.write_bytes(run.stdout)
    with Image.open(result) as picture:
        assert picture.mode == "RGB"


def test_film_is_not_poured_over_a_terminal(clip: Path) -> None:
    with on_terminal(str(clip), "-") as screen:
        assert screen.end() == 2
    assert "terminal" in screen.text


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_nothing_behind(
    number: signal.Signals, exit_code: int, tmp_path: Path, model_words: list[str]
) -> None:
    film = make_clip(tmp_path / "film.mp4", frames=2000)
    before = film.read_bytes()
    process = subprocess.Popen(
        command(str(film), "--progress", "json", *model_words), stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line)["event"] == "progress":
                break
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(timeout=60) == exit_code, said
    assert "Traceback" not in said
    no_leftovers(tmp_path, "film.mp4")
    assert film.read_bytes() == before


def test_reader_of_standard_output_that_goes_away() -> None:
    code = (
        "import os, sys, time\n"
        "from vidcolor.cli.main import main\n"
        "sys.stdin.readline()\n"  # by now nobody reads our standard output
        "sys.exit(main(['weights', 'list']))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, said = process.communicate("go\n", timeout=60)
    assert process.returncode == 1
    assert said == ""


def test_reader_of_the_film_that_goes_away(tmp_path: Path, model_words: list[str]) -> None:
    film = make_clip(tmp_path / "film.mp4", frames=60)
    process = subprocess.Popen(
        command(str(film), "-", "--progress", "none", *model_words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert said == b""


def test_preview_of_a_film(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    run = run_here("preview", str(clip), "--count", "2", *model_words)
    assert run.returncode == 0, run.stderr
    with Image.open(clip.with_name("film_preview.png")) as sheet:
        assert sheet.size == (128, 96)  # two rows of grey | result, 64 x 48 each
    run = run_here("preview", str(clip), "--at", "0.1", "--at", "99", *model_words)
    assert run.returncode == 2  # it exists
    again = run_here("preview", str(clip), "-y", "--at", "0.1", "--at", "99", *model_words)
    assert again.returncode == 0, again.stderr
    assert "no frame at 99" in again.stderr


def test_preview_of_a_part(run_here: RunHere, tmp_path: Path, model_words: list[str]) -> None:
    clip = make_clip(tmp_path / "long.mp4", frames=48)
    run = run_here("preview", clip, "--start", "1", "--end", "1.5", "--count", "3", *model_words)
    assert run.returncode == 0, run.stderr
    # the middles of the thirds are 1.08, 1.25 and 1.42, which are the beginnings of these frames
    assert preview_times(run.stderr) == [round(number / 24, 2) for number in (26, 30, 34)]


def preview_times(said: str) -> list[float]:
    return [float(time) for time in re.findall(r"\d+\.\d\d", said.split(", at")[1])]


@pytest.mark.parametrize(
    ("begins", "spread", "at"),
    [
        ([0, 72, 144], [0, 3], [0, 3]),  # 3 s each; the last only begins
        ([*range(25), *range(240, 246)], [1], [0.5, 1, 10]),  # a second, then a still for 9
    ],
)
def test_preview_shows_what_is_on_the_screen_and_each_frame_once(
    run_here: RunHere,
    tmp_path: Path,
    model_words: list[str],
    begins: list[int],
    spread: list[float],
    at: list[float],
) -> None:
    clip = make_clip(tmp_path / "slow.mp4", begins=begins)
    run = run_here("preview", clip, *model_words)
    assert preview_times(run.stderr) == spread
    with Image.open(tmp_path / "slow_preview.png") as sheet:
        assert sheet.size == (128, 48 * len(spread))
    words = [word for time in ("0.5", "1.5", "4", "10") for word in ("--at", time)]
    run = run_here("preview", clip, "-y", *words, *model_words)
    assert preview_times(run.stderr) == at
    assert ("no frame at 10 s" in run.stderr) is (max(begins) < 240)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_preview_of_a_long_last_frame(
    run_here: RunHere, tmp_path: Path, clip: Path, model_words: list[str], suffix: str
) -> None:
    """It begins long before the places that are looked at."""
    still = tmp_path / f"still{suffix}"
    with av.open(str(clip)) as source, av.open(str(still), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        last = max(packets, key=lambda packet: packet.pts or 0)
        last.duration = round(10 / last.time_base)
        for packet in packets:
            packet.stream = stream
            target.mux(packet)
    run = run_here("preview", still, "--at", "5", "--at", "99", *model_words)
    assert run.returncode == 0, run.stderr
    assert preview_times(run.stderr) == [round(5 / 24, 2)]
    assert "no frame at 99 s" in run.stderr


def test_preview_has_square_pixels(
    run_here: RunHere, tmp_path: Path, clip: Path, model_words: list[str]
) -> None:
    narrow = tmp_path / "narrow.mp4"
    with av.open(str(clip)) as source, av.open(str(narrow), "w") as target:
        stream = target.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 3)
        for frame in source.decode(video=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    run = run_here("preview", narrow, *model_words, "--count", "1")
    assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "narrow_preview.png") as sheet:
        assert sheet.size == (2 * 43, 48)


def test_preview_needs_a_file(clip: Path, model_words: list[str]) -> None:
    words = command("preview", "-", "out.png", *model_words)
    with clip.open("rb") as film:
        run = subprocess.run(
            words, stdin=film, capture_output=True, text=True, cwd=clip.parent, check=False
        )
    assert run.returncode == 2
    assert run.stderr.startswith("vidcolor: error: standard input: ")
    assert run.stderr.count("\n") == 1
    assert not (clip.parent / "out.png").exists()


def test_preview_of_a_single_frame(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    """Nothing begins after its first moment, wherever in its length is looked."""
    clip = make_clip(tmp_path / "one.mp4", frames=1)
    run = run_here("preview", str(clip), *model_words)
    assert run.returncode == 0, run.stderr
    with Image.open(clip.with_name("one_preview.png")) as sheet:
        assert sheet.size == (128, 48)


@pytest.mark.parametrize("mute", [["-q"], ["--progress", "json"]])
def test_log_file_has_warnings_and_results(
    run_here: RunHere, tmp_path: Path, clip: Path, model_words: list[str], mute: list[str]
) -> None:
    log, lossy = tmp_path / "log.txt", tmp_path / "attached.mkv"
    with av.open(str(clip)) as source, av.open(str(lossy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        picture = target.add_attachment("notes.txt", "text/plain", b"reel 1")
        assert picture.type == "attachment"
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    run = run_here(lossy, "out.mp4", "--log-file", log, *mute, *model_words)
    assert run.returncode == 0, run.stderr
    text = log.read_text()
    assert re.search(r"WARNING .*attached.mkv: .*attachment", text)
    assert re.search(r"INFO .*wrote out.mp4: 6 frames in", text)
    assert run_here("gone.mp4", "--log-file", log, *mute).returncode == 1
    assert re.search(r"ERROR .*gone.mp4: no such file", log.read_text())


def test_info(run_here: RunHere, clip: Path, photo: Path) -> None:
    run = run_here("info", str(clip), str(photo), str(clip.with_name("missing.mp4")))
    assert run.returncode == 1
    assert "h264" in run.stdout
    assert "film_color.mp4" in run.stdout
    assert "photo_color.png" in run.stdout
    assert "missing.mp4" in run.stderr


def test_info_says_what_a_run_would_do(
    run_here: RunHere, tmp_path: Path, model_words: list[str]
) -> None:
    for number in range(1, 4):
        make_photo(tmp_path / f"scan_{number:06d}.png")
    words = ["scan_%06d.png", "--fps", "18", *model_words]
    told = run_here("info", *words)
    assert told.returncode == 0, told.stderr
    assert "  output: scan_color.mp4\n" in told.stdout
    assert "  device: cpu (fp32)\n" in told.stdout
    made = run_here(*words)
    assert "wrote scan_color.mp4: 3 frames" in made.stderr
    assert "on cpu (fp32)" in made.stderr
    as_json = json.loads(run_here("info", "--json", *words).stdout)
    assert as_json["video"]["rate"] == "18"


def test_info_of_a_name_outside_the_code_page(photo: Path) -> None:
    named = photo.rename(photo.with_name("\u043f\u043b\u0451\u043d\u043a\u0430.png"))
    run = subprocess.run(
        command("info", str(named)),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert rb"\u043f\u043b\u0451\u043d\u043a\u0430_color.png" in run.stdout


def test_info_as_json_of_standard_input(tmp_path: Path) -> None:
    film = make_clip(tmp_path / "film.mkv").read_bytes()
    words = command("info", "--json", "-")
    run = subprocess.run(words, input=film, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["video"]["width"] == 64


def test_info_as_json(run_here: RunHere, clip: Path, photo: Path) -> None:
    run = run_here("info", "--json", str(clip), str(photo))
    film, still = [json.loads(line) for line in run.stdout.splitlines()]
    assert (film["kind"], still["kind"]) == ("video", "image")
    assert film["video"]["width"] == 64
    assert film["video"]["rate"] == "24"
    assert film["lines"]


def test_scans_become_a_film(run_here: RunHere, tmp_path: Path, model_words: list[str]) -> None:
    (tmp_path / "reel").mkdir()
    for number in range(1, 6):
        make_photo(tmp_path / f"reel/scan_{number:06d}.png")
    run = run_here("reel/scan_%06d.png", "out.mov", "--fps", "18", *model_words)
    assert run.returncode == 0, run.stderr
    with av.open("out.mov") as film:
        assert film.streams.video[0].average_rate == 18
        assert sum(1 for _ in film.decode(video=0)) == 5
    wrong = run_here("out.mov", "again.mov", "--fps", "16", *model_words)
    assert wrong.returncode == 2
    assert "--fps is for numbered images" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    assert not Path("again.mov").exists()
    again = run_here("reel/scan_%06d.png", "reel/scan_%06d.png", "-y", *model_words)
    assert again.returncode == 2
    assert "same file" in again.stderr


def test_results_keep_their_inputs_date(
    run_here: RunHere, photo: Path, clip: Path, tmp_path: Path, model_words: list[str]
) -> None:
    for source in (photo, clip):
        os.utime(source, (10**9, 10**9))
    assert run_here(*model_words, "--keep-date", "-o", "out", photo, clip).returncode == 0
    dates = {path.stat().st_mtime for path in (tmp_path / "out").iterdir()}
    assert dates == {10**9}
    assert run_here(*model_words, "-y", "-o", "out", photo).returncode == 0
    assert (tmp_path / "out" / "photo_color.png").stat().st_mtime > 10**9
