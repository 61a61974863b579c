"""The join's loops, compiled by numba: each passes once over a frame's rows.

They do what ``blocks`` and ``planes`` do with tensors, for 8-bit output with the sRGB curve. What
few pixels need, colours outside the gamut, is left to the functions there. Curves come from tables
with linear interpolation, which are exact to 1e-6.

Raises:
    ImportError: numba isn't installed.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vidcolor.color.blocks import KNEE_OFFSET, LEAST_SLOPE

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

_numba: Any = importlib.import_module("numba")

CURVE_STEPS: Final = 1 << 15
"""Steps of the curves' tables between 0 and 1."""

TO_LINEAR_FROM, TO_LINEAR_TO = -1.0, 2.0
"""Code values that ``to_linear``'s table covers: those of chroma codes with any luma."""

_K = np.float32(KNEE_OFFSET)
_LEAST = np.float32(LEAST_SLOPE)
_STEPS = np.float32(CURVE_STEPS)
_FROM = np.float32(TO_LINEAR_FROM)
_SHADE = np.float32(0.2068966)
_LINE = np.float32(1.0 / 7.787)
_TOLERANCE = np.float32(5e-5)
_ONE, _ZERO, _HALF = np.float32(1), np.float32(0), np.float32(0.5)


def _prepare(
    lightness: Floats, a: Floats, b: Floats, grey_table: Floats, xyz: Floats,
    grey: Floats, darkest: Floats, mean: Floats, brightest: Floats,
    red: Floats, green: Floats, blue: Floats, room: Floats, down: int, across: int,
) -> None:  # fmt: skip
    """Grey codes of pixels; of blocks their extremes and mean, linear RGB and room in the gamut."""
    rows, columns = a.shape
    width = columns * across
    top = np.float32(len(grey_table) - 1)
    count = np.float32(1) / np.float32(down * across)
    lowest, highest = np.empty(width, np.float32), np.empty(width, np.float32)
    codes, lights = np.empty(width, np.float32), np.empty(width, np.float32)
    for row in range(rows):
        # pairs of lines first, then of columns: loops that the compiler makes vectors of
        for line in range(row * down, (row + 1) * down):
            is_first = line == row * down
            for x in range(width):
                grey[line, x] = grey_table[np.int32(lightness[line, x] * top + _HALF)]
            if is_first:
                for x in range(width):
                    code = grey[line, x]
                    lowest[x] = highest[x] = codes[x] = code
                    lights[x] = lightness[line, x]
            else:
                for x in range(width):
                    code = grey[line, x]
                    lowest[x], highest[x] = min(lowest[x], code), max(highest[x], code)
                    codes[x] += code
                    lights[x] += lightness[line, x]
        if across == 2:
            for x in range(columns):
                lowest[x] = min(lowest[2 * x], lowest[2 * x + 1])
                highest[x] = max(highest[2 * x], highest[2 * x + 1])
                codes[x] = codes[2 * x] + codes[2 * x + 1]
                lights[x] = lights[2 * x] + lights[2 * x + 1]
        for x in range(columns):
            darkest[row, x], brightest[row, x] = lowest[x], highest[x]
            mean[row, x] = codes[x] * count
            light = lights[x]
            light *= count
            some = min(max(min(light, _ONE - light) * np.float32(1e5), _ZERO), _ONE)
            fy = (light * np.float32(100) + np.float32(16)) / np.float32(116)
            fx = fy + a[row, x] * some * np.float32(0.002)
            fz = fy - b[row, x] * some * np.float32(0.005)
            bent = max(fx, _SHADE)
            cx = bent * bent * bent + (fx - bent) * _LINE
            bent = max(fy, _SHADE)
            cy = bent * bent * bent + (fy - bent) * _LINE
            bent = max(fz, _SHADE)
            cz = bent * bent * bent + (fz - bent) * _LINE
            r = cx * xyz[0, 0] + cy * xyz[0, 1] + cz * xyz[0, 2]
            g = cx * xyz[1, 0] + cy * xyz[1, 1] + cz * xyz[1, 2]
            u = cx * xyz[2, 0] + cy * xyz[2, 1] + cz * xyz[2, 2]
            red[row, x], green[row, x], blue[row, x] = r, g, u
            room[row, x] = min(min(min(r, g), u), _ONE - max(max(r, g), u)) + _TOLERANCE


