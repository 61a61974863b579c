"""Uploads: files that users sent, each in a private folder of its own, until they are swept."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from vidcolor.studio.database import Database
from vidcolor.studio.errors import NotFound, TooLarge, TooMany
from vidcolor.studio.security.paths import safe_name
from vidcolor.studio.settings import MB, Limits

_TOUCH_S: Final = 60.0
"""Last use is noted at most once a minute: reading pictures must not write all the time."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a user sent.

    Attributes:
        id: random.
        name: as the user called it, made safe.
        path: where it is.
        kind: "image", "video" or "weights".
        size: in bytes.
    """

    id: str
    name: str
    path: Path
    kind: str
    size: int


class Uploads:
    """All uploads of all users; each user sees his own."""

    def __init__(self, database: Database, folder: Path, limits: Limits) -> None:
        """Keep them in ``folder``, which only this user of the machine can read."""
        self._database, self._folder, self._limits = database, folder, limits
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def receive(
        self, owner: str, name: str, length: int | None, chunks: AsyncIterator[bytes]
    ) -> Upload:
        """Write what comes; it is no upload of the user's before ``keep``.

        Raises:
            TooLarge, TooMany: a limit.
        """
        self._check(owner, length or 0)
        key = secrets.token_urlsafe(16)
        place = self._folder / key
        place.mkdir(mode=0o700)
        path = place / safe_name(name)
        try:
            size = await self._write(path, chunks)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return Upload(key, path.name, path, "", size)

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> int:
        size, most = 0, self._limits.upload_mb * MB
        async with await anyio.open_file(path, "xb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > most:
                    raise TooLarge(f"larger than {self._limits.upload_mb} MB")
                await file.write(chunk)
        if not size:
            raise TooLarge("the file is empty")
        return size

    def keep(self, owner: str, upload: Upload, kind: str) -> Upload:
        """Make it the user's."""
        self._database.change(
            "insert into uploads values (?, ?, ?, ?, ?, ?, ?)",
            upload.id, owner, upload.name, str(upload.path), kind, upload.size, time.time(),
        )  # fmt: skip
        return Upload(upload.id, upload.name, upload.path, kind, upload.size)

    def drop(self, upload: Upload) -> None:
        """Remove one with its folder: its direction file, its previews."""
        self._database.change("delete from uploads where id = ?", upload.id)
        shutil.rmtree(upload.path.parent, ignore_errors=True)

    def find(self, owner: str, key: str) -> Upload:
        """One of the user's uploads.

        Raises:
            NotFound: there is none, or it is somebody else's.
        """
        row = self._database.row("select * from uploads where id = ? and owner = ?", key, owner)
        if row is None:
            raise NotFound("no such upload; it may have been swept")
        if row["used_at"] < time.time() - _TOUCH_S:
            self._database.change("update uploads set used_at = ? where id = ?", time.time(), key)
        return _upload(row)

    def of(self, owner: str) -> list[Upload]:
        """All of the user's."""
        rows = self._database.rows("select * from uploads where owner = ? order by used_at", owner)
        return [_upload(row) for row in rows]

    def sweep(self, needed: set[str]) -> int:
        """Remove those unused for long, and folders that belong to none.

        Args:
            needed: ids that unfinished jobs read.

        Returns:
            How many went.
        """
        before = time.time() - self._limits.keep_hours * 3600
        old = self._database.rows("select * from uploads where used_at < ?", before)
        gone = [_upload(row) for row in old if row["id"] not in needed]
        for upload in gone:
            self.drop(upload)
        known = {row["id"] for row in self._database.rows("select id from uploads")}
        for place in self._folder.iterdir():
            if place.name not in known and place.stat().st_mtime < before:
                shutil.rmtree(place, ignore_errors=True)
        return len(gone)

    def _check(self, owner: str, length: int) -> None:
        if length > self._limits.upload_mb * MB:
            raise TooLarge(f"larger than {self._limits.upload_mb} MB")
        row = self._database.row("select count(*) n from uploads where owner = ?", owner)
        if row is not None and row["n"] >= self._limits.uploads:
            raise TooMany(f"you have {self._limits.uploads} uploads: remove some first")
        total = self._database.row("select coalesce(sum(size), 0) n from uploads")
        if total is not None and total["n"] + length > self._limits.stored_mb * MB:
            raise TooMany("all uploads together are at their limit: remove some first")
        if shutil.disk_usage(self._folder).free - length < self._limits.free_mb * MB:
            raise TooLarge("the server's disk hasn't enough room")


def _upload(row: sqlite3.Row) -> Upload:
    return Upload(row["id"], row["name"], Path(row["path"]), row["kind"], row["size"])
