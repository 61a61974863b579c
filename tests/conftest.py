"""Fixtures for all rooms: where things are, and walls around each test."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

# pytest-xdist has a process for each core, and each would have torch's threads for all cores.
# OpenMP reads this when torch is imported; programs that tests start inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]
FAIL_WITHOUT_CUDA = "VIDCOLOR_FAIL_WITHOUT_CUDA"
"""Set on machines that must have a GPU, so that a broken driver can't pass as "all skipped"."""


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder with setup.cfg, README.md and the rest."""
    return ROOT


@pytest.fixture(scope="session")
def samples_dir() -> Path:
    """The rendered samples, which may be read but not written."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Real footage and facts beside the project; skips where they are missing."""
    folder = ROOT / ".." / "shared"
    if not folder.is_dir():
        pytest.skip("../shared isn't there: this test needs real footage that isn't shipped")
    return folder


@pytest.fixture
def file_size_limit() -> Callable[[int], AbstractContextManager[None]]:
    """No file of this process may grow beyond so many bytes: writing fails as on a full disk."""
    resource: Any = pytest.importorskip("resource")  # Windows has none

    @contextmanager
    def limit(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


@pytest.fixture(scope="session", autouse=True)
def _no_weights_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Results must not depend on what the person who runs the tests has set or downloaded."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("VIDCOLOR_") and n != FAIL_WITHOUT_CUDA]:
            patch.delenv(name)
        patch.setenv("VIDCOLOR_HOME", str(tmp_path_factory.mktemp("vidcolor_home")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _signals_are_heard() -> None:
    """What is started under nohup or in the background ignores signals, and so do its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _no_thread_left_behind() -> Iterator[None]:
    """A thread that outlives its test would keep files open and the program from ending."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 5
    left = _new_threads(before)
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = _new_threads(before)
    assert not left, f"threads still run after the test: {left}"


def _new_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    # daemons don't block the program's end: tqdm's monitor and local test servers are such
    return [t for t in threading.enumerate() if t not in before and not t.daemon]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what isn't UTF-8 in captured output: pytest-xdist can't send names of any bytes."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``cuda`` where there is no GPU, unless one is demanded."""
    marked = [item for item in items if item.get_closest_marker("cuda")]
    if not marked or FAIL_WITHOUT_CUDA in os.environ:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU here"))


def _add_png(tar: tarfile.TarFile, name: str, rgb: Any) -> None:  # noqa: ANN401 - numpy is imported late
    import cv2

    blob = cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()
    info = tarfile.TarInfo(name)
    info.size = len(blob)
    tar.addfile(info, io.BytesIO(blob))


@pytest.fixture(scope="session")
def photos_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve colour crops and one grey picture."""
    import numpy as np
    from skimage import data

    path = tmp_path_factory.mktemp("train") / "photos.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(12):
            photo = (data.astronaut(), data.coffee(), data.chelsea())[number % 3]
            part = np.ascontiguousarray(photo[number : number + 200, :200])
            _add_png(tar, f"{number:02}.png", part)
        grey = data.astronaut()[:160, :160].mean(axis=2).astype(np.uint8)
        _add_png(tar, "grey.png", np.stack([grey] * 3, axis=2))
    return path
