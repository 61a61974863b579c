"""Hints and references of the command line, and the colours in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.direction.color import ab_of, check_color
from vidcolor.direction.model import Hint, Painting, Reference
from vidcolor.direction.words import hint_text, parse_hint, parse_reference
from vidcolor.errors import OptionError


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("4.2@412,230=#23406b", Hint(412, 230, "#23406b", 4.2)),
        ("1:02.5@4.5,6,12=Navy", Hint(4.5, 6, "navy", 62.5, 12)),
        ("412,230=keep", Hint(412, 230, "keep")),
        ("0@1,2=gray/film", Hint(1, 2, "grey", 0.0, None, "film")),
        ("0@1,2=lab(30, 5, -30)", Hint(1, 2, "lab(30, 5, -30)", 0.0)),
    ],
)
def test_hints_are_parsed_and_written_back(text: str, hint: Hint) -> None:
    assert parse_hint(text) == hint
    assert parse_hint(hint_text(hint)) == hint


def test_painted_pictures() -> None:
    assert parse_hint("4.2=a=b.png") == Painting(Path("a=b.png"), 4.2)
    assert parse_hint("painted.png") == Painting(Path("painted.png"))


@pytest.mark.parametrize(
    "text", ["", "red", "4@5=red", "1,2=", "1,2=bleu", "x@1,2=red", "1,2=red/x"]
)
def test_other_hints_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="^hint "):
        parse_hint(text)


def test_references_are_parsed() -> None:
    assert parse_reference("painted.png@4.2") == Reference(Path("painted.png"), 4.2)
    assert parse_reference("a@b.jpg") == Reference(Path("a@b.jpg"))
    assert parse_reference("x.jpg@palette") == Reference(Path("x.jpg"), kind="palette")
    assert parse_reference("painted.png@1").used_as == "frame"
    assert parse_reference("garden.jpg").used_as == "similar"


@pytest.mark.parametrize(
    ("text", "ab"),
    [
        ("#f00", (80.11, 67.22)),  # CIE Lab of sRGB's red (scikit-image)
        ("red", (80.11, 67.22)),
        ("lab(5,-30)", (5.0, -30.0)),
        ("lab(50, 5, -30)", (5.0, -30.0)),
        ("grey", (0.0, 0.0)),
    ],
)
def test_colours_have_their_ab(text: str, ab: tuple[float, float]) -> None:
    assert ab_of(check_color(text)) == pytest.approx(ab, abs=0.02)  # two decimals above
