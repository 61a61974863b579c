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
from vidcolor.models.weights.files import hash_file, install, size_of
from vidcolor.models.weights.http import DroppedError, MirrorError, transfer
from vidcolor.models.weights.manifest import WeightsEntry
from vidcolor.models.weights.progress import DownloadProgress, Meter, tell

logger = logging.getLogger(__name__)

_DISK_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retries and timeouts for one mirror.

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


def part_of(target: Path) -> Path:
    """Where the bytes of an unfinished download are."""
    return target.with_name(target.name + ".part")


def download(
    entry: WeightsEntry,
    target: Path,
    *,
    accept_sha256: str | None = None,
    progress: DownloadProgress | None = None,
    policy: RetryPolicy | None = None,
) -> str:
    """Fetch a file; the caller holds its lock, so that no other process writes the same ``.part``.

    Args:
        entry: what to fetch; ``entry.urls`` are tried in order.
        target: where the file goes, in a folder that exists.
        accept_sha256: another hash that the user accepts.
        progress: told about bytes and about mirrors that failed.
        policy: retries and timeouts; None takes the defaults.

    Returns:
        The file's SHA-256: ``entry.sha256`` or ``accept_sha256``.

    Raises:
        DownloadError: no mirror delivered the file, or it can't be stored; what was got stays in
            ``<name>.part`` for the next try.
    """
    job = _Download(entry, part_of(target), accept_sha256, progress, policy or RetryPolicy())
    try:
        with job.storage_errors():
            sha256 = job.run()
            install(job.part, target)
            return sha256
    finally:
        job.meter.close()


class _Download:
    """The state of one download."""

    def __init__(
        self, entry: WeightsEntry, part: Path, accept_sha256: str | None,
        progress: DownloadProgress | None, policy: RetryPolicy,
    ) -> None:  # fmt: skip
        self._entry, self.part, self._policy = entry, part, policy
        self._wanted, self._progress = {entry.sha256, accept_sha256}, progress
        self.meter = Meter(progress, size=entry.size, file=entry.file)

    def run(self) -> str:
        """Make ``part`` the whole file; its hash."""
        entry = self._entry
        if size_of(self.part) > entry.size:
            self.part.unlink()
        # A whole file with a wrong hash stays until a mirror sends another: it may be accepted.
        if size_of(self.part) == entry.size and (sha256 := hash_file(self.part)) in self._wanted:
            return sha256
        self._check_space()
        failures: list[tuple[str, MirrorError]] = []
        for url in entry.urls:
            host = urlsplit(url).netloc
            try:
                return self._from_mirror(url)
            except MirrorError as error:
                failures.append((host, error))
                tell(self._progress, f"{entry.file}: {host}: {error}")
        raise DownloadError(self._all_failed(failures))

    def _check_space(self) -> None:
        folder, entry = self.part.parent, self._entry
        needed, free = entry.size - size_of(self.part), shutil.disk_usage(folder).free
        if free < needed:
            raise DownloadError(
                f"{entry.name}: {entry.file} needs {_megabytes(needed)} more, but {folder} has only"
                f" {_megabytes(free)} free; make room or choose another folder with ",
                Option("weights_dir"),
            )

    def _from_mirror(self, url: str) -> str:
        """Fetch from one mirror; a resumed file that turns out wrong gets one fresh try."""
        resumed = 0 < size_of(self.part) < self._entry.size
        self._fetch(url)
        sha256 = hash_file(self.part)
        if sha256 not in self._wanted and resumed:
            tell(self._progress, f"{self._entry.file}: the resumed file is wrong, starting anew")
            self.part.unlink()
            self._fetch(url)
            sha256 = hash_file(self.part)
        if sha256 not in self._wanted:
            raise _WrongHashError(sha256)
        return sha256

    def _fetch(self, url: str) -> None:
        """Bring ``part`` to its full size, taking up broken transfers where they broke."""
        policy = self._policy
        for attempt in range(policy.retries + 1):
            if attempt:
                time.sleep(policy.backoff_s * 2 ** (attempt - 1))
            try:
                return transfer(url, self.part, self._entry.size, self.meter.at, policy.timeout_s)
            except DroppedError as error:
                last = error
                logger.info("%s: %s (try %d)", url, error, attempt + 1)
        raise MirrorError(f"{last}, {policy.retries + 1} tries") from last

    @contextmanager
    def storage_errors(self) -> Iterator[None]:
        """Turn a full disk and the like into one line."""
        name, kept = self._entry.name, self.part
        try:
            yield
        except OSError as error:
            if error.errno not in _DISK_FULL:
                raise DownloadError(f"{name}: can't write {kept}: {error.strerror}") from error
            raise DownloadError(
                f"{name}: the disk is full ({kept.parent}); {_megabytes(size_of(kept))} are "
                "kept: make room and pull again, or choose another folder with ",
                Option("weights_dir"),
            ) from error

    def _all_failed(self, failures: list[tuple[str, MirrorError]]) -> str:
        """The message when no mirror is left."""
        entry = self._entry
        hashes = [error.sha256 for _, error in failures if isinstance(error, _WrongHashError)]
        if hashes:
            return Message(
                f"{entry.name}: {entry.file} was delivered whole, but with SHA-256 {hashes[-1]} "
                f"where {entry.sha256} was expected; if you trust it: "
                f"vidcolor weights pull {entry.name}, with ",
                Option("accept_sha256", hashes[-1]),
            )
        why = "; ".join(f"{host}: {error}" for host, error in failures)
        got = size_of(self.part)
        kept = f" ({_megabytes(got)} are kept)" if got else ""
        return (
            f"{entry.name}: no mirror delivered {entry.file} ({why}); try again later{kept}, or "
            f"get {entry.urls[0]} by other means and put it as {entry.file} into {self.part.parent}"
        )


def _megabytes(n: int) -> str:
    return f"{n / 1e6:.1f} MB"
