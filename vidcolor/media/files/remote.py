"""Files in object storage, by URL: read in place, written as a whole.

``fsspec`` knows the kinds of storage; each needs a package of its own (s3fs, gcsfs). Names may be
given as a ``Path`` too, which makes one slash of two: ``s3:/bucket/name`` is the same.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any, Final

from vidcolor.errors import DependencyError, InputError
from vidcolor.media.files.identity import FileIdentity

_URL: Final = re.compile(r"(s3|gs|file|vidcolor-lent):/+(?=[^/])")
_BLOCK_BYTES: Final = 4 << 20
"""Read at a time: a request takes tens of milliseconds, however little it asks for."""


def is_url(path: object) -> bool:
    """Whether a name is that of an object, ``s3://bucket/name``, and no local file's."""
    return isinstance(path, (str, Path)) and _URL.match(str(path)) is not None


def url_of(path: str | Path) -> str:
    """The URL in full, whatever number of slashes its name has.

    Raises:
        ValueError: it is none.
    """
    found = _URL.match(str(path))
    if found is None:
        raise ValueError(f"{path} is no URL of an object")
    scheme, rest = found[1], str(path)[found.end() :]
    local = scheme in ("file", "vidcolor-lent")
    return f"{scheme}:///{rest}" if local else f"{scheme}://{rest}"


def name_of(path: str | Path) -> str:
    """The name as it is written: URLs in full, everything else as it is."""
    return url_of(path) if is_url(path) else str(path)


def absolute(path: str | Path) -> str:
    """A name that means the same in every working directory: URLs do."""
    return url_of(path) if is_url(path) else os.path.abspath(path)


def make_folder_of(path: str | Path) -> None:
    """Make the folder in which a file will be; object storage has none.

    Raises:
        OSError: it can't be made.
    """
    if not is_url(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)


class RemoteFile(io.RawIOBase):
    """An object that is open for reading. What fails is an ``OSError``, whatever the storage says.

    Attributes:
        size: bytes.
        identity: differs between objects with different content.
    """

    def __init__(self, path: str | Path) -> None:
        """Open it.

        Raises:
            InputError: it isn't there, or can't be read.
            DependencyError: the package for its kind of storage is missing.
        """
        super().__init__()
        url = url_of(path)
        storage = _storage(url)
        try:
            facts = storage.info(url)
            if facts.get("type") == "directory":
                raise InputError(f"{url}: is a folder, not a file")
            self._file = storage.open(url, "rb", block_size=_BLOCK_BYTES)
            self.size = int(facts["size"])
            self.identity = FileIdentity(self.size, 0, str(storage.ukey(url)))
        except InputError:
            raise
        except FileNotFoundError:
            raise InputError(f"{url}: no such file") from None
        except Exception as error:
            raise InputError(f"{url}: can't be read: {_reason(error)}") from error

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill a buffer, as far as the object goes."""
        try:
            data = self._file.read(len(buffer))
        except Exception as error:
            raise OSError(_reason(error)) from error
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move and return the new position."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Return the position."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Close it; safe to call twice."""
        if not self.closed:
            self._file.close()
        super().close()


def exists(path: str | Path) -> bool:
    """Whether an object is there.

    Raises:
        OSError: the storage doesn't say.
        DependencyError: see ``RemoteFile``.
    """
    url = url_of(path)
    storage = _storage(url)
    try:
        return bool(storage.exists(url))
    except Exception as error:
        raise OSError(_reason(error)) from error


def upload(local: Path, path: str | Path) -> None:
    """Copy a file into object storage; long ones in parts. The object appears when it is whole.

    Raises:
        OSError: it can't be written.
        DependencyError: see ``RemoteFile``.
    """
    url = url_of(path)
    storage = _storage(url)
    try:
        if url.startswith("file:"):  # the only kind that has folders, and shows what is half done
            target = Path(storage._strip_protocol(url))
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f".{target.name}.vidcolor-part")
            storage.put_file(str(local), str(half))
            os.replace(half, target)
        else:
            storage.put_file(str(local), url)
    except Exception as error:
        raise OSError(_reason(error)) from error


def _storage(url: str) -> Any:  # noqa: ANN401 - a class of fsspec
    scheme = url.partition(":")[0]
    try:
        import fsspec

        # What is listed may change while we run.
        return fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError as error:
        package = "gcsfs" if scheme == "gs" else "'vidcolor[s3]'"
        raise DependencyError(
            f"{url}: this kind of storage needs a package: pip install {package}"
        ) from error


def _reason(error: BaseException) -> str:
    """One line."""
    text = getattr(error, "strerror", None) or str(error)
    return text.strip().partition("\n")[0] or type(error).__name__
