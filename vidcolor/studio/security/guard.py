"""The guard: looks at every request before anything else does.

Refused are: unknown Host headers (a page elsewhere whose name was pointed at this machine: DNS
rebinding), requests that other sites' pages send (CSRF), unknown methods, odd paths, requests that
are too large, and, where there is a password or a token, whoever doesn't have it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import socket
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidcolor.studio.security.passwords import Passwords
from vidcolor.studio.settings import StudioSettings

SESSION_COOKIE: Final = "vidcolor_session"
"""Tells users apart: what one uploads, the others don't see."""
TOKEN_COOKIE: Final = "vidcolor_token"
"""Holds the token after the first visit."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
_SAFE: Final = frozenset({"GET", "HEAD"})
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{32,64}")
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9_./-]*")
_MONTH_S: Final = 30 * 24 * 3600

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "SAMEORIGIN",
}
"""On every answer: the page may load nothing from elsewhere, and nobody may embed it."""


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """The request isn't let in.

    Attributes:
        status: HTTP status.
        headers: of the answer.
    """

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.headers = status, headers or {}


class Guard:
    """ASGI middleware; ``scope["state"]["owner"]`` is the user behind it."""

    def __init__(self, app: ASGIApp, settings: StudioSettings) -> None:
        """See the module."""
        self._app, self._settings = app, settings
        self._passwords = Passwords(settings.auth, settings.token)
        self._names = _names(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        try:
            self._check_shape(scope, headers)
            entry = await self._enter(scope, headers)
        except Refused as refusal:
            answer: Response = JSONResponse(
                {"error": str(refusal)}, refusal.status, headers=refusal.headers
            )
            await answer(scope, receive, _with_headers(send))
            return
        if entry is not None:
            await entry(scope, receive, _with_headers(send))
            return
        session, is_new = _session(headers)
        scope.setdefault("state", {})["owner"] = owner_of(session)
        cookie = _cookie(SESSION_COOKIE, session) if is_new else None
        await self._app(scope, receive, _with_headers(send, cookie))

    def _check_shape(self, scope: Scope, headers: Headers) -> None:
        if scope["method"] not in METHODS:
            raise Refused(405, f"{scope['method']} is not used here")
        raw = scope.get("raw_path") or scope["path"].encode()
        if not _PLAIN_PATH.fullmatch(raw) or b".." in raw or b"//" in raw:
            raise Refused(400, "this address has characters that none here has")
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._knows(hosts[0]):
            raise Refused(421, "the server isn't called that: --name HOST allows a further name")
        self._check_origin(scope, headers, hosts[0])
        self._check_length(scope, headers)

    def _knows(self, host: str) -> bool:
        """Whether browsers may call the server so: by address, or by a name that is its own."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            port = urlsplit(f"//{host}").port
        except ValueError:
            return False
        if name in self._names:
            return port in (None, self._settings.port) or not self._settings.port
        if self._settings.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            return _is_address(name)
        return False

    def _check_origin(self, scope: Scope, headers: Headers, host: str) -> None:
        """Pages of other sites may link here, and nothing else."""
        origin = headers.get("origin")
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            raise Refused(403, "requests from pages of other sites are refused")
        site = headers.get("sec-fetch-site", "none")
        is_link = scope["method"] in _SAFE and headers.get("sec-fetch-mode") == "navigate"
        if site not in ("same-origin", "none") and not (is_link and scope["path"] == "/"):
            raise Refused(403, "requests from pages of other sites are refused")

    def _check_length(self, scope: Scope, headers: Headers) -> None:
        """Uploads are counted where they are written; all else is small."""
        if scope["path"].startswith("/api/uploads") or scope["path"] == "/api/weights":
            return
        if "transfer-encoding" in headers:
            raise Refused(411, "give the length of what you send")
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._settings.limits.body_kb * 1000:
            raise Refused(413, f"larger than {self._settings.limits.body_kb} kB")

    async def _enter(self, scope: Scope, headers: Headers) -> Response | None:
        """Check password or token; an answer where the visitor has to be sent elsewhere."""
        if not self._passwords.needed or self._passwords.fits(headers.get("authorization", "")):
            return None
        if self._passwords.is_token(_cookies(headers).get(TOKEN_COOKIE, "")):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and self._passwords.is_token(given):
            answer = RedirectResponse("/", 303)
            answer.headers.append("set-cookie", _cookie(TOKEN_COOKIE, given))
            return answer
        if given or "authorization" in headers:
            await self._passwords.slow_down()
        raise Refused(401, "a password, or the printed address, is needed", self._passwords.ask())


def owner_of(session: str) -> str:
    """The user behind a session; the session itself is never stored."""
    return hashlib.sha256(session.encode()).hexdigest()[:32]


def _names(settings: StudioSettings) -> frozenset[str]:
    own = {"localhost", "127.0.0.1", "::1", settings.host.lower(), *map(str.lower, settings.names)}
    if settings.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        own |= {socket.gethostname().lower(), socket.getfqdn().lower()}
    return frozenset(own)


def _is_address(name: str) -> bool:
    """No page elsewhere can have a numeric address of ours pointed at it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookies(headers: Headers) -> dict[str, str]:
    pairs = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs}


def _session(headers: Headers) -> tuple[str, bool]:
    """The visitor's session, and whether it is new."""
    known = _cookies(headers).get(SESSION_COOKIE, "")
    if _SESSION.fullmatch(known):
        return known, False
    return secrets.token_urlsafe(32), True


def _cookie(name: str, value: str) -> str:
    return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={_MONTH_S * 12}"


def _with_headers(send: Send, cookie: str | None = None) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            if cookie is not None:
                headers.append("set-cookie", cookie)
        await send(message)

    return sending
