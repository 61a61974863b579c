"""Messages on standard error, line by line, without breaking a progress bar.

All messages go through one ``Console``. Standard output is for data alone.
With ``--progress json`` each message is one JSON object per line (see ``progress``).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import TextIO

from vidcolor.cli.terminal.text import printable

PROTOCOL: int = 1
"""Version of the JSON lines, ``v`` in each; docs/progress.md says when it goes up."""

SAID: str = "vidcolor.said"
"""Logger of all messages, shown or not; only the log file listens to it."""

_said = logging.getLogger(SAID)
_said.propagate = False
_said.addHandler(logging.NullHandler())


class QuietStream:
    """A text stream that drops what is written once its reader has gone.

    A closed standard error (``2>&1 | head``) must not end hours of work.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write and flush ``text``; errors of the stream are ignored."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # gone, or closed
            pass
        return len(text)

    def flush(self) -> None:
        """Do nothing: every write is flushed."""

    def isatty(self) -> bool:
        """Whether a terminal is at the other end."""
        try:
            return self._stream.isatty()
        except ValueError:
            return False

    def fileno(self) -> int:
        """The file descriptor, for asking the terminal's width."""
        return self._stream.fileno()


class Console:
    """Writes messages to standard error.

    Attributes:
        as_json: write JSON objects instead of text.
        quiet: write errors only.
        lock: held while writing; the progress bar takes the same one.
    """

    def __init__(self, stream: TextIO | None = None, *, as_json: bool = False) -> None:
        self.stream = QuietStream(stream or sys.stderr)
        self.as_json = as_json
        self.quiet = False
        self.lock = threading.RLock()
        self._bar: tuple[Callable[[], None], Callable[[], None]] | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a terminal that can rewrite a line is at the other end."""
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    def attach_bar(self, clear: Callable[[], None], refresh: Callable[[], None]) -> None:
        """From now on ``clear`` a progress bar before a line, and ``refresh`` it after."""
        with self.lock:
            self._bar = (clear, refresh)

    def detach_bar(self) -> None:
        """The progress bar is gone."""
        with self.lock:
            self._bar = None

    def say(self, text: str) -> None:
        """Write one line; with ``-q`` to the log file only."""
        self.note(text)
        if not self.quiet:
            self._line("message", "info", text)

    def warn(self, text: str) -> None:
        """Write one line that begins with ``vidcolor: warning:``; with ``-q`` to the log file."""
        self.note(text, logging.WARNING)
        if not self.quiet:
            self._line("message", "warning", text)

    def error(self, text: str, *, exit_code: int = 1, source: str | None = None) -> None:
        """Write one line that begins with ``vidcolor: error:``.

        Args:
            text: what is wrong.
            exit_code: what the process, or this input's part in it, ends with.
            source: the input it is about, for ``--progress json``.
        """
        self.note(text, logging.ERROR)
        if self.as_json:
            self.emit("error", input=source, text=text, exit_code=exit_code)
        else:
            label = "" if exit_code > 128 else "error: "  # being stopped by the user isn't one
            self._write(f"vidcolor: {label}{printable(text)}\n")

    def note(self, text: str, level: int = logging.INFO) -> None:
        """Write one line to the log file alone, if there is one."""
        _said.log(level, "%s", text)

    def log(self, level: str, text: str) -> None:
        """Write a line of the log; the logging module has filtered it by level."""
        self._line("message", level, text)

    def raw(self, text: str) -> None:
        """Write prepared text as it is (a traceback)."""
        if self.as_json:
            self.emit("message", level="debug", text=text)
        else:
            self._write(printable(text, keep_newlines=True))

    def emit(self, event: str, **fields: object) -> None:
        """Write one JSON object on one line."""
        self._write(json.dumps({"event": event, "v": PROTOCOL, **fields}) + "\n")

    def _line(self, event: str, level: str, text: str) -> None:
        if self.as_json:
            self.emit(event, level=level, text=text)
            return
        prefix = f"vidcolor: {level}: " if level in ("warning", "error", "debug") else ""
        self._write(f"{prefix}{printable(text)}\n")

    def _write(self, text: str) -> None:
        with self.lock:
            if self._bar is not None:
                self._bar[0]()
            self.stream.write(text)
            if self._bar is not None:
                self._bar[1]()
