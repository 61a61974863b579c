"""One line and an exit code for any error."""

from __future__ import annotations

import logging
import os
import sys
import traceback

import click

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.words.flags import in_flags
from vidcolor.errors import Interrupted, VidcolorError

logger = logging.getLogger(__name__)

USAGE_EXIT_CODE: int = 2


def explain(error: BaseException) -> tuple[str, int]:
    """The line for the user and the exit code.

    Args:
        error: anything that was raised.
    """
    if isinstance(error, VidcolorError):
        return in_flags(error), error.exit_code
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "vidcolor"
        return f"{_plain(error.format_message())} (see {path} --help)", USAGE_EXIT_CODE
    if isinstance(error, click.ClickException):
        return _plain(error.format_message()), error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return "interrupted", Interrupted().exit_code
    if isinstance(error, MemoryError):
        return "out of memory; try --batch-size 1 or a smaller --render-factor", 1
    if isinstance(error, OSError) and error.strerror:
        where = f"{os.fsdecode(error.filename)}: " if _is_path(error.filename) else ""
        return f"{where}{error.strerror}", 1
    if isinstance(error, RuntimeError) and "torch" in sys.modules:
        from vidcolor.engine.device_errors import as_device_error

        failure = as_device_error(error, "the device")
        if failure is not None:
            return in_flags(failure), failure.exit_code
    kind = type(error).__name__
    return f"unexpected error, {kind}: {error}; run with VIDCOLOR_DEBUG=1 to see where", 1


def report(error: BaseException, console: Console, *, source: str | None = None) -> int:
    """Write the message, with the traceback if ``VIDCOLOR_DEBUG=1``.

    Args:
        error: anything that was raised.
        console: where it is written.
        source: the input it is about.

    Returns:
        The exit code.
    """
    text, exit_code = explain(error)
    trace = "".join(traceback.format_exception(error))
    logger.debug("%s", text, exc_info=error)
    if os.environ.get("VIDCOLOR_DEBUG", "0") not in ("", "0"):
        console.raw(trace)
    console.error(text, exit_code=exit_code, source=source)
    return exit_code


def _plain(message: str) -> str:
    """Click's messages may take several lines."""
    return " ".join(message.split())


def _is_path(name: object) -> bool:
    return isinstance(name, (str, bytes)) and bool(name)
