"""``vidcolor studio``: what it refuses before it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def program(*words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    code = f"import sys\n{before}\nfrom vidcolor.cli.main import main\nsys.exit(main({words!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_without_the_extra_one_line_says_how_to_install_it() -> None:
    run = program("studio", "--no-browser", before="sys.modules['fastapi'] = None")
    assert (run.returncode, run.stderr.count("\n")) == (1, 1)
    assert "pip install 'vidcolor[studio]'" in run.stderr


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--host", "0.0.0.0"], 2, "--auth"),
        (["--auth", "nobody"], 2, "user:password"),
        (["--device", "cpu,toaster"], 2, "toaster"),
        (["--device", "cpu,cpu"], 2, "twice"),
        (["no/such/folder"], 1, "no such file or folder"),
        (["--port", "99999"], 2, "65535"),
    ],
)
def test_wrong_words_are_refused_in_one_line(
    words: list[str], code: int, text: str, tmp_path: Path
) -> None:
    run = program("studio", "--no-browser", "--store", str(tmp_path / "store"), *words)
    assert (run.returncode, run.stderr.count("\n")) == (code, 1), run.stderr
    assert text in run.stderr
    assert not (tmp_path / "store").exists()
