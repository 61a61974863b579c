"""Messages of errors: options in them as arguments in Python, as flags on the command line."""

from __future__ import annotations

import ast
import dataclasses
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vidcolor.cli.main import cli
from vidcolor.cli.words.flags import flag, in_flags, parameters
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import InputError, Message, Option, OptionError, OutputError, VidcolorError

PACKAGE = Path(__file__).resolve().parents[1] / "vidcolor"
FIELDS = {field.name for field in dataclasses.fields(ColorizeOptions)}
ELSEWHERE = {
    "accept_sha256": "ensure_weights", "perceptual": "find_backbones", "strength": "Wear",
    "jobs": "setups_for",
}  # fmt: skip
"""Options that are no field of ``ColorizeOptions``, with the function that takes them."""


def _library_files() -> list[Path]:
    """All modules but the command lines, and the studio, which gives its options to the program."""
    front = {PACKAGE / "cli", PACKAGE / "studio"}
    files = (p for p in sorted(PACKAGE.rglob("*.py")) if not front.intersection(p.parents))
    return [p for p in files if "import click" not in p.read_text(encoding="utf-8")]


def _commands(group: click.Group) -> Iterator[click.Command]:
    context = click.Context(group)
    for name in (*group.list_commands(context), *group.commands):
        command = group.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from _commands(command)


def _named_options(tree: ast.AST) -> Iterator[str]:
    """Names in ``Option("name")`` and in ``OptionError(..., option="name")``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        named = [k.value for k in node.keywords if k.arg == "option"]
        if node.func.id == "Option":
            named = [*named, *node.args[:1]]
        if node.func.id in ("Option", "OptionError"):
            yield from (n.value for n in named if isinstance(n, ast.Constant))


@pytest.mark.parametrize(
    ("option", "argument", "on_command_line"),
    [
        (Option("crf"), "crf", "--crf"),
        (Option("start_s"), "start_s", "--start"),
        (Option("end_s", 2.5), "end_s=2.5", "--end 2.5"),
        (Option("video_codec", "ffv1"), 'video_codec="ffv1"', "--video-codec ffv1"),
        (Option("resume", False), "resume=False", "--no-resume"),
        (Option("resume", True), "resume=True", "--resume"),
        (Option("strict", True), "strict=True", "--strict"),
        (Option("deinterlace", True), "deinterlace=True", "--deinterlace on"),
        (Option("deflicker", False), "deflicker=False", "--deflicker off"),
        (Option("every", 12), "every=12", "--every 12"),
        (Option("overwrite", True), "overwrite=True", "--overwrite"),
        (Option("accept_sha256", "ab"), 'accept_sha256="ab"', "--accept-sha256 ab"),
        (Option("of_a_plugin", 3), "of_a_plugin=3", "of_a_plugin=3"),
    ],
)
def test_an_option_has_two_spellings(option: Option, argument: str, on_command_line: str) -> None:
    assert str(option) == argument
    assert flag(option) == on_command_line


@pytest.mark.parametrize("name", ["{0}", "{crf}", "100%s", "%(crf)s", "crf=1", "--crf", "\\g<0>"])
def test_names_of_files_stay_as_they_are(name: str) -> None:
    error = OutputError(f"{name}: damaged; ", Option("resume", False), " works without it")
    assert str(error) == f"{name}: damaged; resume=False works without it"
    assert in_flags(error) == f"{name}: damaged; --no-resume works without it"
    assert in_flags(InputError(f"{name}: resume=False")) == f"{name}: resume=False"


def test_option_error_begins_with_the_option_that_is_wrong() -> None:
    error = OptionError("must be later than ", Option("start_s"), option="end_s")
    assert str(error) == "end_s must be later than start_s"
    assert in_flags(error) == "--end must be later than --start"
    assert error.option == "end_s"
    assert OptionError("ffv1 is lossless: ", Option("crf"), " has no meaning").option == "crf"
    assert OptionError("a name is empty").option is None


def test_a_message_keeps_its_options_inside_another_one() -> None:
    inner = OptionError("has no meaning here", option="crf")
    outer = OutputError("out.mkv: ", inner)
    assert (
        in_flags(Message("batch: ", outer.message)) == "batch: out.mkv: --crf has no meaning here"
    )
    assert str(outer) == "out.mkv: crf has no meaning here"


def test_errors_survive_being_sent_to_another_process() -> None:
    sent = OptionError("is 300: it must be 0 to 255", option="crf")
    received = pickle.loads(pickle.dumps(sent))
    assert isinstance(received, OptionError) and received.option == "crf"
    assert (str(received), in_flags(received)) == (str(sent), in_flags(sent))


def test_options_refused_by_the_library_are_flags_on_the_command_line() -> None:
    with pytest.raises(OptionError, match=r"^render_factor is 1: it must be 2 to 128$") as caught:
        ColorizeOptions(render_factor=1)
    assert in_flags(caught.value) == "--render-factor is 1: it must be 2 to 128"


def test_every_option_has_a_flag() -> None:
    assert FIELDS | ELSEWHERE.keys() <= parameters().keys()


@pytest.mark.parametrize("path", _library_files(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_library_names_arguments_and_no_flags(path: Path) -> None:
    """A user of the library can't give ``--crf``; an argument that doesn't exist helps nobody."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    flags = {opt for c in _commands(cli) for param in c.params for opt in param.opts} - {"--"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = re.sub(r"``vidcolor [^`]*``", "", node.value)  # docstrings may name commands
            found = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) & flags
            assert not found, f"line {node.lineno}: {found}: use vidcolor.errors.Option"
    unknown = set(_named_options(tree)) - FIELDS - ELSEWHERE.keys()
    assert not unknown, "an option that no user of the library can give"


def test_options_beside_colorize_options_are_arguments() -> None:
    from vidcolor.evaluation.measures.perceptual import find_backbones
    from vidcolor.evaluation.worn import Wear
    from vidcolor.models.weights.store import ensure_weights
    from vidcolor.workers.shares import setups_for

    takers = (find_backbones, ensure_weights, Wear, setups_for)
    functions = {f.__name__: f.__annotations__ for f in takers}
    for option, function in ELSEWHERE.items():
        assert option in functions[function]


def test_the_base_class_takes_plain_text() -> None:
    assert str(VidcolorError("film.mp4: damaged")) == "film.mp4: damaged"
