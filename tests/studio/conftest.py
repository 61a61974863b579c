"""A studio that runs as users run it, and a browser where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import Running, start, stop

CHROMIUM = os.environ.get("VIDCOLOR_CHROMIUM", "")
"""Path of a Chromium; .ci/run sets it, and then the browser must start. Read here, since tests have
no such variables of the caller's."""


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory, samples_dir: Path) -> Iterator[Running]:
    """One server for all tests: it is started once, as torch takes seconds to load."""
    folder = Path(os.path.realpath(tmp_path_factory.mktemp("reels")))
    shutil.copy(samples_dir / "newsreel.mp4", folder / "reel.mp4")
    store = Path(os.path.realpath(tmp_path_factory.mktemp("store")))
    running = start(folder, store)
    yield running
    stop(running)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; skips where there is none, unless one was promised."""
    path = CHROMIUM or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: apt install chromium")
    if not CHROMIUM:
        pytest.importorskip("playwright", reason="the package playwright isn't installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # the sandbox refuses to start for root, which containers are
        found = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()
