"""Results for object storage: made in a local folder, and uploaded when they are whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.output import check_absent
from vidcolor.errors import OutputError
from vidcolor.media.files.patterns import is_pattern
from vidcolor.media.files.remote import upload, url_of


@contextlib.contextmanager
def staged(output: str | Path, options: ColorizeOptions) -> Iterator[Path]:
    """Within, a result is made; it is uploaded at the end.

    Spans of a film that was cut off stay here, so that the same command goes on from them.

    Args:
        output: URL of the result.
        options: whether it may be replaced.

    Yields:
        Where to make it: always the same place for the same URL.

    Raises:
        OutputExistsError: see ``check_absent``.
        OutputError: it can't be uploaded, or is a pattern of numbered images.
    """
    url = url_of(output)
    if is_pattern(output):
        raise OutputError(f"{url}: numbered images can't be written into object storage")
    check_absent(output, options)
    folder = _folder(url)
    local = folder / url.rpartition("/")[2]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror}") from error
    try:
        yield local
        check_absent(output, options)  # another run may have finished it meanwhile
        try:
            upload(local, url)
        except OSError as error:
            raise OutputError(
                f"{url}: can't be written: {error}; the finished result is {local}"
            ) from error
        local.unlink()
    finally:
        with contextlib.suppress(OSError):  # what is left of a film stays
            folder.rmdir()


def _folder(url: str) -> Path:
    home = os.environ.get("VIDCOLOR_HOME")
    above = Path(home) if home else Path(platformdirs.user_cache_dir("vidcolor", appauthor=False))
    return above / "uploads" / hashlib.sha256(url.encode()).hexdigest()[:16]
