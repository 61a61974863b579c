"""One HTTP request for a file, or for the rest of it."""

from __future__ import annotations

import http.client
import io

from vidcolor.models.weights.http import (
    DroppedError,
    MirrorError,
    content_range,
    open_url,
    read_some,
)
from vidcolor.models.weights.meter import Meter
from vidcolor.models.weights.partial import PartialFile

_BLOCK = 1 << 18
_WEB_PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<head")


def transfer(url: str, part: PartialFile, size: int, meter: Meter, timeout_s: float) -> None:
    """Send one request: append what is missing, or start anew where the server sends the whole.

    Raises:
        MirrorError: the server can't deliver the file.
        RangeRefusedError: it refuses to resume.
        DroppedError: the connection broke; what came before is kept.
    """
    offset = part.size if part.size < size else 0  # whole, but wrong: start anew
    # identity: a compressed answer would count and resume in other bytes than the file's
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if validator := part.validator(url):
            headers["If-Range"] = validator
    with open_url(url, headers=headers, timeout_s=timeout_s) as response:
        offset = _check_response(response, offset, size)
        first = read_some(response, _BLOCK)
        if offset == 0 and first.lstrip().lower().startswith(_WEB_PAGE_STARTS):
            raise MirrorError("a web page instead of the file")
        part.remember(url, response.headers)
        _store(response, first, part, offset, size, meter)


def _check_response(response: http.client.HTTPResponse, asked: int, size: int) -> int:
    """Judge a response by its headers; the offset that its body starts at."""
    headers, offset = response.headers, 0
    if response.status == http.client.PARTIAL_CONTENT:
        start, total = content_range(headers)
        if start != asked:
            raise MirrorError(f"sends another range than asked for: {headers['Content-Range']!r}")
        if total not in (None, size):
            raise MirrorError(size_mismatch(total, size))
        offset = asked
    elif response.status != http.client.OK:
        raise MirrorError(f"HTTP {response.status} {response.reason}".rstrip())
    if headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        raise MirrorError("a web page instead of the file")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise MirrorError(f"sends the file encoded as {headers['Content-Encoding']}")
    length = headers.get("Content-Length", "")
    if length.isdecimal() and offset + int(length) != size:
        raise MirrorError(size_mismatch(offset + int(length), size))
    return offset


def _store(
    response: http.client.HTTPResponse,
    block: bytes,
    part: PartialFile,
    offset: int,
    size: int,
    meter: Meter,
) -> None:
    """Write the body from ``block`` on; never more than ``size`` bytes in all."""
    with part.open_at(offset) as file:
        meter.at(offset)
        while block:
            if offset + len(block) > size:
                file.truncate(0)
                raise MirrorError(f"sends more than the {size} bytes that the file should have")
            offset += _write_all(file, block)
            meter.at(offset)
            block = read_some(response, _BLOCK)
    if offset < size:
        raise DroppedError(f"connection closed after {offset} of {size} bytes")


def _write_all(file: io.FileIO, block: bytes) -> int:
    """Write a whole block: a raw file may take less at once, and says why at the next call."""
    view = memoryview(block)
    while view:
        view = view[file.write(view) or 0 :]
    return len(block)


def size_mismatch(found: int | None, size: int) -> str:
    """The phrase for a file of another size."""
    return f"the file there has {found} bytes where {size} were expected"
