"""Why a photograph is left out. docs/training.md says what each limit was chosen by."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from vidcolor.training.clean.figures import Figures

BROKEN: Final = "broken"
DUPLICATE: Final = "duplicate"
OUTLIER: Final = "outlier"


def _is_toned(f: Figures) -> bool:
    """Whether ab follows from lightness.

    Fog, skies, seas and forests are nearly of one hue too, so cold hues have to follow closely, and
    fog has little contrast; strong warm ones are sunsets.
    """
    if f.contrast < 10.0 or (_is_green(f) and f.rest > 1.0):
        return False
    if 90.0 < f.hue < 310.0:
        return f.one_hue > 0.997 and f.rest < 0.4 + 0.14 * f.chroma
    return f.one_hue > 0.99 and f.chroma < 30.0 and f.rest < 0.4 + 0.14 * f.chroma


def _is_cast(f: Figures) -> bool:
    """Whether even what should be grey has the one hue; of grass, sky and sea that is true."""
    if 200.0 < f.hue < 300.0 and f.rest > 1.5:
        return False
    return f.one_hue > 0.98 and f.cast > 15.0 and not _is_green(f)


def _is_green(f: Figures) -> bool:
    """Whether the one hue is that of grass and leaves."""
    return 95.0 < f.hue < 155.0


_TESTS: tuple[tuple[str, Callable[[Figures], bool]], ...] = (
    ("small", lambda f: min(f.width, f.height) < 64),
    ("blank", lambda f: f.contrast < 4.0 or f.dark > 0.8 or f.bright > 0.8),
    ("black-and-white", lambda f: f.chroma < 3.0 and f.rest < 0.9 and f.rest_most < 3.5),
    ("toned", _is_toned),
    # Fog has flat areas of few colours too, but little chroma.
    ("drawing", lambda f: f.flat > 0.3 and f.colours < 150 and f.rest > 2.0 and f.chroma > 8.0),
    ("cast", lambda f: f.chroma > 75.0 or _is_cast(f)),
)

REASONS: Final = MappingProxyType(
    {
        BROKEN: "doesn't decode, or the file ends early",
        "small": "a side below 64 pixels",
        "blank": "hardly any contrast, or nearly all black or white",
        "black-and-white": "no colour at all",
        "toned": "colour that follows from lightness alone: sepia, tints",
        "drawing": "few colours or flat areas: drawings, charts, screens",
        "cast": "one hue over everything, also over what should be grey",
        DUPLICATE: "nearly the same picture as one that is kept",
        OUTLIER: "unlike all others: in no cluster, and far from its neighbours",
    }
)
"""Words for the reasons, in the order in which they are tried."""


def reason_of(figures: Figures) -> str:
    """The first reason to leave a photograph out, "" for none."""
    return next((name for name, test in _TESTS if test(figures)), "")
