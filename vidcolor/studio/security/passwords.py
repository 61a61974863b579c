"""Password and token: compared in constant time."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from typing import Final

_WAIT_S: Final = 0.25


class Passwords:
    """What lets visitors in.

    Attributes:
        needed: whether anything is asked.
    """

    def __init__(self, auth: str, token: str) -> None:
        """Take "user:password" and a token; "" for none."""
        self._auth, self._token = auth, token
        self.needed = bool(auth or token)
        self._wrong = asyncio.Lock()

    def fits(self, header: str) -> bool:
        """Whether an Authorization header is right: Basic with password, Bearer with token."""
        kind, _, value = header.partition(" ")
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

    async def slow_down(self) -> None:
        """After a wrong one: four of them a second are answered, so that guessing takes too long.

        Right ones don't wait, so that nobody can lock others out.
        """
        async with self._wrong:
            await asyncio.sleep(_WAIT_S)

    def ask(self) -> dict[str, str]:
        """Headers that make a browser ask for the password."""
        return {"www-authenticate": 'Basic realm="vidcolor studio"'} if self._auth else {}
