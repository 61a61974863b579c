"""Requests as bytes, as no HTTP client would send them."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


def raw(address: str, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send a head, in which ``{host}`` is the server's name, and a body; status and answer.

    Returns:
        Status 0 where the server closes without an answer.
    """
    where = urlsplit(address)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as line:
        try:
            line.sendall(
                head.replace(b"{host}", where.netloc.encode()) + b"Connection: close\r\n\r\n" + body
            )
        except OSError:
            return 0, b"closed"
        answer = b""
        try:
            while part := line.recv(65536):
                answer += part
        except OSError:
            return 0, b"closed"
    words = answer.split(b" ", 2)
    return (int(words[1]) if len(words) > 1 else 0), answer.partition(b"\r\n\r\n")[2]
