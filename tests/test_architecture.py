"""The shape of the code: which way imports run, how long things are, what every file has.

The rules are those of CONTRIBUTING.md; they are read from the source with ``ast``, nothing is
imported, so that a broken module is reported by its own tests and not here.
"""

from __future__ import annotations

import ast
import functools
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "vidcolor"
FILES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "types": {"errors"},
    "color": {"errors", "types"},
    "data": {"errors"},
    "media": {"errors", "types", "color"},
    "temporal": {"errors", "types", "color"},
    "models": {"errors", "types", "color"},
    "direction": {"errors", "color", "media"},
    "repair": {"errors", "types", "temporal", "models"},
    "engine": {"errors", "types", "color", "media", "temporal", "models", "direction", "repair"},
}
"""Which rooms each room may import besides itself.

A room within a room has a name with a dot, and a line of its own below; "media" stands for all of
its rooms. Where one room within a room has a line, all others there need one too.
"""
_CORE = set(MAY_IMPORT)
MAY_IMPORT["library"] = _CORE
MAY_IMPORT["bench"] = _CORE
MAY_IMPORT["evaluation"] = _CORE
MAY_IMPORT["training"] = _CORE | {"evaluation"}
MAY_IMPORT["studio"] = _CORE
MAY_IMPORT["shotlist"] = _CORE
MAY_IMPORT["workers"] = _CORE
MAY_IMPORT["cli"] = _CORE | {
    "bench",
    "evaluation",
    "training",
    "studio",
    "workers",
    "shotlist",
    "library",
}
MAY_IMPORT["__main__"] = {"cli"}

_FILES = {"errors", "types", "media.files"}
_CONTRACT = _FILES | {"media.pixels", "media.source"}
MAY_IMPORT["media.files"] = {"errors"}
MAY_IMPORT["media.pixels"] = {"errors", "types"}
MAY_IMPORT["media.kinds"] = _FILES
MAY_IMPORT["media.source"] = {"types"}
MAY_IMPORT["media.read"] = _CONTRACT
MAY_IMPORT["media.write"] = _CONTRACT
MAY_IMPORT["media.still"] = _FILES | {"media.pixels", "media.kinds"}
MAY_IMPORT["media.scans"] = (
    _CONTRACT | {"media.kinds"} | {"media.read", "media.write", "media.still"}
)
MAY_IMPORT["media.open"] = MAY_IMPORT["media.output"] = MAY_IMPORT["media.scans"] | {"media.scans"}
MAY_IMPORT["media.results"] = MAY_IMPORT["media.open"] | {"media.open"}

_PLAIN = {"errors", "types", "direction", "engine.options", "engine.progress"}
MAY_IMPORT["engine.shots"] = {"errors", "types", "temporal"}
MAY_IMPORT["engine.progress"] = set()
MAY_IMPORT["engine.options"] = {"errors", "direction", "engine.shots"}
MAY_IMPORT["engine.device_errors"] = {"errors"}
MAY_IMPORT["engine.coloring"] = _PLAIN | {
    "color",
    "temporal",
    "models",
    "repair",
    "engine.shots",
    "engine.device_errors",
}
MAY_IMPORT["engine.model_choice"] = _PLAIN | {"models", "engine.device_errors"}
MAY_IMPORT["engine.part_models"] = MAY_IMPORT["engine.model_choice"] | {"engine.model_choice"}
MAY_IMPORT["engine.steering"] = MAY_IMPORT["engine.coloring"] | {
    "media",
    "engine.coloring",
    "engine.part_models",
}
MAY_IMPORT["engine.run"] = MAY_IMPORT["engine.coloring"] | {
    "media",
    "engine.coloring",
    "engine.model_choice",
    "engine.part_models",
}
for _top in ("describe", "image", "plan_film", "preview", "span_job", "video"):
    MAY_IMPORT[f"engine.{_top}"] = MAY_IMPORT["engine.run"] | {"engine.run"}
