"""Bars, lines and JSON, on real streams and on a real pseudo-terminal."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.logging import close_logging, set_up_logging
from vidcolor.cli.terminal.progress import (
    BarProgress,
    JsonProgress,
    MessageProgress,
    PlainProgress,
    make_progress,
)
from vidcolor.errors import OptionError


class Terminal:
    """A pseudo-terminal: what is written to ``stream`` can be read as the user's screen got it."""

    def __init__(self) -> None:
        self._screen, line = pty.openpty()
        self.stream: TextIO = os.fdopen(line, "w")

    def read(self) -> str:
        """All that was written so far."""
        self.stream.flush()
        os.set_blocking(self._screen, False)
        text = b""
        while True:
            try:
                text += os.read(self._screen, 65536)
            except (BlockingIOError, OSError):
                return text.decode()

    def close(self) -> None:
        self.stream.close()
        os.close(self._screen)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setenv("TERM", "xterm")
    made = Terminal()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    close_logging()


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_auto_is_a_bar_on_a_terminal_only(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(make_progress("auto", Console(terminal.stream)), BarProgress)
    elsewhere = make_progress("auto", Console(io.StringIO()))
    assert isinstance(elsewhere, PlainProgress)
    assert elsewhere.every_s >= 10  # a short job in a log file needs no lines
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress("auto", Console(terminal.stream)), PlainProgress)


def test_quiet_silences_auto_but_not_what_was_asked_for() -> None:
    console = Console(io.StringIO())
    console.quiet = True
    assert type(make_progress("auto", console)) is MessageProgress
    assert isinstance(make_progress("json", console), JsonProgress)


def test_bar_shows_frames_fps_and_time_left(terminal: Terminal) -> None:
    progress = BarProgress(Console(terminal.stream))
    progress.start(40, "frames", "film_color.mp4")
    for _ in range(20):
        progress.advance(1)
        time.sleep(0.02)  # tqdm redraws ten times a second
    shown = terminal.read()
    progress.close()
    bar = r"film_color\.mp4:\s+\d+%\|.*\| \d+/40 frames \[00:00<00:\d\d, \d+\.\d\d fps\]"
    assert re.search(bar, shown)


def test_bar_survives_a_header_that_lies(terminal: Terminal) -> None:
    progress = BarProgress(Console(terminal.stream))
    progress.start(2, "frames", "x")
    for _ in range(5):
        progress.advance(1)
    progress.start(None, "frames", "x")
    progress.advance(3)
    progress.close()
    progress.close()


def test_lines_do_not_tear_the_bar(terminal: Terminal) -> None:
    console = Console(terminal.stream)
    set_up_logging(console, verbose=1)
    progress = BarProgress(console)
    progress.start(10, "frames", "film")
    progress.advance(5)
    logging.getLogger("vidcolor.anywhere").info("a line of the log")
    progress.message("a message")
    progress.close()
    # Each line starts at the left edge of a row from which the bar has been wiped, and ends it.
    rows = terminal.read().replace("\r\n", "\n").split("\n")
    for text in ("a line of the log", "a message"):
        row = next(row for row in rows if text in row)
        assert row.rsplit("\r", 1)[-1] == text


def test_bar_is_wiped_at_the_end(terminal: Terminal) -> None:
    progress = BarProgress(Console(terminal.stream))
    progress.start(3, "frames", "film")
    progress.advance(3)
    progress.close()
    last = terminal.read().rstrip("\r").rsplit("\r", 1)[-1]
    assert last.strip() == ""


def test_names_in_the_bar_are_harmless(terminal: Terminal) -> None:
    progress = BarProgress(Console(terminal.stream))
    progress.start(3, "frames", "\x1b]0;owned\x07.mp4")
    progress.close()
    assert "\x1b]0" not in terminal.read()


def test_download_bar_counts_bytes(terminal: Terminal) -> None:
    progress = BarProgress(Console(terminal.stream))
    progress.start(10_000_000, "bytes", "weights.pth")
    progress.advance(5_000_000)
    assert "10.0M" in terminal.read()
    progress.close()