def _chroma(
    red: Floats, green: Floats, blue: Floats, darkest: Floats, brightest: Floats,
    table: Floats, matrix: Floats, light: Floats, cb: Floats, cr: Floats, certain: Floats,
) -> None:  # fmt: skip
    """Cb and Cr of linear RGB in gamut; ``certain`` is below 0 where they may be too much."""
    kr, kb = matrix[0], matrix[1]
    kg = _ONE - kr - kb
    to_cb, to_cr = _HALF / (_ONE - kb), _HALF / (_ONE - kr)
    of_red, of_blue = np.float32(2) * (_ONE - kr), np.float32(2) * (_ONE - kb)
    rows, columns = red.shape
    for row in range(rows):
        for x in range(columns):
            at = min(max(red[row, x], _ZERO), _ONE) * _STEPS
            i = np.int32(at)
            r = table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))
            at = min(max(green[row, x], _ZERO), _ONE) * _STEPS
            i = np.int32(at)
            g = table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))
            at = min(max(blue[row, x], _ZERO), _ONE) * _STEPS
            i = np.int32(at)
            u = table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))
            y = g * kg + r * kr + u * kb
            c, d = (u - y) * to_cb, (r - y) * to_cr
            cb[row, x], cr[row, x] = c, d
            dr, du = d * of_red, c * of_blue
            dg = -(c * (kb * of_blue / kg)) - d * (kr * of_red / kg)
            low, high = min(min(dr, dg), du), max(max(dr, dg), du)
            weighted = dr * light[0] + dg * light[1] + du * light[2]
            bright = weighted - high - brightest[row, x] + _ONE
            dark = low - high + darkest[row, x]
            lift = _K - low
            r3, g3, u3 = dr + lift, dg + lift, du + lift
            cubes = r3 * r3 * r3 * light[0] + g3 * g3 * g3 * light[1] + u3 * u3 * u3 * light[2]
            lifted = darkest[row, x] + _K
            power = lifted * lifted * lifted - cubes
            dark = max(dark, min(power, darkest[row, x] - np.float32(0.05)))
            certain[row, x] = min(bright, dark)


def _finish(
    grey: Floats, mean: Floats, cb: Floats, cr: Floats, table: Floats, matrix: Floats,
    light: Floats, ranges: Floats, luma: Codes, blue_codes: Codes, red_codes: Codes,
    down: int, across: int,
) -> None:  # fmt: skip
    """Codes of chroma, and of the luma that has each pixel's lightness with them."""
    kr, kb = matrix[0], matrix[1]
    kg = _ONE - kr - kb
    of_red, of_blue = np.float32(2) * (_ONE - kr), np.float32(2) * (_ONE - kb)
    scale, middle, black, white = ranges[0], ranges[1], ranges[2], ranges[3]
    span, most = white - black, white + _HALF
    rows, columns = cb.shape
    means, bends = np.empty(columns * across, np.float32), np.empty(columns * across, np.float32)
    for row in range(rows):
        for x in range(columns):
            code = min(max(np.rint(cb[row, x] * scale + middle), _ZERO), np.float32(255))
            blue_codes[row, x] = np.uint8(np.int32(code))
            c = (code - middle) / scale
            code = min(max(np.rint(cr[row, x] * scale + middle), _ZERO), np.float32(255))
            red_codes[row, x] = np.uint8(np.int32(code))
            d = (code - middle) / scale
            dr, du = d * of_red, c * of_blue
            dg = -(c * (kb * of_blue / kg)) - d * (kr * of_red / kg)
            average = dr * light[0] + dg * light[1] + du * light[2]
            variance = dr * dr * light[0] + dg * dg * light[1] + du * du * light[2]
            variance -= average * average
            own = mean[row, x]
            lifted = own + _K
            y = own - average - variance * np.float32(0.7) / lifted
            at = (own - _FROM) * _STEPS
            i = np.int32(at)
            goal = table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))
            slope = max(goal * np.float32(2.4) / lifted, np.float32(1.0 / 12.92))
            at = (y + dr - _FROM) * _STEPS
            i = np.int32(at)
            shown = (table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))) * light[0]
            at = (y + dg - _FROM) * _STEPS
            i = np.int32(at)
            shown += (table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))) * light[1]
            at = (y + du - _FROM) * _STEPS
            i = np.int32(at)
            shown += (table[i] + (table[i + 1] - table[i]) * (at - np.float32(i))) * light[2]
            y -= (shown - goal) / slope
            bend, average = (own - average - y) * lifted * span, average * span - black - _HALF
            if across == 2:
                bends[2 * x] = bends[2 * x + 1] = bend
                means[2 * x] = means[2 * x + 1] = average
            else:
                bends[x], means[x] = bend, average
        for line in range(row * down, (row + 1) * down):
            for x in range(columns * across):
                code = grey[line, x]
                value = code * span - bends[x] / (code + _K) - means[x]
                luma[line, x] = np.uint8(np.int32(min(max(value, black), most)))


def _compiled(function: Any) -> Any:  # noqa: ANN401 - numba has no types
    options = {"nogil": True, "fastmath": {"contract", "nsz", "reassoc"}, "error_model": "numpy"}
    try:
        return _numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no place where compiled code could be kept
        return _numba.njit(**options)(function)


prepare, chroma, finish = _compiled(_prepare), _compiled(_chroma), _compiled(_finish)
