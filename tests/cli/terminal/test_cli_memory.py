"""The program keeps freed memory; the library doesn't touch the allocator."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource
{setup}
import numpy as np

def touch():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(100_000_000, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

touch()
print(min(touch() for _ in range(3)))
"""
_KEEP = "from vidcolor.cli.terminal.memory import keep_freed_memory; assert keep_freed_memory()"

glibc_only = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an option of glibc's")


def faults(setup: str, environment: dict[str, str] | None = None) -> int:
    code = _FAULTS.format(setup=setup)
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return int(run.stdout)


@glibc_only
def test_large_blocks_are_not_asked_for_anew() -> None:
    # 100 MB are 24,000 pages of 4 kB, or 50 of 2 MB; kept memory needs none of them again.
    assert faults(_KEEP) < 40 < faults("import vidcolor")


@glibc_only
def test_an_environment_that_sets_up_malloc_is_respected() -> None:
    setup = (
        "from vidcolor.cli.terminal.memory import keep_freed_memory; assert not keep_freed_memory()"
    )
    assert faults(setup, {"MALLOC_TOP_PAD_": "0"}) > 40
