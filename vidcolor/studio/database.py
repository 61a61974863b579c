"""The studio's database: uploads and jobs, in one SQLite file that survives whatever ends it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
create table if not exists uploads (
    id text primary key, owner text not null, name text not null, path text not null,
    kind text not null, size integer not null, used_at real not null);
create table if not exists jobs (
    id text primary key, number integer not null, owner text not null, kind text not null,
    title text not null, spec text not null, state text not null, wish text not null default '',
    device text not null default '', attempts integer not null default 0,
    created_at real not null, started_at real, ended_at real,
    progress text not null default '{}', outcome text not null default '{}');
create index if not exists jobs_by_owner on jobs (owner, number);
create index if not exists jobs_by_state on jobs (state, number);
"""


class Database:
    """A file with connections of one thread each; every statement is a transaction of its own."""

    def __init__(self, path: Path) -> None:
        """Open, and make the tables where they are missing."""
        self._path = path
        self._local = threading.local()
        with self.connection() as connection:
            connection.executescript(_SCHEMA)

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, in a transaction that ends with the block."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=30.0)
            connection.row_factory = sqlite3.Row
            # write-ahead log: readers never wait for the writer; synchronous=FULL: what is
            # committed survives a power failure
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=full")
            self._local.connection = connection
        with connection:
            yield connection

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self.connection() as connection:
            return connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query."""
        with self.connection() as connection:
            found: sqlite3.Row | None = connection.execute(sql, values).fetchone()
            return found

    def change(self, sql: str, *values: object) -> int:
        """Run a statement; the number of rows that it changed."""
        with self.connection() as connection:
            return connection.execute(sql, values).rowcount
