"""The direction file of a film or photograph, and the pictures that it names: they lie beside it.

What is in given folders has ``NAME.colors.toml``, as vidcolor expects it (docs/direction.md); of an
upload both are in its private folder. What people wrote into the file by hand, beyond hints,
references and parts, stays, and so do their comments.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcolor.direction.edit import has_own_comments, update_direction
from vidcolor.direction.file import beside, load_direction
from vidcolor.direction.model import Direction, Hint, Part, Reference, Scope
from vidcolor.errors import OutputError
from vidcolor.studio.errors import NotFound
from vidcolor.studio.files.sources import Source
from vidcolor.studio.security.paths import free_name


def direction_path(source: Source) -> Path:
    """Where the direction file of a source is, or would be."""
    return beside(source.path)


def direction_of(source: Source) -> Direction:
    """What is said of a film; nothing where there is no file.

    Raises:
        InputError: the file is damaged.
    """
    path = direction_path(source)
    return load_direction(path) if path.is_file() else Direction()


def as_json(direction: Direction) -> dict[str, Any]:
    """For the page; of files only their names."""
    return {
        "hints": [
            {"x": h.x, "y": h.y, "color": h.color, "time_s": h.time_s, "radius": h.radius,
             "reach": h.reach}
            for h in direction.hints
        ],
        "references": [
            {"name": r.file.name, "kind": r.kind, "time_s": r.time_s, **_scope_json(r.scope)}
            for r in direction.references
        ],
        "parts": [
            {"saturation": p.saturation, "smoothing": p.smoothing, "model": p.model,
             **_scope_json(p.scope)}
            for p in direction.parts
        ],
        "others": len(direction.paintings) + len(direction.protected),
    }  # fmt: skip


def change_direction(
    source: Source, *, hints: list[Hint], parts: list[Part],
    references: list[tuple[Reference, Source | None]],
) -> Direction:  # fmt: skip
    """Replace hints, parts and references, and write the file.

    Args:
        source: the film.
        hints: all of them.
        parts: all of them.
        references: all of them; with a source for a picture that is new, which is copied beside
            the film; else the file's name is one that the direction has already.

    Raises:
        NotFound: a reference that the direction hasn't.
        OutputError: the folder can't be written to.
    """
    old = direction_of(source)
    known = {reference.file.name: reference.file for reference in old.references}
    files = []
    for reference, picture in references:
        if picture is None and reference.file.name not in known:
            raise NotFound(f"{reference.file.name}: no such reference")
        file = known[reference.file.name] if picture is None else _copied(picture, source)
        files.append(replace(reference, file=file))
    new = replace(old, hints=tuple(hints), parts=tuple(parts), references=tuple(files))
    path = direction_path(source)
    comments = [f"colours of {source.path.name}, by vidcolor studio"]
    update_direction(path, new, comments=comments)
    if new == Direction() and not has_own_comments(path, comments):
        path.unlink()
    return new


def _copied(picture: Source, film: Source) -> Path:
    target = film.path.with_name(f"{film.path.stem}.reference{picture.path.suffix.lower()}")
    target = free_name(target)
    try:
        shutil.copyfile(picture.path, target)
    except OSError as error:
        raise OutputError(f"{target.name}: can't be written: {error.strerror}") from error
    return target


def _scope_json(scope: Scope) -> dict[str, Any]:
    return {"shot": scope.shot, "start_s": scope.start_s, "end_s": scope.end_s}
