"""The default command, help pages and usage errors."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from vidcolor import __version__
from vidcolor.cli.commands.colorize import colorize
from vidcolor.cli.main import cli, main
from vidcolor.cli.words.options import colorize_options
from vidcolor.engine.options import ColorizeOptions

HEAVY = ("torch", "av", "cv2", "numpy", "PIL", "tqdm")


@pytest.mark.parametrize(
    ("words", "routed"),
    [
        (["film.mp4"], ["colorize", "film.mp4"]),
        (["info", "x.mp4"], ["info", "x.mp4"]),
        (["-v", "info", "x.mp4"], ["info", "-v", "x.mp4"]),
        (["-o", "d", "preview", "x"], ["preview", "-o", "d", "x"]),
        (["./info"], ["colorize", "./info"]),
        (["--", "info"], ["colorize", "--", "info"]),
        (["-m", "info", "x.mp4"], ["colorize", "-m", "info", "x.mp4"]),
        (["-minfo", "x.mp4"], ["colorize", "-minfo", "x.mp4"]),
        (["-vm", "info", "x.mp4"], ["colorize", "-vm", "info", "x.mp4"]),
        (["--crf", "5", "info"], ["info", "--crf", "5"]),
        (["--crf=5", "info"], ["info", "--crf=5"]),
        (["-y", "info"], ["info", "-y"]),
        (["-", "info"], ["colorize", "-", "info"]),
        (["x.mp4", "info"], ["colorize", "x.mp4", "info"]),
        (["colorize"], ["colorize", "colorize"]),
        (["--help"], ["colorize", "--help"]),
        ([], ["colorize"]),
    ],
)
def test_first_word_decides(words: list[str], routed: list[str]) -> None:
    assert cli.route(words) == routed


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["info", "--help"]])
def test_help_and_version_import_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from vidcolor.cli.main import main\n"
        f"code = main({words!r})\n"
        f"heavy = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "sys.exit(f'imported {heavy}' if heavy else code)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout
    assert not run.stderr


def test_version_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vidcolor {__version__}\n"


def test_help_names_every_option_and_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for param in colorize.params:
        if isinstance(param, click.Option):
            assert all(name in text for name in param.opts), param.opts
    for command in cli.lazy:
        assert f"\n  {command} " in text
    assert "Examples:" in text
    assert "Usage: vidcolor [OPTIONS] IN [OUT]" in text


def test_defaults_are_those_of_the_api() -> None:
    context = colorize.make_context("vidcolor", ["film.mp4"])
    assert colorize_options(context.params) == ColorizeOptions()


def test_options_reach_the_engine() -> None:
    given = {
        "-m": "x.pth",
        "--quality": "best",
        "-d": "cuda:1",
        "--precision": "bf16",
        "--batch-size": "3",
        "--render-factor": "30",
        "--stabilize": "off",
        "--smoothing": "0",
        "--every": "auto",
        "--deflicker": "on",
        "--mounts": "color",
        "--repair": "auto",
        "--repair-strength": "0.7",
        "--repair-mask": "cracks.png",
        "--mask": "found.png",
        "--steady": "on",
        "--saturation": "1.5",
        "--start": "1:00",
        "--end": "90.5",
        "--video-codec": "ffv1",
        "--crf": "20",
        "--preset": "fast",
        "--pix-fmt": "yuv420p",
        "--encoder-threads": "3",
        "--audio": "none",
        "--deinterlace": "on",
        "--decoder": "ffmpeg",
        "--fps": "29.97",
        "--weights-dir": "w",
        "--hint": "1.5@2,3=navy",
        "--shots": "shots.csv",
        "--only-shot": "2,4-5",
    }
    words = [
        "film.mp4",
        "--strict",
        "--compare",
        "--keep-date",
        "--offline",
        "--compile",
        "--no-resume",
        "--keep-shots",
    ]
    words += [word for pair in given.items() for word in pair]
    options = colorize_options(colorize.make_context("vidcolor", words).params)
    untouched = [
        name
        for name, value in vars(options).items()
        if value == getattr(ColorizeOptions(), name) and name != "overwrite"
    ]
    assert untouched == []
    assert (options.start_s, options.end_s, options.deinterlace) == (60.0, 90.5, True)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "IN [OUT]"),
        (["--no-such-option", "x"], "--no-such-option"),
        (["x.mp4", "--crf", "many"], "--crf"),
        (["x.mp4", "--start", "1:75"], "1:75"),
        (["x.mp4", "--start", "9", "--end", "3"], "must be after --start"),
        (["x.mp4", "--batch-size", "0"], "batch-size"),
        (["x.mp4", "-d", "gpu"], "gpu"),
        (["x.mp4", "--saturation", "-1"], "saturation"),
        (["a", "b", "c"], "-o DIR"),
        ([""], "empty"),
        (["a", ""], "empty"),
        (["a", "-o", ""], "empty"),
        (["preview", "x.mp4", "--at", "1", "--count", "3"], "--at"),
        (["preview", "x.mp4", "--at", "1", "--end", "3"], "--end"),
        (["preview", "x.mp4", "out.jpg"], ".png"),
        (["preview"], "IN"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("vidcolor: error: ")
    assert err.count("\n") == 1
    assert hint in err
