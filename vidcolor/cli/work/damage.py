"""``vidcolor eval --damage``: how well drawn damage is repaired."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click

from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.work.jobs import IMAGE_SUFFIXES
from vidcolor.cli.work.session import Session
from vidcolor.engine.progress import Progress

_FRAMES = 24
"""Of each film, unless --limit says otherwise."""


def measure_repair(
    session: Session,
    paths: Sequence[Path],
    kind: str,
    values: dict[str, Any],
) -> None:
    """Measure and print.

    Args:
        session: console and stop.
        paths: photographs or films.
        kind: "image" or "video".
        values: the command's parameters: ``limit``, ``half``, ``seed``, ``repair_strength``,
            ``as_json``, ``progress`` and ``device`` count.
    """
    progress = make_progress(values["progress"], session.console)
    try:
        said, table = (_photos if kind == "image" else _films)(paths, values, progress)
    finally:
        progress.close()
    click.echo(json.dumps(said) if values["as_json"] else table)


def _photos(
    paths: Sequence[Path], values: dict[str, Any], progress: Progress
) -> tuple[dict[str, Any], str]:
    from vidcolor.evaluation.damage.photos import evaluate_repair, repair_table
    from vidcolor.evaluation.inputs import PhotoFiles
    from vidcolor.models.running.device import resolve_device
    from vidcolor.repair.network import load_repairer

    photos = PhotoFiles(paths, values["limit"], values["half"], IMAGE_SUFFIXES)
    scores = evaluate_repair(
        photos, load_repairer(str(resolve_device(values["device"]))),
        strength=values["repair_strength"], seed=values["seed"], progress=progress,
    )  # fmt: skip
    return scores.figures(), repair_table(scores)


def _films(
    paths: Sequence[Path], values: dict[str, Any], progress: Progress
) -> tuple[dict[str, Any], str]:
    from vidcolor.evaluation.damage.films import evaluate_film_repair, film_table, grey_codes
    from vidcolor.evaluation.film import bt709_frames

    rows = {}
    progress.start(len(paths), "films", "repairing")
    for path in paths:
        frames = islice(bt709_frames(path), values["limit"] or _FRAMES)
        codes = [grey_codes(rgb) for _, rgb in frames]
        rows[path.name] = evaluate_film_repair(
            codes, strength=values["repair_strength"], seed=values["seed"]
        )
        progress.advance(1)
    return {name: scores.figures() for name, scores in rows.items()}, film_table(rows)
