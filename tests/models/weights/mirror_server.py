"""A real HTTP server with a temper, and small things to fetch from it."""

from __future__ import annotations

import contextlib
import hashlib
import random
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vidcolor.models.weights.download import RetryPolicy
from vidcolor.models.weights.manifest import WeightsEntry

PAYLOAD = random.Random(3).randbytes(600_000)  # more than two of the downloader's blocks
QUICK = RetryPolicy(retries=2, backoff_s=0.01, timeout_s=1.0)


@dataclass
class Route:
    """How the server treats one path.

    ``drops`` holds, for the requests in turn, how many body bytes are sent before the connection
    is cut (None: all of them). ``length`` False sends no Content-Length.
    """

    body: bytes = PAYLOAD
    status: int = 200
    ranges: bool = True
    drops: list[int | None] = field(default_factory=list)
    content_type: str = "application/octet-stream"
    extra: dict[str, str] = field(default_factory=dict)
    length: bool = True
    delay: threading.Event | None = None


class MirrorServer:
    """Serves ``routes`` and remembers the requests: (path, Range or "")."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[tuple[str, str]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802 - the standard library's name
                asked = self.headers.get("Range", "")
                server.requests.append((self.path, asked))
                route = server.routes.get(self.path, Route(status=404, body=b"nothing here"))
                if route.delay is not None:
                    route.delay.wait(10)
                serve(self, route, asked)

            def log_message(self, *args: Any) -> None:  # noqa: ANN401
                pass

        return Handler


def serve(handler: BaseHTTPRequestHandler, route: Route, asked: str) -> None:
    """Answer one request as RFC 9110 says, except where the route is naughty."""
    start = 0
    if asked and route.ranges and route.status == 200:
        start = int(asked.removeprefix("bytes=").split("-")[0])
    if start >= len(route.body) > 0 and start:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(route.body)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    body = route.body[start:]
    handler.send_response(206 if start else route.status)
    if start:
        end = len(route.body) - 1
        handler.send_header("Content-Range", f"bytes {start}-{end}/{len(route.body)}")
    headers = {"Content-Type": route.content_type, **route.extra}
    if route.length:
        headers["Content-Length"] = str(len(body))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    limit = route.drops.pop(0) if route.drops else None
    with contextlib.suppress(ConnectionError):  # the client may have seen enough
        handler.wfile.write(body[:limit])
        handler.wfile.flush()
    if limit is not None:
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)


def make_entry(*urls: str, body: bytes = PAYLOAD, **changes: Any) -> WeightsEntry:  # noqa: ANN401
    facts: dict[str, Any] = {
        "name": "tiny",
        "kind": "download",
        "file": "tiny.bin",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "urls": urls,
        "licence": "CC0-1.0",
        "source": "https://example.org/tiny",
        "credit": "Nobody",
    }
    return WeightsEntry(**{**facts, **changes})


class Recorder:
    """A progress display that remembers."""

    def __init__(self) -> None:
        self.starts: list[tuple[int | None, str, str]] = []
        self.done = 0
        self.messages: list[str] = []
        self.closed = 0

    def start(self, total: int | None, unit: str, description: str) -> None:
        self.starts.append((total, unit, description))
        self.done = 0

    def advance(self, n: int) -> None:
        assert n > 0
        self.done += n

    def message(self, text: str) -> None:
        self.messages.append(text)

    def close(self) -> None:
        self.closed += 1