def test_json_lines_have_the_documented_fields() -> None:
    stream = io.StringIO()
    console = Console(stream, as_json=True)
    progress = JsonProgress(console, source="in.mp4", output="out.mp4")
    progress.every_s = 0
    progress.start(10, "frames", "out.mp4")
    progress.advance(4)
    progress.message("hello")
    console.warn("careful")
    progress.close()
    progress.close()
    console.error("broken", exit_code=3, source="in.mp4")
    start, first, message, warning, last, error = lines_of(stream)
    assert start == {
        "event": "start",
        "v": 1,
        "input": "in.mp4",
        "output": "out.mp4",
        "total": 10,
        "unit": "frames",
        "description": "out.mp4",
    }
    fields = {"event", "v", "input", "done", "total", "unit", "fps", "elapsed_s", "eta_s"}
    assert set(first) == set(last) == fields
    assert (first["done"], last["done"], last["event"]) == (4, 4, "progress")
    assert message == {"event": "message", "v": 1, "level": "info", "text": "hello"}
    assert warning == {"event": "message", "v": 1, "level": "warning", "text": "careful"}
    wanted = {"event": "error", "v": 1, "input": "in.mp4", "text": "broken", "exit_code": 3}
    assert error == wanted


def test_json_stays_one_line_whatever_names_hold() -> None:
    stream = io.StringIO()
    Console(stream, as_json=True).error(os.fsdecode(b"a\nb\xff\x1b"))
    assert stream.getvalue().isascii()
    assert lines_of(stream)[0]["text"] == "a\nb\udcff\x1b"


def test_plain_says_lines_no_oftener_than_asked() -> None:
    stream = io.StringIO()
    progress = PlainProgress(Console(stream), every_s=3600)
    progress.start(100, "frames", "film")
    progress.advance(50)
    assert stream.getvalue() == ""
    progress.every_s = 0
    progress.advance(1)
    assert re.fullmatch(
        r"film: 51/100 frames \(51 %\), [\d.]+ fps, [\d.]+ s left\n", stream.getvalue()
    )


def test_plain_without_a_total_or_past_it() -> None:
    stream = io.StringIO()
    progress = PlainProgress(Console(stream), every_s=0)
    progress.start(None, "frames", "film")
    progress.advance(5)
    progress.start(3, "frames", "film")
    progress.advance(5)
    for line in stream.getvalue().splitlines():
        assert re.fullmatch(r"film: 5 frames, [\d.]+ fps", line)


def test_advance_without_start_says_nothing(terminal: Terminal) -> None:
    stream = io.StringIO()
    for progress in (
        PlainProgress(Console(stream), every_s=0),
        JsonProgress(Console(stream), source="x", output="y"),
        BarProgress(Console(terminal.stream)),
    ):
        progress.advance(1)
        progress.close()
    assert stream.getvalue() == terminal.read() == ""


def test_a_reader_that_went_away_does_not_stop_the_work() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    console = Console(stream)
    for _ in range(3):
        console.say("nobody reads this")
    with pytest.raises(BrokenPipeError):  # so it really was gone
        stream.close()


@pytest.mark.parametrize(
    ("switches", "heard"),
    [
        ({}, ["warning", "error"]),
        ({"verbose": 1}, ["info", "warning", "error"]),
        ({"verbose": 2}, ["debug", "info", "warning", "error"]),
        ({"quiet": True}, ["error"]),
        ({"quiet": True, "verbose": 2}, ["error"]),
    ],
)
def test_how_much_is_said(switches: dict[str, Any], heard: list[str]) -> None:
    stream = io.StringIO()
    set_up_logging(Console(stream), **switches)
    logger = logging.getLogger("vidcolor.x")
    for level in ("debug", "info", "warning", "error"):
        getattr(logger, level)("%s-line", level)
    found = re.findall(r"(\w+)-line", stream.getvalue())
    assert found == heard


def test_log_file_gets_everything_and_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("earlier\n")
    set_up_logging(Console(io.StringIO()), quiet=True, log_file=path)
    try:
        raise RuntimeError("deep \x1b[31m down")
    except RuntimeError:
        logging.getLogger("vidcolor.x").debug("details", exc_info=True)
    close_logging()
    text = path.read_text()
    assert text.startswith("earlier\n")
    assert "details\nTraceback (most recent call last):\n" in text
    assert r"deep \x1b[31m down" in text


def test_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="log file"):
        set_up_logging(Console(io.StringIO()), log_file=tmp_path / "no" / "log.txt")
