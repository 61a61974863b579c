"""Names of colours, as CSS has them."""

from __future__ import annotations

from PIL import ImageColor


def css_color(name: str) -> tuple[int, int, int] | None:
    """8-bit sRGB of a CSS colour name in small letters; None where there is no such name."""
    if name not in ImageColor.colormap:
        return None
    red, green, blue = ImageColor.getrgb(name)[:3]
    return red, green, blue
