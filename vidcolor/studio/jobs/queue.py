"""The queue: jobs in the database, in order, and the changes of state that are allowed.

A job library over SQLite (huey) was weighed: it takes a task out of its table when the task begins,
so that a killed worker's task is gone, and it knows neither pausing nor owners. All of that would
stand beside it in a table like this one, whose statements are the queue already.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any, Final

from vidcolor.studio.database import Database
from vidcolor.studio.errors import Conflict, NotFound, TooMany
from vidcolor.studio.jobs.job import UNFINISHED, Job, Spec, State

MAX_ATTEMPTS: Final = 3
"""A job during which worker or machine died so often is not begun again by itself."""
_MARKS: Final = ", ".join("?" * len(UNFINISHED))


class Queue:
    """All jobs of all users; each user sees his own."""

    def __init__(self, database: Database, *, most: int = 50) -> None:
        """Allow each user ``most`` unfinished jobs."""
        self._database, self._most = database, most

    # -- for users -----------------------------------------------------------------------------

    def add(self, owner: str, title: str, spec: Spec, key: str) -> Job:
        """Put a job at the end.

        Raises:
            TooMany: the user has too many unfinished ones.
        """
        with self._database.connection() as connection:
            connection.execute("begin immediate")
            waiting = connection.execute(
                f"select count(*) from jobs where owner = ? and state in ({_MARKS})",
                (owner, *UNFINISHED),
            ).fetchone()[0]
            if waiting >= self._most:
                raise TooMany(f"you have {waiting} unfinished jobs: wait, or cancel some")
            connection.execute(
                "insert into jobs (id, number, owner, kind, title, spec, state, created_at) values"
                " (?, (select coalesce(max(number), 0) + 1 from jobs), ?, ?, ?, ?, 'queued', ?)",
                (key, owner, spec.kind, title, spec.to_json(), time.time()),
            )
        return self.find(owner, key)

    def find(self, owner: str, key: str) -> Job:
        """One of the user's jobs.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        row = self._database.row("select * from jobs where id = ? and owner = ?", key, owner)
        if row is None:
            raise NotFound("no such job")
        return Job.from_row(row)

    def of(self, owner: str, *, most: int = 200) -> list[Job]:
        """The user's jobs, the newest first."""
        rows = self._database.rows(
            "select * from jobs where owner = ? order by number desc limit ?", owner, most
        )
        return [Job.from_row(row) for row in rows]

    def waiting(self) -> list[int]:
        """Numbers of all users' queued and running jobs, in order."""
        rows = self._database.rows(
            "select number from jobs where state in ('queued', 'running') order by number"
        )
        return [int(row["number"]) for row in rows]

    def pause(self, owner: str, key: str) -> Job:
        """Stop it, and keep its finished parts."""
        return self._wish(owner, key, "pause", "paused")

    def cancel(self, owner: str, key: str) -> Job:
        """Stop it for good."""
        job = self.find(owner, key)
        if job.state == "paused":
            self._move(key, ("paused",), "cancelled", ended_at=time.time())
            return self.find(owner, key)
        return self._wish(owner, key, "cancel", "cancelled")

    def resume(self, owner: str, key: str) -> Job:
        """Queue a paused, failed or cancelled one again; it goes on where it was, if it can."""
        self.find(owner, key)
        if not self._move(key, ("paused", "failed", "cancelled"), "queued", attempts=0, wish=""):
            raise Conflict("only paused, failed and cancelled jobs can go on")
        return self.find(owner, key)

    def remove(self, owner: str, key: str) -> Job:
        """Take a finished job off the list."""
        job = self.find(owner, key)
        removed = self._database.change(
            f"delete from jobs where id = ? and state not in ({_MARKS})", key, *UNFINISHED
        )
        if not removed:
            raise Conflict("cancel it first")
        return job

    # -- for workers ---------------------------------------------------------------------------

    def claim(self, device: str) -> Job | None:
        """Take the first queued job; None where there is none."""
        with self._database.connection() as connection:
            connection.execute("begin immediate")
            row = connection.execute(
                "select id from jobs where state = 'queued' order by number limit 1"
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "update jobs set state = 'running', wish = '', device = ?, progress = '{}',"
                " attempts = attempts + 1, ended_at = null,"
                " started_at = coalesce(started_at, ?) where id = ?",
                (device, time.time(), row["id"]),
            )
            claimed = connection.execute("select * from jobs where id = ?", (row["id"],)).fetchone()
        return Job.from_row(claimed)

    def wish_of(self, key: str) -> str:
        """What the user wants of a running job: "", "pause" or "cancel"."""
        row = self._database.row("select wish from jobs where id = ?", key)
        return "cancel" if row is None else str(row["wish"])

    def tell(self, key: str, progress: dict[str, Any]) -> None:
        """Note progress."""
        self._database.change(
            "update jobs set progress = ? where id = ?", json.dumps(progress), key
        )

    def end(self, key: str, state: State, outcome: dict[str, Any]) -> None:
        """Note how a running job ended."""
        self._database.change(
            "update jobs set state = ?, wish = '', outcome = ?, ended_at = ? where id = ?"
            " and state = 'running'",
            state, json.dumps(outcome), None if state == "paused" else time.time(), key,
        )  # fmt: skip

    def recover(self, devices: tuple[str, ...]) -> list[str]:
        """After a crash: queue again what was running on these devices, or fail it.

        Returns:
            Ids of the jobs that go on.
        """
        marks = ", ".join("?" * len(devices))
        lost = self._database.rows(
            f"select * from jobs where state = 'running' and device in ({marks})", *devices
        )
        again = []
        for row in lost:
            key = row["id"]
            if row["wish"] == "cancel":
                self.end(key, "cancelled", {})
            elif row["wish"] == "pause":
                self.end(key, "paused", {})
            elif row["attempts"] >= MAX_ATTEMPTS:
                text = f"cut off {row['attempts']} times (out of memory?): not begun again"
                self.end(key, "failed", {"errors": [text]})
            else:
                self._move(key, ("running",), "queued")
                again.append(key)
        return again

    def needed_uploads(self) -> set[str]:
        """Ids of uploads that unfinished jobs read."""
        rows = self._database.rows(f"select spec from jobs where state in ({_MARKS})", *UNFINISHED)
        return {key for row in rows for key in Spec.from_json(row["spec"]).uploads}

    def planned_outputs(self) -> set[str]:
        """Files that unfinished jobs will write."""
        rows = self._database.rows(f"select spec from jobs where state in ({_MARKS})", *UNFINISHED)
        return {Spec.from_json(row["spec"]).output for row in rows} - {""}

    def ended_before(self, when: float) -> list[Job]:
        """Jobs that ended before a time."""
        return [
            Job.from_row(row)
            for row in self._database.rows("select * from jobs where ended_at < ?", when)
        ]

    # ------------------------------------------------------------------------------------------

    def _wish(self, owner: str, key: str, wish: str, at_once: State) -> Job:
        """Change a queued job at once; ask the worker of a running one."""
        self.find(owner, key)
        ended = None if at_once == "paused" else time.time()
        if not self._move(key, ("queued",), at_once, ended_at=ended):
            asked = self._database.change(
                "update jobs set wish = ? where id = ? and state = 'running'", wish, key
            )
            if not asked:
                raise Conflict("it isn't running")
        return self.find(owner, key)

    def _move(self, key: str, states: tuple[str, ...], to: State, **fields: object) -> bool:
        marks = ", ".join("?" * len(states))
        sets = "".join(f", {name} = ?" for name in fields)
        return bool(
            self._database.change(
                f"update jobs set state = ?{sets} where id = ? and state in ({marks})",
                to,
                *fields.values(),
                key,
                *states,
            )  # fmt: skip
        )


def new_key() -> str:
    """An id that can't be guessed."""
    return secrets.token_urlsafe(16)
