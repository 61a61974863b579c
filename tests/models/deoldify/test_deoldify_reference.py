"""The full proof: the original package's networks run, in their own environment, and ours beside.

Needs the environment of ``reference/build_env.py``, minutes, 6 GB of memory and 3 GB of disk.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from deoldify_recordings import REFERENCE
from parity import reference_python

PYTHON = reference_python()  # now: the tests themselves run without the user's VIDCOLOR_ variables


@pytest.mark.reference
@pytest.mark.skipif(PYTHON is None, reason="no reference environment: see reference/build_env.py")
@pytest.mark.slow
@pytest.mark.timeout(3600)  # the original takes half a minute for each network to start
@pytest.mark.parametrize("name", ["artistic", "stable", "video"])
def test_equals_the_original_package(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(REFERENCE / "parity.py"), "--python", str(PYTHON)]
    done = subprocess.run(
        [*command, "--keep", str(tmp_path), name], capture_output=True, text=True, check=False
    )
    (tmp_path / f"{name}.pth").unlink(missing_ok=True)  # 0.9 GB
    assert done.returncode == 0, done.stdout + done.stderr
    # Three sizes, as published and folded: nothing was left out.
    assert done.stdout.count("largest difference") == 6
