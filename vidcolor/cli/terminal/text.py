"""Text for terminals: escaped names, readable numbers."""

from __future__ import annotations

import unicodedata

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Controls (terminal escapes among them), lone surrogates, line and paragraph separators."""
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that reorder the text after them: "gpj.exe" could be shown as "exe.jpg"."""


def printable(text: object, *, keep_newlines: bool = False) -> str:
    r"""Escape control characters, so that a file's name can't control the terminal.

    Args:
        text: anything; ``str()`` of it is used.
        keep_newlines: leave newlines and tabs alone (tracebacks).

    Returns:
        The text with ESC as ``\x1b``, a newline as ``\n`` and so on; all on one line unless
        ``keep_newlines``.
    """
    kept = "\n\t" if keep_newlines else ""
    return "".join(c if c in kept or _is_safe(c) else _escape(c) for c in str(text))


def _is_safe(char: str) -> bool:
    if char.isascii():
        return char.isprintable()
    return unicodedata.category(char) not in _UNSAFE_CATEGORIES and char not in _BIDI


def _escape(char: str) -> str:
    if 0xDC80 <= ord(char) <= 0xDCFF:  # a byte of a file name that isn't UTF-8 (PEP 383)
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def shorten(text: str, width: int) -> str:
    """Cut the middle out of ``text`` so that it takes at most ``width`` characters."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def duration(seconds: float) -> str:
    """Seconds for people: ``8.4 s``, ``2:05``, ``1:02:05``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}" if hours else f"{minutes}:{whole:02d}"


def count(n: int, noun: str) -> str:
    """``1 frame``, ``2 frames``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
