"""Sample sheets: grey, result and truth of fixed validation pictures, as one PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vidcolor.color import lab_to_rgb, rgb_to_lab
from vidcolor.data.photos import Photo
from vidcolor.media.files.atomic import complete_file
from vidcolor.training.run.validation import Usable, colorize

_CELL_PX = (192, 144)  # width, height
_ACROSS = 3  # triples side by side
_GAP_PX = 4


def pick(photos: Sequence[Photo], count: int = 12) -> list[Photo]:
    """Photographs spread evenly over a set, the same ones each time."""
    count = min(count, len(photos))
    return [photos[i * len(photos) // count] for i in range(count)]


@torch.inference_mode()
def write_sheet(
    path: Path, network: Usable, photos: Sequence[Photo], device: torch.device, *, bf16: bool
) -> None:
    """Colorize the photographs' grey and write them beside grey and truth.

    Args:
        path: PNG to write.
        network: what colorizes.
        photos: with true colours.
        device: where the network is.
        bf16: whether it runs in bfloat16 autocast.

    Raises:
        OutputError: the sheet can't be written.
    """
    triples = [_triple(network, photo, device, bf16=bf16) for photo in photos]
    while len(triples) % _ACROSS:
        triples.append(np.zeros_like(triples[0]))
    rows = [np.hstack(triples[i : i + _ACROSS]) for i in range(0, len(triples), _ACROSS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    _, blob = cv2.imencode(".png", np.vstack(rows)[..., ::-1])
    with complete_file(path) as part:
        part.write_bytes(blob.tobytes())


def _triple(
    network: Usable, photo: Photo, device: torch.device, *, bf16: bool
) -> npt.NDArray[np.uint8]:
    rgb = torch.from_numpy(photo).to(device).permute(2, 0, 1)[None].float() / 255.0
    lightness = rgb_to_lab(rgb)[:, :1]
    ab = colorize(network, lightness / 100.0, bf16=bf16)
    grey, result = (
        lab_to_rgb(torch.cat((lightness, colour), dim=1)) for colour in (torch.zeros_like(ab), ab)
    )
    pictures = [_codes(grey), _codes(result), photo]
    return np.hstack([_cell(p) for p in pictures] + [_cell(photo[:0])[:, :_GAP_PX]])


def _codes(rgb: torch.Tensor) -> Photo:
    codes = (rgb[0].clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return codes.permute(1, 2, 0).cpu().numpy()


def _cell(picture: Photo) -> npt.NDArray[np.uint8]:
    """The picture as large as fits, on black."""
    cell = np.zeros((_CELL_PX[1] + _GAP_PX, _CELL_PX[0], 3), np.uint8)
    if picture.size:
        height, width = picture.shape[:2]
        factor = min(_CELL_PX[0] / width, _CELL_PX[1] / height)
        size = (max(1, int(width * factor)), max(1, int(height * factor)))
        cell[: size[1], : size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return cell
