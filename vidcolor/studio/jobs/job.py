"""A job: what a user asked for, and how far it is."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Kind = Literal["photos", "film", "clip", "quality"]
"""Photographs; a whole film; a part of one to look at; ``vidcolor eval``."""
State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]

BESIDE: Final = "beside"
"""The program finds direction files beside its inputs by itself."""
UNFINISHED: Final = ("queued", "running", "paused")
"""States in which a job's inputs are still needed."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a job does; all paths are the server's, made from ids that were checked.

    Attributes:
        kind: see ``Kind``.
        inputs: files.
        names: of the inputs, for people.
        uploads: ids of the uploads among them.
        options: fields of ``ColorizeOptions``, JSON values.
        output: of a film: the file to write; else "", results go into the job's folder.
        direction: a direction file, ``BESIDE`` for those beside the inputs, "" for none.
        models: of a quality job: what is measured.
        limit: of a quality job: photographs, or frames of each film.
        processes: that share the work: a number, "auto", or None for one.
    """

    kind: Kind
    inputs: tuple[str, ...]
    names: tuple[str, ...]
    uploads: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    output: str = ""
    direction: str = ""
    models: tuple[str, ...] = ()
    limit: int | None = None
    processes: int | str | None = None

    def to_json(self) -> str:
        """As text."""
        names = self.__slots__
        return json.dumps({name: getattr(self, name) for name in names})

    @classmethod
    def from_json(cls, text: str) -> Spec:
        """What ``to_json`` wrote."""
        found = json.loads(text)
        for name in ("inputs", "names", "uploads", "models"):
            found[name] = tuple(found[name])
        return cls(**found)


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the database.

    Attributes:
        id: random.
        number: in the order in which they were made.
        owner: the user.
        title: for people.
        spec: what it does.
        state: see ``State``.
        wish: "pause" or "cancel" while a worker hasn't yet obeyed.
        device: of the worker that has it, or had it last.
        attempts: how often it was begun.
        created_at, started_at, ended_at: Unix times.
        progress: the last event of ``--progress json``, and which input it is.
        outcome: ``results`` (files), ``warnings``, ``errors``, ``summary``.
    """

    id: str
    number: int
    owner: str
    title: str
    spec: Spec
    state: State
    wish: str
    device: str
    attempts: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    progress: dict[str, Any]
    outcome: dict[str, Any]

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Job:
        """Of a row of ``jobs``."""
        return cls(
            row["id"], row["number"], row["owner"], row["title"], Spec.from_json(row["spec"]),
            row["state"], row["wish"], row["device"], row["attempts"],
            row["created_at"], row["started_at"], row["ended_at"],
            json.loads(row["progress"]), json.loads(row["outcome"]),
        )  # fmt: skip
