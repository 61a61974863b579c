"""Which file a model came from."""

from __future__ import annotations

import contextlib
from pathlib import Path

from vidcolor.errors import VidcolorError
from vidcolor.models.weights.partial import hash_file
from vidcolor.models.weights.stamp import read_stamp
from vidcolor.models.weights.store import find_weights


def weights_file(label: str, *, weights_dir: Path | None = None) -> tuple[Path, str] | None:
    """The weights of a model and their SHA-256, None where it came from no file.

    Args:
        label: a model's name, or the path it was loaded from.
        weights_dir: where downloaded weights are; None for the usual places.
    """
    path: Path | None = Path(label)
    with contextlib.suppress(VidcolorError):
        path = find_weights(label, weights_dir=weights_dir)
    if path is None or not path.is_file():
        return None
    stamp = read_stamp(path)
    known = stamp is not None and stamp.fits(path)
    return path.resolve(), stamp.sha256 if known and stamp else hash_file(path)
