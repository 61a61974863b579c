"""One HTTP(S) request for a file, or for the rest of it, by the standard library.

Only http and https are spoken, a redirect never leaves https for http, and proxy variables
(``https_proxy``, ``no_proxy``, ...) are honoured as urllib does.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from vidcolor.models.weights.files import size_of

_BLOCK = 1 << 18
_DROPPED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


class MirrorError(Exception):
    """This mirror can't deliver the file; another one may."""


class DroppedError(Exception):
    """The connection broke; asking the same mirror again may help."""


class _RangeRefusedError(Exception):
    """The server refuses the range that was asked for (416)."""


def transfer(
    url: str, part: Path, size: int, tell: Callable[[int], None], timeout_s: float
) -> None:
    """Send one request: append what is missing, or start anew where the server sends the whole.

    Args:
        url: of the file.
        part: the bytes got so far; need not exist.
        size: of the whole file in bytes.
        tell: hears how many bytes are there.
        timeout_s: seconds without a byte after which the connection counts as broken.

    Raises:
        MirrorError: the server can't deliver the file.
        DroppedError: the connection broke; what came before is kept.
    """
    offset = size_of(part) if size_of(part) < size else 0  # whole, but wrong: start anew
    try:
        response = _open(url, offset, size, timeout_s)
    except _RangeRefusedError:
        offset, response = 0, _open(url, 0, size, timeout_s)
    with response:
        _store(response, part, _checked_offset(response, offset, size), size, tell)


def _open(url: str, offset: int, size: int, timeout_s: float) -> http.client.HTTPResponse:
    """Ask for a file from ``offset`` on; a response whose status is 2xx."""
    # identity: a compressed answer would count and resume in other bytes than the file's
    headers = {"User-Agent": "vidcolor", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response: http.client.HTTPResponse = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
                total = _content_range(error.headers)[1]
                if total in (None, size):
                    raise _RangeRefusedError from error
                raise MirrorError(_mismatch(total, size)) from error
            raise MirrorError(f"HTTP {error.code} {error.reason}".rstrip()) from error
    except urllib.error.URLError as error:
        kind = DroppedError if isinstance(error.reason, _DROPPED) else MirrorError
        raise kind(_describe(error.reason)) from error
    except http.client.InvalidURL as error:
        raise MirrorError(f"not a usable address: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DroppedError(_describe(error)) from error
    return response


def _checked_offset(response: http.client.HTTPResponse, asked: int, size: int) -> int:
    """Judge a response by its headers; the offset that its body starts at."""
    headers, offset = response.headers, 0
    if response.status == http.client.PARTIAL_CONTENT:
        start, total = _content_range(headers)
        if start != asked:
            raise MirrorError(f"sends another range than asked for: {headers['Content-Range']!r}")
        if total not in (None, size):
            raise MirrorError(_mismatch(total, size))
        offset = asked
    elif response.status != http.client.OK:
        raise MirrorError(f"HTTP {response.status} {response.reason}".rstrip())
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise MirrorError("a web page instead of the file")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MirrorError(f"sends the file encoded as {headers['Content-Encoding']}")
    length = headers.get("Content-Length", "")
    if length.isdecimal() and offset + int(length) != size:
        raise MirrorError(_mismatch(offset + int(length), size))
    return offset


def _store(
    response: http.client.HTTPResponse, part: Path, offset: int, size: int,
    tell: Callable[[int], None],
) -> None:  # fmt: skip
    """Write the body behind ``offset``; never more than ``size`` bytes in all."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    # unbuffered: what a full disk takes is kept, and known
    with io.FileIO(os.open(part, flags, 0o666), "r+") as file:
        file.truncate(offset)
        file.seek(offset)
        tell(offset)
        while block := _read(response):
            if offset + len(block) > size:
                file.truncate(0)
                raise MirrorError(f"sends more than the {size} bytes that the file should have")
            view = memoryview(block)
            while view:  # a raw file may take less at once, and says why at the next call
                view = view[file.write(view) or 0 :]
            offset += len(block)
            tell(offset)
    if offset < size:
        raise DroppedError(f"connection closed after {offset} of {size} bytes")


def _read(response: http.client.HTTPResponse) -> bytes:
    """Some bytes as soon as there are any; b"" at the end."""
    try:
        return response.read1(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise DroppedError(_describe(error)) from error


def _content_range(headers: Message) -> tuple[int | None, int | None]:
    """Start and total of a Content-Range header (RFC 9110, 14.4); None for what it doesn't say."""
    unit, _, rest = headers.get("Content-Range", "").partition(" ")
    if unit != "bytes":
        return None, None
    span, _, total = rest.partition("/")
    start = span.partition("-")[0]
    return (int(start) if start.isdecimal() else None, int(total) if total.isdecimal() else None)


class _CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, but never from https to http."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str,
        headers: http.client.HTTPMessage, newurl: str,
    ) -> urllib.request.Request | None:  # fmt: skip
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise MirrorError(f"redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """An opener without urllib's ftp, file and data handlers."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _CarefulRedirects(),
    ):
        opener.add_handler(handler)
    return opener


def _mismatch(found: int | None, size: int) -> str:
    return f"the file there has {found} bytes where {size} were expected"


def _describe(reason: object) -> str:
    """One short phrase for a network error."""
    if isinstance(reason, socket.gaierror):
        return "host name can't be resolved (no network?)"
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return " ".join(str(reason).split()) or type(reason).__name__
