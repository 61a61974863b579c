"""Progress of a download."""

from __future__ import annotations

import logging
from typing import Protocol

logger = logging.getLogger(__name__)


class DownloadProgress(Protocol):
    """Listener to a download (the same calls as the engine's ``Progress``)."""

    def start(self, total: int | None, unit: str, description: str) -> None:
        """A transfer of ``total`` units begins; comes again where it has to begin anew."""

    def advance(self, n: int) -> None:
        """``n`` more bytes are there; bytes of an earlier run come as one first step."""

    def message(self, text: str) -> None:
        """One line for the user."""

    def close(self) -> None:
        """The transfer ended, well or not."""


class Meter:
    """Tells a listener positions in a file of ``size`` bytes as steps; None logs its lines."""

    def __init__(self, progress: DownloadProgress | None, *, size: int, file: str) -> None:
        self._progress, self._size, self._file = progress, size, file
        self._position: int | None = None

    def at(self, position: int) -> None:
        """So many bytes are there; fewer than before means that the transfer began anew."""
        if self._progress is None:
            return
        if self._position is None or position < self._position:
            self._progress.start(self._size, "bytes", self._file)
            self._position = 0
        if position > self._position:
            self._progress.advance(position - self._position)
            self._position = position

    def close(self) -> None:
        """The transfer ended."""
        if self._progress is not None and self._position is not None:
            self._progress.close()


def tell(progress: DownloadProgress | None, text: str) -> None:
    """Say one line to the user, or to the log where there is no listener."""
    if progress is None:
        logger.info("%s", text)
    else:
        progress.message(text)
