"""Direction files that people wrote and the studio changes: only what was changed changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vidcolor.direction.edit import has_own_comments, update_direction
from vidcolor.direction.file import load_direction
from vidcolor.direction.model import Direction, Hint, Part, Scope

WRITTEN = """\
# colours of grandfather's film
version = 1
saturation = 1.1   # a bit more

# shot 2 is in the garden
[[part]]
shot = 2
saturation = 0.8

# his coat: a photograph of 1931 shows it
[[hint]]
time = 4.2
at = [412, 230]  # the sleeve
color = "#23406b"

# the hat
[[hint]]
time = 4.2
at = [100, 30]
color = "Navy"

[[part]]
shot = 3
saturation = 0.5
# the end
"""


def written(tmp_path: Path, text: str = WRITTEN) -> tuple[Path, Direction]:
    path = tmp_path / "reel.colors.toml"
    path.write_text(text)
    return path, load_direction(path)


def test_a_file_that_says_the_same_is_the_same_bytes(tmp_path: Path) -> None:
    path, said = written(tmp_path)
    update_direction(path, said)
    assert path.read_text() == WRITTEN


def test_a_removed_hint_goes_with_its_own_comment_only(tmp_path: Path) -> None:
    path, said = written(tmp_path)
    update_direction(path, replace(said, hints=said.hints[1:]))
    begin, end = WRITTEN.index("# his coat"), WRITTEN.index("# the hat")
    assert path.read_text() == WRITTEN[:begin] + WRITTEN[end:]


def test_a_new_hint_comes_behind(tmp_path: Path) -> None:
    path, said = written(tmp_path)
    more = said.with_more(hints=[Hint(5, 6, "keep", 9.0)])
    update_direction(path, more)
    assert path.read_text() == WRITTEN + '\n[[hint]]\ntime = 9.0\nat = [5, 6]\ncolor = "keep"\n'
    assert load_direction(path) == more


def test_changed_settings_of_a_shot_stay_in_their_place(tmp_path: Path) -> None:
    path, said = written(tmp_path)
    changed = Part(Scope(shot=2), saturation=0.6)
    update_direction(path, replace(said, parts=(changed, said.parts[1])))
    assert path.read_text() == WRITTEN.replace("saturation = 0.8", "saturation = 0.6")
    last = Part(Scope(shot=3), saturation=0.7)  # with a comment behind it
    update_direction(path, replace(said, parts=(said.parts[0], last)))
    assert path.read_text() == WRITTEN.replace("saturation = 0.5", "saturation = 0.7")


def test_what_is_written_otherwise_keeps_values_and_comments(tmp_path: Path) -> None:
    """Tables within brackets have no lines of their own."""
    path, said = written(tmp_path, '# why\nhint = [{at = [1, 2], color = "red"}]\n')
    more = said.with_more(hints=[Hint(3, 4, "grey")])
    update_direction(path, more)
    assert load_direction(path) == more and path.read_text().startswith("# why\n")
    said = replace(more, saturation=2.0)  # of the whole film
    update_direction(path, said)
    assert load_direction(path) == said and path.read_text().startswith("# why\n")


def test_comments_of_people_are_told_from_colours_and_from_programs(tmp_path: Path) -> None:
    path, _ = written(tmp_path, '# by a program\n[[hint]]\nat = [1, 2]\ncolor = "#fff000"\n')
    assert not has_own_comments(path, ["by a program"])
    assert has_own_comments(path, [])
    path.write_text("version = 1  # mine\n")
    assert has_own_comments(path, ["by a program"])
