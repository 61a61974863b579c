"""Names of files must not control the terminal."""

from __future__ import annotations

import os

import pytest

from vidcolor.cli.terminal.text import count, duration, printable, shorten


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain.mp4", "plain.mp4"),
        ("Zoë 映画 🎬.mp4", "Zoë 映画 🎬.mp4"),
        ("\x1b]0;owned\x07.mp4", r"\x1b]0;owned\x07.mp4"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_control_characters_become_visible(raw: str, shown: str) -> None:
    assert printable(raw) == shown


def test_names_that_are_no_utf8_can_be_said() -> None:
    assert printable(os.fsdecode(b"caf\xe9.mp4")) == r"caf\xe9.mp4"
    printable(os.fsdecode(b"caf\xe9.mp4")).encode("utf-8")


def test_tracebacks_keep_their_lines() -> None:
    assert printable("a\n\tb\x1b", keep_newlines=True) == "a\n\tb\\x1b"


def test_numbers_for_people() -> None:
    assert [duration(s) for s in (0.04, 59.94, 60, 125, 3725)] == [
        "0.0 s",
        "59.9 s",
        "1:00",
        "2:05",
        "1:02:05",
    ]
    assert (count(1, "frame"), count(2, "frame")) == ("1 frame", "2 frames")
    assert shorten("a" * 20 + "_color.mp4", 15) == "a" * 7 + "…lor.mp4"[-8:]
    assert len(shorten("x" * 99, 20)) == 20
