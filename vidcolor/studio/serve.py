"""``serve``: the studio until it is stopped."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

import uvicorn

from vidcolor.errors import OutputError
from vidcolor.studio.app import make_app
from vidcolor.studio.settings import StudioSettings
from vidcolor.studio.studio import Studio

logger = logging.getLogger(__name__)

_STOP_S = 5


def serve(settings: StudioSettings, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: how.
        on_ready: gets the address, when the server answers there.

    Raises:
        OutputError: the address is taken.
        Conflict: another studio works on the same folder.
    """
    with _bound(settings) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        studio = Studio(settings)
        config = uvicorn.Config(
            make_app(studio), log_level="warning", access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=_STOP_S, ws="none",
            h11_max_incomplete_event_size=64_000,
        )  # fmt: skip
        server = _Server(config, on_ready=lambda: on_ready(address(settings)))
        server.run(sockets=[listener])


def address(settings: StudioSettings, path: str = "/") -> str:
    """What to type into a browser on this machine."""
    host = settings.host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    token = f"?token={settings.token}" if settings.token else ""
    opened = f"#open={quote(settings.opened)}" if settings.opened else ""
    return f"http://{host}:{settings.port}{path}{token}{opened}"


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def _bound(settings: StudioSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise OutputError(
            f"{settings.host}:{settings.port} can't be had ({error.strerror}): --port 0 takes a"
            " free one"
        ) from None
    return listener
