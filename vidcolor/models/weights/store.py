"""Where weights files are, whether they are intact, and how to get them.

The folder is the first of: the ``weights_dir`` argument, ``weights`` in ``VIDCOLOR_HOME``, and
``weights`` in the platform's cache directory. A file counts as installed when its size and SHA-256
are those of the manifest, or when the user accepted its hash by name. ``VIDCOLOR_OFFLINE=1``
forbids downloads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import platformdirs
from filelock import FileLock, Timeout

from vidcolor.errors import Option, OptionError, VidcolorError, WeightsError
from vidcolor.models.weights.download import RetryPolicy, download, part_of
from vidcolor.models.weights.files import (
    hash_file,
    read_stamp,
    size_of,
    stamped_sha256,
    write_stamp,
)
from vidcolor.models.weights.manifest import WeightsEntry, get_entry
from vidcolor.models.weights.progress import DownloadProgress, tell

logger = logging.getLogger(__name__)

HOME_VARIABLE = "VIDCOLOR_HOME"
"""Environment variable: folder whose ``weights`` subfolder holds downloads."""

OFFLINE_VARIABLE = "VIDCOLOR_OFFLINE"
"""Environment variable: "1" forbids downloads."""

State = Literal["ok", "accepted", "unchecked", "missing", "wrong size", "wrong hash", "damaged"]
_GOOD: frozenset[State] = frozenset({"ok", "accepted"})


@dataclass(frozen=True, slots=True)
class WeightsStatus:
    """What is known of one file of weights.

    Attributes:
        entry: the manifest's facts.
        path: where the file is, or would be.
        state: "ok" and "accepted" (the hash is one that the user accepted) are good; "unchecked":
            there, of the right size, not hashed yet.
        detail: one phrase: what is wrong, "" where nothing is.
        partial: bytes of an unfinished download.
    """

    entry: WeightsEntry
    path: Path
    state: State
    detail: str = ""
    partial: int = 0

    @property
    def good(self) -> bool:
        """Whether the file may be used."""
        return self.state in _GOOD


def weights_directory(weights_dir: Path | str | None = None) -> Path:
    """The folder for downloads, which need not exist yet."""
    if weights_dir is not None:
        return Path(weights_dir).expanduser()
    if home := os.environ.get(HOME_VARIABLE):
        return Path(home).expanduser() / "weights"
    return Path(platformdirs.user_cache_dir("vidcolor", appauthor=False)) / "weights"


def is_offline(offline: bool = False) -> bool:
    """Whether downloads are forbidden, by argument or by ``VIDCOLOR_OFFLINE``."""
    value = os.environ.get(OFFLINE_VARIABLE, "").strip().lower()
    return offline or value not in ("", "0", "false", "no", "off")


def bundled_path(file: str) -> Path:
    """The path of a file that is shipped with vidcolor.

    An installed wheel has it in the package ``vidcolor._weights``, a source checkout in the folder
    ``weights`` beside the package.

    Raises:
        WeightsError: the file isn't there, so the installation is incomplete.
    """
    candidates = [Path(__file__).resolve().parents[3] / "weights" / file]
    with contextlib.suppress(ModuleNotFoundError):  # it isn't there in a source checkout
        candidates.insert(0, Path(str(resources.files("vidcolor._weights").joinpath(file))))
    for path in candidates:
        if path.is_file():
            return path
    raise WeightsError(f"{file} should come with vidcolor but isn't there: install vidcolor again")


def find_weights(name: str, *, weights_dir: Path | None = None) -> Path | None:
    """The installed file of a network, or None.

    The hash is counted once and remembered. A file that is there but wrong is warned of in the log
    and not returned.

    Args:
        name: a name of the manifest.
        weights_dir: the folder to look in instead of the default one.

    Raises:
        WeightsError: no weights of that name, or the file can't be read.
    """
    status = weights_status(name, weights_dir=weights_dir)
    if status.state not in _GOOD and status.state != "missing":
        logger.warning("%s", _complaint(status))
    return status.path if status.good else None


def verify_weights(name: str, *, weights_dir: Path | None = None) -> WeightsStatus:
    """Check size and hash of an installed file by reading it, whatever was remembered.

    Raises:
        WeightsError: no weights of that name, or the file can't be read.
    """
    return weights_status(name, weights_dir=weights_dir, check="again")


def weights_status(
    name: str,
    *,
    weights_dir: Path | None = None,
    check: Literal["never", "once", "again"] = "once",
) -> WeightsStatus:
    """Say whether a file is there and whole.

    Args:
        name: a name of the manifest.
        weights_dir: the folder to look in instead of the default one.
        check: "never" trusts what is remembered and leaves the rest "unchecked" (quick), "once"
            hashes what isn't remembered, "again" hashes always.

    Raises:
        WeightsError: no weights of that name, or the file can't be read.
    """
    entry = get_entry(name)
    if entry.kind == "bundled":
        return _bundled_status(entry, read=check == "again")
    path = weights_directory(weights_dir) / entry.file
    try:
        return _file_status(entry, path, check)
    except OSError as error:
        raise WeightsError(f"{path}: can't read these weights: {error.strerror}") from error


def ensure_weights(
    name: str,
    *,
    weights_dir: Path | None = None,
    offline: bool = False,
    progress: DownloadProgress | None = None,
    accept_sha256: str | None = None,
    policy: RetryPolicy | None = None,
) -> Path:
    """The installed file of a network, downloaded first where it is missing or damaged.

    Two processes that ask at once don't harm each other: the second waits for the first.

    Args:
        name: a name of the manifest.
        weights_dir: the folder to use instead of the default one.
        offline: never download (also ``VIDCOLOR_OFFLINE=1``).
        progress: told about bytes, mirrors, licence and origin.
        accept_sha256: a hash to accept besides the manifest's, from now on.
        policy: retries and timeouts.

    Raises:
        WeightsError: no weights of that name, missing while offline, or an unusable
            folder.
        DownloadError: no mirror delivered the file.
        OptionError: ``accept_sha256`` isn't a SHA-256.
    """
    accepted = _checked_hash(accept_sha256)
    entry = get_entry(name)
    if entry.kind == "bundled":
        return bundled_path(entry.file)
    path = weights_directory(weights_dir) / entry.file
    if accepted is None and _usable(entry, path):
        return path
    if is_offline(offline):
        if _usable(entry, path, accepted):
            return path
        raise WeightsError(_offline_help(entry, path))
    with _locked(path, progress):
        if not _usable(entry, path, accepted):  # another process may have brought it meanwhile
            _say_origin(entry, path, progress)
            sha256 = download(entry, path, accept_sha256=accepted, progress=progress, policy=policy)
            write_stamp(path, sha256, accepted_sha256=_unlisted(entry, sha256))
    return path


def weights_file(label: str, *, weights_dir: Path | None = None) -> tuple[Path, str] | None:
    """The weights of a model and their SHA-256, None where it came from no file.

    Args:
        label: a model's name, or the path it was loaded from.
        weights_dir: where downloaded weights are; None for the usual places.
    """
    path: Path | None = Path(label)
    with contextlib.suppress(VidcolorError):
        path = find_weights(label, weights_dir=weights_dir)
    if path is None or not path.is_file():
        return None
    stamp = read_stamp(path)
    known = stamp is not None and stamp.fits(path)
    return path.resolve(), stamp.sha256 if known and stamp else hash_file(path)


@contextlib.contextmanager
def _locked(path: Path, progress: DownloadProgress | None) -> Iterator[None]:
    """Hold ``<file>.lock``, waiting for another process that holds it; makes the folder.

    ``filelock`` (which torch itself depends on) because the system's own locks differ between POSIX
    and Windows; the system drops such a lock when its process dies, so none is ever left behind.

    Raises:
        WeightsError: the folder can't be made or written.
    """
    lock = FileLock(path.with_name(path.name + ".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(progress, f"waiting for another vidcolor that downloads {path.name}")
            lock.acquire()
    except OSError as error:
        raise WeightsError(
            f"{path.parent}: can't store weights there ({error.strerror or error}); "
            "choose another folder with ",
            Option("weights_dir"),
            " or VIDCOLOR_HOME",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _file_status(entry: WeightsEntry, path: Path, check: str) -> WeightsStatus:
    """Size, then hash; OSError where the file can't be read."""
    partial = size_of(part_of(path))
    if not path.exists():
        return WeightsStatus(entry, path, "missing", "not installed", partial)
    if path.is_dir():
        return WeightsStatus(entry, path, "damaged", "is a folder", partial)
    if (size := path.stat().st_size) != entry.size:
        detail = f"has {size} bytes, should have {entry.size}"
        return WeightsStatus(entry, path, "wrong size", detail, partial)
    stamp = read_stamp(path)
    if check == "never" and (stamp is None or not stamp.fits(path)):
        return WeightsStatus(entry, path, "unchecked", "not checked yet", partial)
    sha256 = write_stamp(path, hash_file(path)).sha256 if check == "again" else stamped_sha256(path)
    if sha256 == entry.sha256:
        return WeightsStatus(entry, path, "ok", "", partial)
    if stamp is not None and sha256 == stamp.accepted_sha256:
        detail = f"accepted by you with SHA-256 {sha256}"
        return WeightsStatus(entry, path, "accepted", detail, partial)
    detail = f"has SHA-256 {sha256}, should have {entry.sha256}"
    return WeightsStatus(entry, path, "wrong hash", detail, partial)


