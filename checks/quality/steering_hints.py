"""How near six hints bring clothes in Zulko__chaplin.mp4 to their colours; what else moves."""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vidcolor.direction.model import Direction, Hint
from vidcolor.engine.options import ColorizeOptions
from vidcolor.library.film import open as open_film
from vidcolor.models.loading import load_model

Picture = npt.NDArray[np.float32]
SIZE, HALF, GIVEN = (640, 360), 6, 80
"""Of the film; half of a measured square's side in pixels; number of the frame with the hints."""

COLORS = {
    "coat": (1, -6), "trousers": (2, 6), "other leg": (2, 6),
    "policeman's coat": (1, -14), "policeman's trousers": (1, -14),
}  # fmt: skip
"""Wanted ab; what isn't here is to stay as it is."""

PLACES: dict[int, dict[str, tuple[int, int]]] = {
    0: {
        "policeman's coat": (177, 139), "policeman's trousers": (171, 278), "grass": (278, 230),
        "wall": (471, 139),
    },
    40: {
        "coat": (250, 150), "trousers": (255, 246), "policeman's coat": (147, 139),
        "policeman's trousers": (145, 268), "grass": (378, 236), "wall": (463, 139),
        "face": (265, 80),
    },
    80: {
        "coat": (352, 160), "trousers": (327, 262), "other leg": (375, 262),
        "policeman's coat": (145, 144), "policeman's trousers": (148, 283), "grass": (246, 245),
        "wall": (471, 111), "face": (361, 80),
    },
    120: {
        "coat": (350, 143), "trousers": (351, 272), "other leg": (404, 272),
        "policeman's coat": (179, 133), "policeman's trousers": (184, 283), "grass": (110, 240),
        "wall": (485, 122), "face": (385, 66),
    },
    160: {
        "coat": (390, 130), "trousers": (370, 276), "other leg": (428, 287),
        "policeman's coat": (166, 169), "policeman's trousers": (166, 276), "grass": (268, 233),
        "wall": (487, 137), "face": (410, 67),
    },
    200: {
        "coat": (360, 148), "trousers": (350, 276), "policeman's coat": (195, 175),
        "policeman's trousers": (188, 266), "grass": (99, 223), "wall": (485, 126),
        "face": (375, 73),
    },
}  # fmt: skip
"""Where things are in some frames, in pixels from the left and top."""

HINTED = ("coat", "trousers", "policeman's coat", "policeman's trousers", "grass", "wall")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, help="Zulko__chaplin.mp4")
    parser.add_argument("--model", default="compact")
    args = parser.parse_args()
    with open_film(args.film) as film:
        times = [frame.seconds for frame in islice(film, GIVEN + 1)]
    seconds = times[GIVEN]
    hints = tuple(
        Hint(*PLACES[GIVEN][name], f"lab{COLORS[name]}" if name in COLORS else "keep", seconds)
        for name in HINTED
    )
    plain, usual = colored(args.film, args.model, None)
    made, cost = colored(args.film, args.model, Direction(hints=hints))
    for number, places in PLACES.items():
        told = []
        for name, place in places.items():
            before, after = at(plain[number], place), at(made[number], place)
            if name in COLORS:
                left, was = (np.hypot(*(ab - COLORS[name])) for ab in (after, before))
                told.append(f"{name} {left:.1f} from its colour ({was:.1f})")
            else:
                told.append(f"{name} moved {np.hypot(*(after - before)):.1f}")
        print(f"frame {number}: {', '.join(told)}")
    print(f"{1000 * (cost - usual):.0f} ms of CPU per frame more than {1000 * usual:.0f}")


def colored(film: Path, name: str, said: Direction | None) -> tuple[list[Picture], float]:
    """Ab of all frames, ``(h, w, 2)``, and seconds of CPU per frame."""
    model, began = load_model(name, "cpu", "fp32"), time.process_time()
    with open_film(film) as opened:
        made = [f.ab for f in opened.colorize(model, options=ColorizeOptions(direction=said))]
    return made, (time.process_time() - began) / len(made)


def at(ab: Picture, place: tuple[int, int]) -> Picture:
    """Mean ab of a square."""
    x, y = place
    whole = cv2.resize(ab, SIZE)
    part: Picture = whole[y - HALF : y + HALF + 1, x - HALF : x + HALF + 1].mean(axis=(0, 1))
    return part


if __name__ == "__main__":
    main()
