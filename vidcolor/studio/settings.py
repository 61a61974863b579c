"""How the studio runs: addresses, folders, limits."""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vidcolor.errors import OptionError

MB: Final = 1_000_000
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What users may ask of the server.

    Attributes:
        upload_mb: size of one upload.
        uploads: number of uploads that one user keeps at a time.
        stored_mb: size of all uploads of all users together.
        waiting_jobs: number of unfinished jobs of one user.
        inputs: files of one job.
        body_kb: size of a request that is no upload.
        look_s: seconds that a single look (a frame, a preview) may take.
        keep_hours: uploads and results in the studio's own folder are removed when nobody has used
            them for so long.
        free_mb: uploads are refused when the disk would have less than this left.
    """

    upload_mb: int = 20_000
    uploads: int = 500
    stored_mb: int = 100_000
    waiting_jobs: int = 50
    inputs: int = 500
    body_kb: int = 1_000
    look_s: float = 120.0
    keep_hours: float = 72.0
    free_mb: int = 1_000


@dataclass(frozen=True, slots=True)
class StudioSettings:
    """How the studio runs.

    Attributes:
        store: the studio's own folder: uploads, results, the database of jobs.
        folders: folders that users may read films and photographs from, and that get the results.
        host: address that the server listens on.
        port: its port; 0 takes a free one.
        auth: "user:password", "" for none.
        token: what the printed address carries; "" for none.
        names: further names by which browsers may call the server.
        devices: one worker process for each.
        opened: id of the file that the page opens with, "" for none.
        allow_weights: users may upload weights files.
        allow_downloads: jobs may download missing weights.
        limits: see ``Limits``.

    Raises:
        OptionError: the server would be open to others without a password or a token.
    """

    store: Path
    folders: tuple[Path, ...] = ()
    host: str = "127.0.0.1"
    port: int = 7865
    auth: str = ""
    token: str = ""
    names: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("auto",)
    opened: str = ""
    allow_weights: bool = False
    allow_downloads: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        """Check."""
        if self.auth and not all(self.auth.partition(":")[::2]):
            raise OptionError("--auth needs user:password")
        if not is_loopback(self.host) and not (self.auth or self.token):
            raise OptionError(
                f"--host {self.host} lets other machines in: give --auth user:password, or --token "
                "to have a secret address printed"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """A token that can't be guessed, of letters that addresses may hold."""
    return secrets.token_urlsafe(24)
