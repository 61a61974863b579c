"""Builds the reference environment: a virtual environment where the original DeOldify runs.

Usage::

    python3.11 reference/build_env.py [DIR]     # default: reference/.venv; a few minutes

Then ``DIR/bin/python reference/record.py check`` says whether the original networks build. The
tests find the environment in ``reference/.venv``, or where ``VIDCOLOR_REFERENCE_PYTHON`` points.

Why not ``pip install -r requirements.txt``: the wheel of deoldify 0.0.1 holds a top-level
``fastai/`` of its own (1.0.56.dev0), which would overwrite fastai 1.0.61. So deoldify is fetched
without dependencies, and only its ``deoldify/`` folder is unpacked.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNPACKED = "deoldify"
"""The one package whose wheel isn't installed, but unpacked in part."""


def requirement_lines(path: Path) -> list[str]:
    """The requirements in ``path``, without comments and empty lines."""
    lines = (
        line.split("#", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines()
    )
    return [line for line in lines if line]


def run(*command: str | Path) -> str:
    """Runs a command, shows its errors, returns what it printed; raises if it fails."""
    done = subprocess.run(
        [str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def unpack_package(python: Path, requirement: str) -> None:
    """Puts the ``deoldify/`` folder of the requirement's wheel into ``python``'s site-packages."""
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if name.startswith(f"{UNPACKED}/")]
            archive.extractall(site, members=wanted)


def build(target: Path) -> Path:
    """Builds the environment in ``target``; returns its Python interpreter."""
    run(sys.executable, "-m", "venv", target)
    python = target / "bin" / "python"
    lines = requirement_lines(HERE / "requirements.txt")
    unpacked = [line for line in lines if line.startswith(f"{UNPACKED}==")]
    run(
        python, "-m", "pip", "install", "--quiet", *[line for line in lines if line not in unpacked]
    )
    for requirement in unpacked:
        unpack_package(python, requirement)
    return python


def main() -> None:
    """Command line: where to build."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument(
        "target", nargs="?", type=Path, default=HERE / ".venv", help="folder to build in"
    )
    target = parser.parse_args().target
    if sys.version_info[:2] != (3, 11):
        sys.exit(
            f"the reference environment was checked with Python 3.11 only, this is {sys.version}"
        )
    python = build(target)
    sys.stdout.write(f"{python}\n")


if __name__ == "__main__":
    main()