MAY_IMPORT["engine.preview"] = MAY_IMPORT["engine.preview"] | {"engine.image"}
MAY_IMPORT["engine.video"] = MAY_IMPORT["engine.video"] | {"engine.plan_film"}
for _top in ("describe", "image", "preview", "span_job", "video"):
    MAY_IMPORT[f"engine.{_top}"] = MAY_IMPORT[f"engine.{_top}"] | {"engine.steering"}
MAY_IMPORT["engine.span_job"] = MAY_IMPORT["engine.span_job"] | {"engine.video"}
MAY_IMPORT["engine.again"] = MAY_IMPORT["engine.span_job"] | {"engine.span_job"}
MAY_IMPORT["engine.estimate"] = MAY_IMPORT["engine.video"] | {"engine.image", "engine.video"}
MAY_IMPORT["engine.describe"] = MAY_IMPORT["engine.describe"] | {"engine.estimate"}
MAY_IMPORT["engine.compare"] = MAY_IMPORT["engine.estimate"] | {"engine.preview"}

_UNDER_CLI = MAY_IMPORT["cli"] | {"library"}
MAY_IMPORT["cli.words"] = _UNDER_CLI
MAY_IMPORT["cli.terminal"] = _UNDER_CLI | {"cli.words"}
MAY_IMPORT["cli.work"] = MAY_IMPORT["cli.terminal"] | {"cli.terminal"}
MAY_IMPORT["cli.commands"] = MAY_IMPORT["cli.work"] | {"cli.work"}
MAY_IMPORT["cli.main"] = MAY_IMPORT["cli.commands"] | {"cli.commands"}

VALUES = "vidcolor.models.contract"
"""What models take and give: values that temporal may know without knowing models."""

ONLY_IN_MEDIA = {"av", "PIL", "pillow_heif", "tifffile", "imagecodecs", "ffmpeg"}
"""What reads and writes files; one room knows each codec's moods."""
TORCH_FREE = {"errors", "types", "media"}
HEAVY = {"torch", "cv2", "av", "numpy", "PIL"}
"""What takes so long to import that ``vidcolor --help`` must do without."""


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _inner_room(module: str) -> str:
    """The innermost room of a dotted name, as ``MAY_IMPORT`` calls it.

    A module of a room whose rooms have lines is a room by itself, if only of one file.
    """
    parts = module.split(".")[1:]
    room = parts[0]
    for part in parts[1:]:
        if not any(name.startswith(f"{room}.") for name in MAY_IMPORT):
            break
        room += f".{part}"
    return room


@functools.cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _is_type_checking(node: ast.If) -> bool:
    return ast.unparse(node.test).endswith("TYPE_CHECKING")


def _imports(path: Path, *, lazy: bool = True) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of run-time imports; with ``lazy`` those in functions too."""
    package = path.relative_to(ROOT).parent.parts
    for node in _import_nodes(_parse(path), lazy=lazy):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
            continue
        base = package[: len(package) - node.level + 1] if node.level else ()
        module = [*base, *([node.module] if node.module else [])]
        yield from ((node.lineno, ".".join([*module, alias.name])) for alias in node.names)


def _import_nodes(node: ast.AST, *, lazy: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and _is_type_checking(child):
            for other in child.orelse:
                yield from _import_nodes(other, lazy=lazy)
        elif lazy or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _import_nodes(child, lazy=lazy)


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (name, lines of the body without its docstring) of each function of a file."""
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            yield f"{_name(path)}:{node.lineno} {node.name}", length


