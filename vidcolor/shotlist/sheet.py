"""A contact sheet of a film's shots: one HTML file, key frames grey and coloured."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.shotlist.formats import ShotList, ShotRow

_SIDE = 320
Picture = npt.NDArray[np.uint8]

_HEAD = """<!doctype html><meta charset="utf-8"><title>{title}</title>
<style>body{{font:14px sans-serif;margin:1.5em;background:#eee}}
.shot{{display:inline-block;background:#fff;margin:6px;padding:8px}}
img{{display:block;width:320px}}p{{margin:4px 0}}</style><h1>{title}</h1>
"""


def sheet(shots: ShotList, pictures: Iterable[tuple[ShotRow, Picture, Picture]]) -> str:
    """The page.

    Args:
        shots: of the film.
        pictures: of each shot its key frame, grey and coloured, ``(H, W, 3)`` RGB.
    """
    parts = [_HEAD.format(title=html.escape(shots.film))]
    for row, grey, color in pictures:
        parts.append(
            f'<div class="shot"><p><b>{row.shot}</b> {row.start_s:.2f} to {row.end_s:.2f} s,'
            f" {row.frames} frames, {row.begins}, key frame {row.key_frame}</p>"
            f"{_picture(grey)}{_picture(color)}</div>\n"
        )
    return "".join(parts)


def _picture(rgb: Picture) -> str:
    height, width = rgb.shape[:2]
    size = (_SIDE, max(round(height * _SIDE / width), 1))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}">'
