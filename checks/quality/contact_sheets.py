"""Contact sheets for eyes to judge: grey, what each model makes of it, and the truth where known.

    python checks quality/contact_sheets --out sheets -m compact -m my.safetensors --photos val.tar
    python checks quality/contact_sheets --out sheets -m compact --old films/ album/

Everything is coloured through the library with its defaults. Photographs in colour (--photos: a
folder or tar file) are made grey and shown beside the truth. Films and photographs without colours
(--old: files or folders) are shown as they are, films at 20, 50 and 80 % of their length, out of a
second coloured around each moment, so that smoothing has its say. PNG files go into --out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from shared.files import media_files

import vidcolor
from vidcolor.data.photos import decode_rgb
from vidcolor.data.sources import iter_named
from vidcolor.engine.image import colorize_still
from vidcolor.engine.run.sources import open_source
from vidcolor.evaluation.film import bt709_frames
from vidcolor.evaluation.photos import as_planes, grey_of
from vidcolor.media.open import sniff
from vidcolor.models.colorizer import Colorizer

Rgb = npt.NDArray[np.uint8]
"""``(H, W, 3)``."""

Row = tuple[str, list[Rgb]]
"""A name, and the pictures beside each other."""

_MOMENTS = (0.2, 0.5, 0.8)
_LABEL_PX = 18
_OPTIONS = vidcolor.ColorizeOptions(compare=True, audio="none")


def photo_rows(source: Path, models: list[Colorizer], count: int) -> Iterator[Row]:
    """``count`` photographs spread over a tar file or folder: grey, each model's, the truth."""
    total = sum(1 for _ in iter_named(source))
    wanted = {at * total // count for at in range(min(count, total))}
    for at, (name, blob) in enumerate(iter_named(source)):
        truth = decode_rgb(blob) if at in wanted else None
        if truth is None:
            continue
        grey = grey_of(as_planes(truth))
        made = [colorize_still(grey, m, vidcolor.ColorizeOptions()) for m in models]
        yield name, [np.repeat(grey.luma[..., None], 3, axis=2), *made, truth]  # type: ignore[list-item]


def old_rows(paths: list[Path], models: list[Colorizer]) -> Iterator[Row]:
    """Films and photographs without colours: grey and each model's."""
    for path in paths:
        try:
            kind = sniff(path)
            if kind == "image":
                yield path.name, _pictures([_still(path, model) for model in models])
            elif kind == "video":
                for share in _MOMENTS:
                    frames = [_frame(path, model, share) for model in models]
                    yield f"{path.name} at {share:.0%}", _pictures(frames)
        except vidcolor.VidcolorError as error:
            print(f"left out: {error}", file=sys.stderr)


def _pictures(pairs: list[Rgb]) -> list[Rgb]:
    """Grey from the first pair of grey and result, then all results."""
    half = pairs[0].shape[1] // 2
    return [pairs[0][:, :half], *(pair[:, half:] for pair in pairs)]


def _still(path: Path, model: Colorizer) -> Rgb:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.png"
        vidcolor.colorize_image(path, made, options=_OPTIONS, model=model)
        picture = cv2.imread(str(made), cv2.IMREAD_COLOR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[arg-type,return-value]


def _frame(path: Path, model: Colorizer, share: float) -> Rgb:
    """The frame at a share of the film's length, grey and result side by side."""
    with open_source(path, _OPTIONS) as source:
        moment = share * (source.info.duration_s or 0.0)
    span = vidcolor.ColorizeOptions(
        compare=True, audio="none", video_codec="ffv1", pix_fmt="yuv444p",
        start_s=max(0.0, moment - 0.5) or None, end_s=moment + 0.5,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.mkv"
        count = vidcolor.colorize_video(path, made, options=span, model=model).frames
        _, frame = next(islice(bt709_frames(made), count // 2, None))
        return np.ascontiguousarray(
            frame.numpy().transpose(1, 2, 0).round().clip(0, 255), dtype=np.uint8
        )


def write_sheets(out: Path, name: str, head: list[str], rows: Iterator[Row], cell: int) -> int:
    """Write ``NAME_01.png``, ... of about four cells' width in height; say how many."""
    part: list[Rgb] = []
    made = 0
    for label, pictures in rows:
        part.append(_drawn(label, head, pictures, cell))
        if sum(len(r) for r in part) > 4 * cell:
            made = _write(out, name, part, made)
            part = []
    return _write(out, name, part, made) if part else made


def _write(out: Path, name: str, rows: list[Rgb], made: int) -> int:
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(out / f"{name}_{made + 1:02d}.png"), sheet)
    return made + 1


def _drawn(label: str, head: list[str], pictures: list[Rgb], cell: int) -> Rgb:
    """One row: pictures fitted into cells, with words above."""
    height, width = pictures[0].shape[:2]
    size = (cell, max(1, round(cell * height / width)))
    if height > width:  # upright ones would fill a sheet
        size = (max(1, round(cell * width / height)), cell)
    row = np.full((size[1] + _LABEL_PX, cell * len(pictures), 3), 40, np.uint8)
    for at, (picture, title) in enumerate(zip(pictures, head, strict=True)):
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        row[_LABEL_PX:, at * cell : at * cell + size[0]] = small
        text = f"{title}  {label}"[: cell // 7] if at == 0 else title  # what a cell has room for
        where = (at * cell + 3, 13)
        cv2.putText(row, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1)
    return row


def main() -> None:
    """Colour, and write the sheets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    parser.add_argument("-m", "--model", action="append", metavar="NAME|FILE", required=True)
    parser.add_argument("--photos", type=Path, help="photographs in colour: a folder or tar file")
    parser.add_argument("--count", type=int, default=40, help="how many of them (40)")
    parser.add_argument("--old", type=Path, nargs="+", default=[], help="films and photographs")
    parser.add_argument("--cell", type=int, default=320, help="width of a picture, pixels (320)")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    models = [vidcolor.load_model(name, arguments.device) for name in arguments.model]
    names = ["grey", *(Path(name).stem for name in arguments.model)]
    if arguments.photos:
        rows = photo_rows(arguments.photos, models, arguments.count)
        made = write_sheets(arguments.out, "photos", [*names, "truth"], rows, arguments.cell)
        print(f"{made} sheets of photographs in {arguments.out}")
    if arguments.old:
        rows = old_rows(media_files(arguments.old), models)
        made = write_sheets(arguments.out, "old", names, rows, arguments.cell)
        print(f"{made} sheets of films and photographs in {arguments.out}")
