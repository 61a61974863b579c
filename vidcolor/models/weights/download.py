"""Download one file of weights: resumable, mirror after mirror, verified before it gets its name.

The bytes gather in ``<name>.part``. A dropped connection is resumed with HTTP ranges, also by a
later process and from another mirror: the file is accepted by its size and SHA-256 alone, so a
mixture that went wrong is noticed and fetched anew.
"""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vidcolor.errors import DownloadError, Message, Option
from vidcolor.models.weights.http import DroppedError, MirrorError, RangeRefusedError
from vidcolor.models.weights.manifest import WeightsEntry
from vidcolor.models.weights.meter import DownloadProgress, Meter, tell
from vidcolor.models.weights.partial import PartialFile
from vidcolor.models.weights.transfer import size_mismatch, transfer

__all__ = ["DownloadProgress", "RetryPolicy", "download", "tell"]

logger = logging.getLogger(__name__)

_DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient to be with one mirror.

    Attributes:
        retries: how often a broken transfer is taken up again.
        backoff_s: seconds before the first retry; doubled each time.
        timeout_s: seconds without a byte after which a connection counts as broken.
    """

    retries: int = 4
    backoff_s: float = 1.0
    timeout_s: float = 30.0


class _WrongHashError(MirrorError):
    """A whole file of the right size with another hash."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"the whole file has SHA-256 {sha256}")
        self.sha256 = sha256


def download(
    entry: WeightsEntry,
    target: Path,
    *,
    accept_sha256: str | None = None,
    progress: DownloadProgress | None = None,
    policy: RetryPolicy | None = None,
) -> str:
    """Fetch a file; the caller holds its lock, so that nobody else writes the same ``.part``.

    Args:
        entry: what to fetch; ``entry.urls`` are tried in order.
        target: where the file goes, in a folder that exists.
        accept_sha256: another hash that the user accepts.
        progress: told about bytes and about mirrors that failed.
        policy: patience; None takes the defaults.

    Returns:
        The file's SHA-256: ``entry.sha256`` or ``accept_sha256``.

    Raises:
        DownloadError: no mirror delivered the file, or it can't be stored; what was got stays in
            ``<name>.part`` for the next try.
    """
    part, meter = PartialFile(target), Meter(progress, entry)
    wanted = {entry.sha256, accept_sha256}
    try:
        with _storage_errors(entry, part):
            sha256 = _leftover_hash(part, entry, wanted)
            if sha256 is None:
                _check_space(part, entry, target.parent)
                sha256 = _from_mirrors(part, entry, wanted, meter, policy or RetryPolicy())
            part.install(target)
            return sha256
    finally:
        meter.close()


def _leftover_hash(part: PartialFile, entry: WeightsEntry, wanted: set[str | None]) -> str | None:
    """Look at what an earlier run left: the hash of a whole good file, else None.

    A whole file with a wrong hash stays until a mirror sends another: the user may accept it.
    """
    if part.size > entry.size:
        part.discard()
    if part.size == entry.size and (sha256 := part.sha256()) in wanted:
        return sha256
    return None


def _check_space(part: PartialFile, entry: WeightsEntry, folder: Path) -> None:
    needed, free = entry.size - part.size, shutil.disk_usage(folder).free
    if free < needed:
        raise DownloadError(
            f"{entry.name}: {entry.file} needs {_megabytes(needed)} more, but {folder} has only "
            f"{_megabytes(free)} free; make room or choose another folder with ",
            Option("weights_dir"),
        )


def _from_mirrors(
    part: PartialFile,
    entry: WeightsEntry,
    wanted: set[str | None],
    meter: Meter,
    policy: RetryPolicy,
) -> str:
    """Try mirror after mirror; the hash of the whole file that is now in ``part``."""
    failures: list[tuple[str, MirrorError]] = []
    for url in entry.urls:
        host = urlsplit(url).netloc
        try:
            return _from_mirror(url, part, entry, wanted, meter, policy)
        except MirrorError as error:
            failures.append((host, error))
            meter.say(f"{entry.file}: {host}: {error}")
    raise DownloadError(_all_failed(entry, part, failures))


def _from_mirror(
    url: str,
    part: PartialFile,
    entry: WeightsEntry,
    wanted: set[str | None],
    meter: Meter,
    policy: RetryPolicy,
) -> str:
    """Fetch from one mirror; a resumed file that turns out wrong gets one fresh try."""
    resumed = 0 < part.size < entry.size
    _fetch(url, part, entry.size, meter, policy)
    sha256 = part.sha256()
    if sha256 not in wanted and resumed:
        meter.say(f"{entry.file}: the resumed file is wrong, starting anew")
        part.discard()
        _fetch(url, part, entry.size, meter, policy)
        sha256 = part.sha256()
    if sha256 not in wanted:
        raise _WrongHashError(sha256)
    return sha256


def _fetch(url: str, part: PartialFile, size: int, meter: Meter, policy: RetryPolicy) -> None:
    """Bring ``part`` to its full size, taking up broken transfers where they broke."""
    for attempt in range(policy.retries + 1):
        if attempt:
            time.sleep(policy.backoff_s * 2 ** (attempt - 1))
        try:
            try:
                return transfer(url, part, size, meter, policy.timeout_s)
            except RangeRefusedError as error:
                if error.total not in (None, size):
                    raise MirrorError(size_mismatch(error.total, size)) from error
                part.discard()
                return transfer(url, part, size, meter, policy.timeout_s)
        except DroppedError as error:
            last = error
            logger.info("%s: %s (try %d)", url, error, attempt + 1)
    raise MirrorError(f"{last}, {policy.retries + 1} tries") from last


@contextmanager
def _storage_errors(entry: WeightsEntry, part: PartialFile) -> Iterator[None]:
    """Turn a full disk and the like into one line."""
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise DownloadError(
                f"{entry.name}: the disk is full ({part.path.parent}); {_megabytes(part.size)} are "
                "kept: make room and pull again, or choose another folder with ",
                Option("weights_dir"),
            ) from error
        raise DownloadError(f"{entry.name}: can't write {part.path}: {error.strerror}") from error


def _all_failed(
    entry: WeightsEntry, part: PartialFile, failures: list[tuple[str, MirrorError]]
) -> str:
    """The message when no mirror is left."""
    hashes = [error.sha256 for _, error in failures if isinstance(error, _WrongHashError)]
    if hashes:
        return Message(
            f"{entry.name}: {entry.file} was delivered whole, but with SHA-256 {hashes[-1]} where "
            f"{entry.sha256} was expected; if you trust it: "
            f"vidcolor weights pull {entry.name}, with ",
            Option("accept_sha256", hashes[-1]),
        )
    why = "; ".join(f"{host}: {error}" for host, error in failures)
    kept = f" ({_megabytes(part.size)} are kept)" if part.size else ""
    return (
        f"{entry.name}: no mirror delivered {entry.file} ({why}); try again later{kept}, or get "
        f"{entry.urls[0]} by other means and put it as {entry.file} into {part.path.parent}"
    )


def _megabytes(n: int) -> str:
    return f"{n / 1e6:.1f} MB"
