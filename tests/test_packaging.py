"""What is installed is whole, and the documents say what really runs."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_NOT_PACKED = shutil.ignore_patterns("__pycache__", "*.egg-info")


def _config() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def _requirements(text: str) -> dict[str, str]:
    """Map name to version range, for lines of requirements."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]
    pairs = [re.match(r"([\w.-]+)\s*(.*)", line) for line in lines if not line.startswith("#")]
    return {_plain(m[1]): m[2] for m in pairs if m}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel of the tree as it is, built aside so that no build folder is left in it."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("vidcolor", "weights"):
        shutil.copytree(ROOT / name, tree / name, ignore=_NOT_PACKED)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "THIRD-PARTY.md"):
        shutil.copy(ROOT / name, tree)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    # torch needs setuptools, so it is there: nothing is downloaded
    subprocess.run([*pip, "--no-index", "-w", "dist", "."], cwd=tree, check=True)
    return zipfile.ZipFile(next((tree / "dist").glob("vidcolor-*.whl")))


def test_every_folder_with_code_is_a_declared_package() -> None:
    declared = set(_config()["options"]["packages"].split()) - {"vidcolor._weights"}
    found = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "vidcolor").rglob("*.py")}
    assert {name.replace("/", ".") for name in found} == declared


def test_wheel_holds_code_data_and_weights(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    for path in (ROOT / "vidcolor").rglob("*"):
        if path.is_file() and not re.search(r"__pycache__|/\.", path.as_posix()):
            assert path.relative_to(ROOT).as_posix() in names
    for name in ("compact", "large"):
        assert {f"vidcolor/_weights/{name}.safetensors", f"vidcolor/_weights/{name}.md"} <= names
    assert not [n for n in names if n.startswith(("tests/", "samples/", "checks/"))]


def test_wheel_finds_its_own_weights(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Away from the source tree, whose ``weights`` folder would hide that the wheel has none."""
    wheel.extractall(tmp_path)
    code = (
        "from vidcolor.models.weights.store import bundled_path\n"
        "for name in ('compact', 'large'): print(bundled_path(name + '.safetensors'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    folder = tmp_path / "vidcolor" / "_weights"
    wanted = [str(folder / f"{name}.safetensors") for name in ("compact", "large")]
    assert run.stdout.splitlines() == wanted


def test_command_is_declared_and_answers(wheel: zipfile.ZipFile) -> None:
    entry = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "vidcolor = vidcolor.__main__:run" in wheel.read(entry).decode()
    run = subprocess.run(
        [sys.executable, "-m", "vidcolor", "--version"], capture_output=True, text=True, cwd=ROOT
    )
    assert (run.returncode, "0.1.0" in run.stdout) == (0, True), run.stderr


def test_constraints_pin_everything_that_is_declared() -> None:
    """What is not pinned may change under a test that passed yesterday."""
    options, extras = _config()["options"], _config()["options.extras_require"]
    declared = [options["install_requires"], *extras.values()]
    pinned = _requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    for name in (name for text in declared for name in _requirements(text)):
        assert pinned.get(name, "").startswith("=="), f"{name} has no pinned version"


def test_reference_packages_are_no_dependencies() -> None:
    """Installed together they overwrite each other, and ours with them."""
    declared = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    pinned = _requirements((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert not re.search(r"^\s*(deoldify|fastai|torchvision)\b", declared, re.MULTILINE)
    assert not {"deoldify", "fastai", "torchvision"} & set(pinned)


def test_ci_runs_the_readmes_command_word_for_word() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    command = re.search(r"^command='(.*)'$", script, re.MULTILINE)
    assert command
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert f"    {command[1]}" in readme
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_readmes_first_command_names_files_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^    (python3 -m venv .*vidcolor -y .*)$", readme, re.MULTILINE)
    assert command
    assert (ROOT / "samples" / "newsreel.mp4").is_file()
    assert "-c constraints.txt . " in command[1]
    assert command[1].endswith(" samples/newsreel.mp4 newsreel_color.mp4")


def test_readme_links_lead_somewhere() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md"):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#]+)", text):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_no_figure_is_left_to_be_filled_in() -> None:
    """Two at signs mark a figure that a training run still owes."""
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("weights/*.md")]
    texts += (ROOT / "vidcolor" / "training" / "configs").glob("*.toml")
    assert len(texts) > 20
    assert [p.name for p in texts if "@" * 2 in p.read_text(encoding="utf-8")] == []


def test_documents_name_options_that_exist() -> None:
    """A renamed option would leave them telling people to type an error."""
    known = {"--help", "--version"}
    for command in ("", "info", "preview", "weights pull", "train", "bench", "eval", "studio"):
        words = [sys.executable, "-m", "vidcolor", *command.split(), "--help"]
        text = subprocess.run(words, capture_output=True, text=True, cwd=ROOT).stdout
        known |= set(re.findall(r"--[a-z][a-z0-9-]+", text))
    for document in (ROOT / "README.md", ROOT / "docs" / "usage.md"):
        code = " ".join(re.findall(r"`[^`]*`|^    .*$", document.read_text("utf-8"), re.M))
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", code))
        assert named and named <= known, f"{document.name}: {named - known}"


def test_pages_that_the_code_names_exist() -> None:
    """``--help``, messages and docstrings send people to docs/*.md."""
    for folder in ("vidcolor", "checks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for page in re.findall(r"\bdocs/[a-z_]+\.md\b", path.read_text(encoding="utf-8")):
                assert (ROOT / page).is_file(), f"{path.relative_to(ROOT)}: {page}"
