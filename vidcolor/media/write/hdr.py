"""Metadata of frames: HDR goes into encoder options; notes for what is lost.

PyAV can't attach side data to a stream's header, so mastering display (SMPTE ST 2086) and content
light level (CTA-861.3) go through x264-params, x265-params and svtav1-params, which write them into
the bitstream: players read them there.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Mapping
from fractions import Fraction

from vidcolor.media.source import SideDatum
from vidcolor.media.write.facts import EncoderFacts

MASTERING = "MASTERING_DISPLAY_METADATA"
LIGHT_LEVEL = "CONTENT_LIGHT_LEVEL"
_LOST = {
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid dynamic metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "AFD": "the active format description (AFD)",
}

_CODES = {"S12M_TIMECODE": "SMPTE 12M", "GOP_TIMECODE": "GOP"}
_NO_CODE = "00:00:00"
"""Encoders count from the first second where no time code was set."""

# AVMasteringDisplayMetadata: 3 primaries and a white point (x, y), lowest and highest luminance,
# all AVRational, then two flags that say which half is set.
_MASTERING_LAYOUT = struct.Struct("=20i2i")
# AVContentLightMetadata: MaxCLL and MaxFALL in cd/m^2.
_LIGHT_LAYOUT = struct.Struct("=2I")


def static_metadata(side_data: Iterable[object]) -> dict[str, bytes]:
    """Mastering display and light level among a frame's side data, by kind."""
    return {
        item.kind: item.data
        for item in side_data
        if isinstance(item, SideDatum) and item.kind in (MASTERING, LIGHT_LEVEL)
    }


def hdr_options(
    facts: EncoderFacts, static: Mapping[str, bytes]
) -> tuple[dict[str, str], list[str]]:
    """Encoder options that carry ``static``, and a note for what they can't carry."""
    if not static:
        return {}, []
    if facts.hdr_params is None:
        return {}, [f"{facts.name} can't carry HDR mastering metadata: libx265 can"]
    option, mastering_key, light_key = facts.hdr_params
    parts = [facts.options[option]] if option in facts.options else []
    unit = facts.name == "libsvtav1"
    if MASTERING in static and (text := _mastering_text(static[MASTERING], plain=unit)):
        parts.append(f"{mastering_key}={text}")
    if LIGHT_LEVEL in static:
        most, average = _LIGHT_LAYOUT.unpack_from(static[LIGHT_LEVEL])
        parts.append(f"{light_key}={most},{average}")
    return {option: ":".join(parts)}, []


def dynamic_losses(kinds: Iterable[str]) -> list[str]:
    """Notes for kinds of per-frame metadata that no supported encoder writes."""
    return [f"{_LOST[kind]} can't be carried over" for kind in sorted(kinds) if kind in _LOST]


def _mastering_text(data: bytes, *, plain: bool) -> str:
    """``G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)``; "" where primaries or luminance are missing.

    Units are those of SMPTE ST 2086 SEI messages (0.00002 and 0.0001 cd/m^2), or with ``plain``
    1 and cd/m^2, as SVT-AV1 expects it.
    """
    numbers = _MASTERING_LAYOUT.unpack_from(data)
    if not (numbers[20] and numbers[21]):
        return ""
    values = [Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2)]
    scale = [1] * 10 if plain else [50_000] * 8 + [10_000] * 2
    texts = [
        f"{float(v):g}" if plain else str(round(v * s)) for v, s in zip(values, scale, strict=True)
    ]
    red, green, blue, white = (f"({texts[i]},{texts[i + 1]})" for i in range(0, 8, 2))
    return f"G{green}B{blue}R{red}WP{white}L({texts[9]},{texts[8]})"


def time_code_losses(side_data: Iterable[object], written: Iterable[str]) -> list[str]:
    """Notes for time codes inside the first picture that aren't those written into the container.

    Args:
        side_data: of the first frame.
        written: codes that the container gets.
    """
    known = {code.replace(";", ":") for code in written}
    return [
        f"the time code inside the picture ({_CODES[item.kind]}, {code}) can't be carried over"
        for item in side_data
        if isinstance(item, SideDatum) and item.kind in _CODES
        for code in [_time_code(item)]
        if code.replace(";", ":") not in known and not code.startswith(_NO_CODE)
    ]


def picture_codes(kinds: Iterable[str]) -> list[str]:
    """Notes for time codes in pictures, for outputs that can't hold any."""
    return [
        f"the time code inside the picture ({_CODES[kind]}) can't be carried over"
        for kind in sorted(kinds)
        if kind in _CODES
    ]


def _time_code(item: SideDatum) -> str:
    """The code as text, as libavutil's timecode.c formats it; zeros where it is cut off."""
    if item.kind == "GOP_TIMECODE":
        if len(item.data) < 8:
            return f"{_NO_CODE}:00"
        code = int.from_bytes(item.data[:8], sys.byteorder)
        parts = [code >> 19 & 31, code >> 13 & 63, code >> 6 & 63, code & 63]
        drops = code >> 24 & 1
    else:  # the number of codes, then each in four bytes of binary coded decimals
        if len(item.data) < 8:
            return f"{_NO_CODE}:00"
        code = int.from_bytes(item.data[4:8], sys.byteorder)
        decimals = (code & 0x3F, code >> 8 & 0x7F, code >> 16 & 0x7F, code >> 24 & 0x3F)
        parts = [(each >> 4) * 10 + (each & 15) for each in decimals]
        drops = code >> 30 & 1
    hours, minutes, seconds, frames = parts
    return f"{hours:02}:{minutes:02}:{seconds:02}{';' if drops else ':'}{frames:02}"
