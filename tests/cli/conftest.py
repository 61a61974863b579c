"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_helpers import make_clip, make_photo


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Six grey frames, 64 x 48."""
    return make_clip(tmp_path / "film.mp4")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A grey PNG, 64 x 48."""
    return make_photo(tmp_path / "photo.png")
