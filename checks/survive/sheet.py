"""Contact sheets: source above, result below, for eyes to judge."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
_CELL_PX = 320
_LABEL_PX = 22


def write_sheet(path: Path, pairs: list[tuple[Rgb, Rgb]], label: str) -> None:
    """Write one PNG: a column per pair, its grey source above, its result below."""
    columns = []
    for source, result in pairs:
        grey = cv2.cvtColor(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        columns.append(np.vstack([_cell(grey), _cell(result)]))
    height = max(column.shape[0] for column in columns)
    padded = [np.pad(c, ((0, height - c.shape[0]), (0, 4), (0, 0))) for c in columns]
    picture = np.hstack(padded)
    strip = np.zeros((_LABEL_PX, picture.shape[1], 3), np.uint8)
    text = label.encode("ascii", "replace").decode()
    cv2.putText(strip, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
    sheet = np.vstack([strip, picture])
    cv2.imwrite(str(path), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))


def join_sheets(folder: Path, target: Path, *, per_sheet: int = 6) -> list[Path]:
    """Stack the sheets of a folder into overviews ``target_1.png``, ``target_2.png``, ..."""
    pictures = [cv2.imread(str(path)) for path in sorted(folder.glob("*.png"))]
    made = []
    for start in range(0, len(pictures), per_sheet):
        part = pictures[start : start + per_sheet]
        width = max(p.shape[1] for p in part)
        rows = [np.pad(p, ((0, 6), (0, width - p.shape[1]), (0, 0))) for p in part]
        path = target.with_name(f"{target.stem}_{start // per_sheet + 1}.png")
        cv2.imwrite(str(path), np.vstack(rows))
        made.append(path)
    return made


def _cell(picture: Rgb) -> Rgb:
    height, width = picture.shape[:2]
    size = (_CELL_PX, max(1, round(_CELL_PX * height / width)))
    shrink = cv2.INTER_AREA if width > _CELL_PX else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=shrink)  # type: ignore[return-value]
