"""Direction files: written and read back, and one line for whatever is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.direction.file import beside, load_direction, save_direction
from vidcolor.direction.model import (
    Direction,
    Hint,
    Painting,
    Part,
    Protected,
    Reference,
    Scope,
)
from vidcolor.errors import InputError


def test_a_direction_is_read_as_it_was_written(tmp_path: Path) -> None:
    said = Direction(
        model="large", saturation=1.2, smoothing=0.5,
        hints=(Hint(412, 230.5, "#23406b", 4.2, 12.0, "film"), Hint(1, 2, "keep", 0.0)),
        paintings=(Painting(tmp_path / "a" / "painted.png", 3.0),),
        references=(
            Reference(tmp_path / "frame.png", 4.2),
            Reference(Path("/elsewhere/ü.jpg"), kind="palette", scope=Scope(shot=3)),
        ),
        protected=(Protected(0, 0, 10, 20, Scope(start_s=1.0, end_s=2.5)),),
        parts=(Part(Scope(shot=7), saturation=0.8), Part(Scope(start_s=3.0), smoothing=0.0)),
    )  # fmt: skip
    path = tmp_path / "film.colors.toml"
    save_direction(path, said, comments=["two", "", "lines"])
    assert load_direction(path) == said
    assert path.read_text(encoding="utf-8").startswith("# two\n#\n# lines\nversion = 1\n")


def test_the_file_stands_beside_the_film() -> None:
    assert beside("reels/reel.1.mp4") == Path("reels/reel.1.colors.toml")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("version = 1\nsaturatoin = 1", 2, "saturatoin is unknown"),
        ("version = 2", 1, "version is not 1"),
        ("saturation = 11", 1, "saturation is 11: it must be 0 to 10"),
        ("\n[[hint]]\nat = [1, 2]\ncolor = 'bleu'\n", 4, "[[hint]] color 'bleu' is no colour"),
        ("[[hint]]\nat=[1,2]\ncolor='red'\n[[hint]]\nat=[1]\ncolor='red'", 5, "[[hint]] at must"),
        ("[[hint]]\nat = [1, 2]\n", 1, "[[hint]] lacks color"),
        ("[[hint]]\nat=[1,2]\ncolor='red'\ntime=-1", 4, "[[hint]] time is -1"),
        ("[[part]]\nshot = 0", 2, "[[part]] shot shots are counted from 1"),
        ("[[part]]\nfrom = 3\nto = 2", 3, "[[part]] to a time range must end after"),
        ("[[reference]]\nfile='a.png'\nkind='x'", 3, "[[reference]] kind 'x' is unknown"),
        ("[[protect]]\nbox=[5,5,5,9]", 2, "[[protect]] box must be"),
        ("hint = 3", 1, "hint must be written as [[hint]]"),
    ],
)
def test_mistakes_are_named_with_line_and_key(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    path = tmp_path / "x.colors.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_direction(path)
    assert str(caught.value).startswith(f"{path}: line {line}: {says}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = = 1", None])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.colors.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="x.colors.toml"):
        load_direction(path)
