"""Versions of what decides how pixels come out; read from the packages' metadata."""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from vidcolor import __version__

_PACKAGES: Final = (
    "torch",
    "av",
    "numpy",
    "opencv-python",
    "pillow",
    "tifffile",
    "imagecodecs",
    "numba",
)


def versions() -> dict[str, str]:
    """By name: vidcolor, python, and the packages that are installed; nothing is imported."""
    found = {"vidcolor": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
