"""Plain HTTP(S) requests for weights: the standard library's, with fewer doors open.

Only http and https are spoken, a redirect never leaves https for http, and proxy variables
(``https_proxy``, ``no_proxy``, ...) are honoured as urllib does.
"""

from __future__ import annotations

import http.client
import socket
import urllib.error
import urllib.request
from email.message import Message
from typing import IO
from urllib.parse import urlsplit

_USER_AGENT = "vidcolor"
_DROPPED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


class MirrorError(Exception):
    """This mirror can't deliver the file; another one may."""


class DroppedError(Exception):
    """The connection broke; asking the same mirror again may help."""


class RangeRefusedError(Exception):
    """The server refuses the range that was asked for (416)."""

    def __init__(self, total: int | None) -> None:
        super().__init__(f"range refused, {total=}")
        self.total = total


def open_url(url: str, *, headers: dict[str, str], timeout_s: float) -> http.client.HTTPResponse:
    """Send a GET request and return the response, whose status is 2xx; the caller closes it.

    Raises:
        MirrorError: the server refuses, can't be reached or is not spoken to.
        RangeRefusedError: status 416.
        DroppedError: the connection broke before the headers were whole.
    """
    request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT, **headers})
    try:
        response = _opener().open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise RangeRefusedError(content_range(error.headers)[1]) from error
            raise MirrorError(f"HTTP {error.code} {error.reason}".rstrip()) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, _DROPPED):
            raise DroppedError(_describe(error.reason)) from error
        raise MirrorError(_describe(error.reason)) from error
    except http.client.InvalidURL as error:
        raise MirrorError(f"not a usable address: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise DroppedError(_describe(error)) from error
    assert isinstance(response, http.client.HTTPResponse)  # http and https have no other kind
    return response


def read_some(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Read up to ``limit`` bytes, as soon as there are some; b"" at the end.

    Raises:
        DroppedError: the connection broke or fell silent.
    """
    try:
        return response.read1(limit)
    except (OSError, http.client.HTTPException) as error:
        raise DroppedError(_describe(error)) from error


def content_range(headers: Message) -> tuple[int | None, int | None]:
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
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
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


def _describe(reason: object) -> str:
    """One short phrase for a network error."""
    if isinstance(reason, socket.gaierror):
        return "host name can't be resolved (no network?)"
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror.lower()
    return " ".join(str(reason).split()) or type(reason).__name__
