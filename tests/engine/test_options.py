"""``ColorizeOptions`` refuses wrong values when it is made."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import vidcolor
from vidcolor import ColorizeOptions, OptionError


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""},
        {"device": "gpu"},
        {"device": "cuda:"},
        {"precision": "int8"},
        {"batch_size": 0},
        {"batch_size": 1.5},
        {"batch_size": True},
        {"render_factor": 1},
        {"render_factor": 1080},
        {"smoothing": -0.1},
        {"stabilize": "flow"},
        {"every": 0},
        {"every": "often"},
        {"smoothing": float("nan")},
        {"saturation": float("inf")},
        {"saturation": 100},
        {"start_s": -1},
        {"end_s": 0},
        {"start_s": 5, "end_s": 5},
        {"crf": -1},
        {"video_codec": "libx264; rm"},
        {"pix_fmt": ""},
        {"audio": "drop"},
        {"decoder": "vlc"},
        {"fps": 0},
        {"fps": "fast"},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError) as caught:
        ColorizeOptions(**wrong)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_numbers_become_exact_and_paths_paths() -> None:
    options = ColorizeOptions(fps=16.67, weights_dir="w")  # type: ignore[arg-type]
    assert options.fps == Fraction(1667, 100)
    assert options.weights_dir == Path("w")


def test_options_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ColorizeOptions().model = "x"  # type: ignore[misc]


def test_public_names_exist_and_are_lazy() -> None:
    light = [n for n in vidcolor.__all__ if n[0].isupper() or n == "__version__"]
    assert all(getattr(vidcolor, name) is not None for name in light)
    assert set(vidcolor.__all__) <= set(dir(vidcolor))
    assert vidcolor.__all__ == sorted(vidcolor.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = vidcolor.no_such_name
