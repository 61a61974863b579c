"""Times and rates as people write them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from vidcolor.cli.words.params import parse_rate, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),
        ("90.5", 90.5),
        (".5", 0.5),
        ("0", 0.0),
        ("1:30", 90.0),
        ("01:02:03.250", 3723.25),
        ("100:00:00", 360000.0),
        ("3600", 3600.0),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-1", "1:60", "1:60:00", "1:2:3:4", "nan", "inf", "1e3", "1:", ":30", "10s", "٣"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("18", Fraction(18)),
        ("16.67", Fraction(1667, 100)),
        ("24000/1001", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
    ],
)
def test_rates(text: str, rate: Fraction) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-18", "18/0", "0/1", "fast", "1/2/3", ""])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        parse_rate(text)
