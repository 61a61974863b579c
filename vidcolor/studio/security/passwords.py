"""Password and token: compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from typing import Final

_WRONG_TRIES: Final = 20
"""Wrong passwords in a row before all further ones wait."""
_WAIT_S: Final = 1.0


class Passwords:
    """What lets visitors in.

    Attributes:
        needed: whether anything is asked.
    """

    def __init__(self, auth: str, token: str) -> None:
        """Take "user:password" and a token; "" for none."""
        self._auth, self._token = auth, token
        self.needed = bool(auth or token)
        self._wrong, self._until = 0, 0.0

    def fits(self, header: str) -> bool:
        """Whether an Authorization header is right: Basic with the password, Bearer with the token.

        After many wrong ones none is right for a second, so that guessing takes too long.
        """
        kind, _, value = header.partition(" ")
        if time.monotonic() < self._until:
            return False
        if kind.lower() == "bearer":
            return self.is_token(value.strip())
        if kind.lower() != "basic" or not self._auth:
            return False
        try:
            given = base64.b64decode(value.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self._auth.encode())

    def is_token(self, value: str) -> bool:
        """Whether it is the token."""
        return bool(self._token) and hmac.compare_digest(value.encode(), self._token.encode())

    def slow_down(self) -> None:
        """Count a wrong try."""
        self._wrong += 1
        if self._wrong % _WRONG_TRIES == 0:
            self._until = time.monotonic() + _WAIT_S

    def ask(self) -> dict[str, str]:
        """Headers that make a browser ask for the password."""
        return {"www-authenticate": 'Basic realm="vidcolor studio"'} if self._auth else {}