def _bundled_status(entry: WeightsEntry, *, read: bool) -> WeightsStatus:
    """Bundled files have no listed hash: the safetensors header must agree with the file."""
    try:
        path = bundled_path(entry.file)
    except WeightsError as error:
        return WeightsStatus(entry, Path(entry.file), "missing", str(error))
    if read:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            return WeightsStatus(entry, path, "damaged", f"not a whole safetensors file: {error}")
    return WeightsStatus(entry, path, "ok")


def _usable(entry: WeightsEntry, path: Path, accepted: str | None = None) -> bool:
    """Whether the file is there and good; a hash accepted just now is remembered."""
    try:
        if accepted and path.is_file() and path.stat().st_size == entry.size:
            sha256 = stamped_sha256(path)
            if sha256 == accepted:
                write_stamp(path, sha256, accepted_sha256=_unlisted(entry, sha256))
        return _file_status(entry, path, "once").good
    except OSError as error:
        raise WeightsError(f"{path}: can't read these weights: {error.strerror}") from error


def _checked_hash(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    lower = sha256.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", lower):
        raise OptionError(f"not a SHA-256 of 64 hexadecimal digits: {sha256!r}")
    return lower


def _unlisted(entry: WeightsEntry, sha256: str) -> str | None:
    """The hash, if it is not the manifest's."""
    return None if sha256 == entry.sha256 else sha256


def _say_origin(entry: WeightsEntry, path: Path, progress: DownloadProgress | None) -> None:
    tell(
        progress,
        f"getting {entry.name}: {entry.credit}, licence {entry.licence}, {entry.source}, "
        f"{entry.size / 1e6:.0f} MB to {path.parent}",
    )


def _offline_help(entry: WeightsEntry, path: Path) -> str:
    found = f"{path.name} there is not whole" if path.exists() else "not installed"
    return (
        f"{entry.name}: {found}, and downloads are off; get {entry.urls[0]} and put it as "
        f"{entry.file} ({entry.size} bytes, SHA-256 {entry.sha256}) into {path.parent}"
    )


def _complaint(status: WeightsStatus) -> str:
    """One line about a file that is there but not usable."""
    return (
        f"{status.path}: {status.entry.name} {status.detail}, so it is not used; "
        f"get it anew with: vidcolor weights pull {status.entry.name}"
    )
