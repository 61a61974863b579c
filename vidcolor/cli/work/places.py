"""Where a batch's results go: one name for each, told apart where inputs have the same."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

RESULT_ENDING = "_color"

Input = tuple[Path, Path, str]
"""A source, its folder below the one that was named, and the result's usual name."""


def place(inputs: Sequence[Input], folder: Path) -> tuple[list[Path], list[str]]:
    """Choose the result's path for each input.

    Where inputs of several folders would get the same, all results go to subfolders named as the
    inputs' folders; ``x.gif`` beside ``x.mp4`` becomes ``x_gif_color.mp4``.

    Args:
        inputs: all that are to be colorized, no file twice.
        folder: where results go.

    Returns:
        One path for each input, and lines for the user.
    """
    origins = [Path(os.path.abspath(source)).parent for source, _, _ in inputs]
    targets = [folder / below / name for _, below, name in inputs]
    notes: list[str] = []
    if _mixes_folders(targets, origins):
        try:
            common = Path(os.path.commonpath(origins))
        except ValueError:  # several drives
            pass
        else:
            targets = [
                folder / origin.relative_to(common) / name
                for origin, (_, _, name) in zip(origins, inputs, strict=True)
            ]
            notes.append(
                "inputs of several folders have the same names: results are kept in subfolders of"
                f" {folder}, as the inputs are in {common}"
            )
    taken: set[Path] = set()
    for number, (source, _, _) in enumerate(inputs):
        targets[number] = _free(targets[number], source, taken)
        taken.add(targets[number])
    return targets, notes


def _mixes_folders(targets: Sequence[Path], origins: Sequence[Path]) -> bool:
    """Whether two inputs of different folders would be written to one path."""
    folders: defaultdict[Path, set[Path]] = defaultdict(set)
    for target, origin in zip(targets, origins, strict=True):
        folders[target].add(origin)
    return any(len(each) > 1 for each in folders.values())


def _free(target: Path, source: Path, taken: set[Path]) -> Path:
    """The target, or a name beside it that tells the source's extension, or a numbered one."""
    if target not in taken:
        return target
    kind = source.suffix[1:].lower()
    inserted = f"{source.stem}_{kind}{RESULT_ENDING}" if kind else target.stem
    candidate, number = target.with_stem(inserted), 2
    while candidate in taken:
        candidate = target.with_stem(f"{inserted}_{number}")
        number += 1
    return candidate
