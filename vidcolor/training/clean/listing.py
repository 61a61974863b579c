"""The list that ``vidcolor train`` takes: a row for each photograph, kept or not."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from vidcolor.data.sources import Entry
from vidcolor.errors import InputError
from vidcolor.media.files.atomic import complete_file
from vidcolor.training.clean.clusters import NOISE
from vidcolor.training.clean.figures import Figures
from vidcolor.training.clean.pool import Looked

LEFT_OUT = "left-out"
"""The ``split`` of photographs that aren't kept, which nothing trains or validates on."""

_FIGURES = tuple(field.name for field in fields(Figures))
_COLUMNS = (
    "file", "archive", "split", "keep", "reason", "like", "cluster", "weight", *_FIGURES,
)  # fmt: skip


def write_list(path: Path, looked: Sequence[Looked], *, split: str) -> None:
    """Write the list, complete or not at all.

    Args:
        path: of the list; photographs are named relative to its folder.
        looked: what is known of each.
        split: of those that are kept.

    Raises:
        OutputError: it can't be written.
        InputError: a name can't stand in a list: it isn't UTF-8.
    """
    folder = Path(os.path.abspath(path)).parent
    with complete_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for one in looked:
            writer.writerow(_row(one, folder, split))


def _row(one: Looked, folder: Path, split: str) -> Iterable[str]:
    name, archive = _place(one.entry, folder)
    kept = not one.reason
    cluster = "" if one.cluster == NOISE else str(one.cluster)
    like = "" if one.like is None else _place(one.like, folder)[0]
    figures = (f"{v:.5g}" for v in astuple(one.figures)) if one.figures else [""] * len(_FIGURES)
    return (
        name, archive, split if kept else LEFT_OUT, "yes" if kept else "no", one.reason, like,
        cluster, f"{one.weight:.3f}", *figures,
    )  # fmt: skip


def _place(entry: Entry, folder: Path) -> tuple[str, str]:
    """File and archive, as ``list_entries`` reads them."""
    path = os.path.relpath(entry.file, folder)
    name, archive = (entry.name, path) if entry.size >= 0 else (path, "")
    try:
        (name + archive).encode()
    except UnicodeEncodeError:
        raise InputError(f"{entry.file}: {name!r} isn't UTF-8; rename it first") from None
    return name, archive