def _forbidden_imports(path: Path) -> Iterator[str]:
    if _room(path) == "__init__":
        yield from (
            f"{_name(path)}:{line}: the public names must be imported lazily"
            for line, module in _imports(path)
            if module.startswith("vidcolor")
        )
        return
    if path.name == "__init__.py" and not list(_imports(path)):
        return
    room = _inner_room(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if room not in MAY_IMPORT:
        yield f"{room} is a new room: say in MAY_IMPORT what it may import"
        return
    allowed = {room} | MAY_IMPORT[room]
    for line, module in _imports(path):
        parts = module.split(".")
        if parts[0] != "vidcolor" or len(parts) < 2 or parts[1] == "__version__":
            continue
        if room == "temporal" and module.startswith(f"{VALUES}."):
            continue
        target = _inner_room(module)
        outer = {target.rsplit(".", n)[0] for n in range(target.count(".") + 1)}
        if not allowed & outer:
            yield f"{_name(path)}:{line}: {room} must not import {module}"


def test_imports_run_one_way() -> None:
    assert not [each for path in FILES for each in _forbidden_imports(path)]


def _uses(folder: Path) -> dict[str, set[str]]:
    """Which files and rooms of a folder import which others of it."""
    uses: dict[str, set[str]] = defaultdict(set)
    prefix = ".".join(folder.relative_to(ROOT).parts) + "."
    for path in folder.rglob("*.py"):
        own = path.relative_to(folder).with_suffix("").parts[0]
        for _, module in _imports(path):
            if module.startswith(prefix):
                uses[own].add(module.removeprefix(prefix).split(".")[0])
        uses[own].discard(own)
    return uses


def test_no_room_imports_in_circles() -> None:
    """Of two files or rooms side by side, at most one knows the other, however far around."""
    circles = []
    for folder in sorted({path.parent for path in FILES}):
        uses = _uses(folder)
        while ends := [name for name in uses if not uses[name] & uses.keys()]:
            for name in ends:
                del uses[name]
        circles += [f"{_name(folder)}: {', '.join(sorted(uses))}"] if uses else []
    assert not circles


def test_codecs_stay_in_media_and_torch_outside() -> None:
    wrong = [
        f"{_name(path)}:{line}: imports {module}"
        for path in FILES
        for line, module in _imports(path)
        if (module.split(".")[0] in ONLY_IN_MEDIA and _room(path) != "media")
        or (module.split(".")[0] == "torch" and _room(path) in TORCH_FREE)
    ]
    assert not wrong


def test_command_line_imports_heavy_packages_late() -> None:
    wrong = [
        f"{_name(path)}:{line}: {module} at the top"
        for path in FILES
        for line, module in _imports(path, lazy=False)
        if _room(path) == "cli" and module.split(".")[0] in HEAVY
    ]
    assert not wrong


@pytest.mark.parametrize("statement", ["import vidcolor", "import vidcolor.cli.main"])
def test_nothing_heavy_is_imported_at_start(statement: str) -> None:
    """What the rule above can't see: imports through other rooms."""
    code = f"import sys\n{statement}\nprint(*sorted(set(sys.modules) & {HEAVY!r}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_every_module_and_public_name_is_documented() -> None:
    kinds = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    wrong = [
        f"{_name(path)}: {getattr(node, 'name', 'the file')} has no docstring"
        for path in FILES
        for node in (_parse(path), *_parse(path).body)
        if isinstance(node, kinds)
        and _parse(path).body
        and not getattr(node, "name", "").startswith("_")
        and not ast.get_docstring(node)
    ]
    assert not wrong


def test_library_never_prints() -> None:
    wrong = [
        f"{_name(path)}:{node.lineno}: log, or use click.echo"
        for path in FILES
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not wrong


def test_files_stay_short() -> None:
    lengths = {_name(p): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    too_long = {name: n for name, n in lengths.items() if n > 600}
    assert not too_long
    assert statistics.median(n for n in lengths.values() if n) <= 200


def test_functions_stay_short() -> None:
    lengths = [pair for path in FILES for pair in _functions(path)]
    too_long = [pair for pair in lengths if pair[1] > 80]
    assert not too_long
    short = sum(length <= 20 for _, length in lengths)
    assert short >= 0.8 * len(lengths), f"{short} of {len(lengths)} bodies have 20 lines or fewer"
