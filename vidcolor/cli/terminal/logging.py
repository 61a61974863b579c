"""The one logger "vidcolor": to the console by ``-v`` and ``-q``, to a file in full."""

from __future__ import annotations

import contextlib
import logging
import sys
from pathlib import Path

from vidcolor.cli.terminal.console import SAID, Console
from vidcolor.cli.terminal.text import printable
from vidcolor.errors import OptionError

_FILE_FORMAT = "%(asctime)s %(levelname)-7s %(threadName)s %(name)s: %(message)s"
_LEVELS = {0: logging.WARNING, 1: logging.INFO}
_WARNINGS = "py.warnings"
_LOGGERS = ("vidcolor", SAID, _WARNINGS)


class ConsoleHandler(logging.Handler):
    """Passes records to the console, which keeps them apart from the bar."""

    def __init__(self, console: Console, level: int) -> None:
        super().__init__(level)
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record on one line; its traceback goes to the log file only."""
        try:
            self.console.log(record.levelname.lower(), record.getMessage())
        except Exception:  # noqa: BLE001 - logging's own rule: a log line never breaks the work
            self.handleError(record)


class LogFile(logging.FileHandler):
    """The log file. If it can't be written any more (a full disk), one message says so."""

    def __init__(self, path: Path, console: Console) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")
        self._path, self._console, self._is_lost = path, console, False

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        if not self._is_lost:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Stop writing the file; logging itself would print a traceback for every record."""
        self._is_lost = True
        reason = getattr(sys.exc_info()[1], "strerror", None) or sys.exc_info()[1]
        self._console.warn(f"{self._path}: can't write the log file any more: {reason}")

    def close(self) -> None:
        """Close it; a failure was reported before."""
        with contextlib.suppress(OSError):
            super().close()


class _SafeFormatter(logging.Formatter):
    """Escapes control characters; the lines of a traceback stay lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without its traceback."""
        return printable(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        return printable(super().format(record), keep_newlines=True)


def set_up_logging(
    console: Console, *, verbose: int = 0, quiet: bool = False, log_file: Path | None = None
) -> None:
    """Send the log where the user wants it.

    Args:
        console: where lines for the user go.
        verbose: how often ``-v`` was given: warnings, then decisions, then everything.
        quiet: errors only; wins over ``verbose``.
        log_file: gets everything, appended.

    Raises:
        OptionError: when ``log_file`` can't be opened.
    """
    console.quiet = quiet
    level = logging.ERROR if quiet else _LEVELS.get(verbose, logging.DEBUG)
    handlers: list[logging.Handler] = [ConsoleHandler(console, level)]
    if log_file is not None:
        handlers.append(_file_handler(log_file, console))
    close_logging()
    logging.captureWarnings(capture=True)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        # Python warnings are for developers: shown with -v, and always kept in the file.
        is_shown = name == "vidcolor" or (name == _WARNINGS and verbose > 0)
        for handler in handlers if is_shown else handlers[1:]:
            logger.addHandler(handler)
        logger.addHandler(logging.NullHandler())


def close_logging() -> None:
    """Undo ``set_up_logging``; without it, do nothing."""
    logging.captureWarnings(capture=False)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for handler in logger.handlers[:]:
            if isinstance(handler, (ConsoleHandler, logging.FileHandler)):
                logger.removeHandler(handler)
                handler.close()


def _file_handler(path: Path, console: Console) -> logging.Handler:
    try:
        handler = LogFile(path, console)
    except OSError as error:
        reason = error.strerror or error
        raise OptionError(f"{path}: can't write the log file there: {reason}") from None
    handler.setLevel(logging.DEBUG)
    handler.setFormatter(_SafeFormatter(_FILE_FORMAT))
    return handler
