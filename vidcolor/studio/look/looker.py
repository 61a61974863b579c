"""The server's side of the looking process: one request at a time, each with a time limit.

Pictures are read and coloured in a process of its own, so that the server answers meanwhile, and
so that a file that makes a decoder crash, or takes too much memory, takes nothing else with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vidcolor.studio.errors import Busy, StudioError

_LINE_BYTES: Final = 64_000_000
"""Longest answer: the shots of a film of many hours."""
_MAX_WAITING: Final = 40
"""Requests that wait for the process; further ones are refused."""


class Looker:
    """A process that does the tasks of ``look.tasks``; started at the first of them."""

    def __init__(self, name: str, store: Path) -> None:
        """Name it for error messages; ``store`` gets the log of what it writes to stderr."""
        self._name, self._log = name, store / f"look-{name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._waiting = 0

    async def ask(
        self,
        task: str,
        *,
        limit_s: float,
        on_progress: Callable[[Any], None] | None = None,
        **arguments: Any,  # noqa: ANN401 - JSON values
    ) -> Any:  # noqa: ANN401
        """Do a task.

        Args:
            task: name of a function of ``look.tasks``.
            limit_s: seconds after which the process is killed.
            on_progress: told what the task reports on its way.
            arguments: its arguments, JSON values.

        Raises:
            StudioError: what the task raised, in its words.
            Busy: it took too long, or the process died.
        """
        if self._waiting >= _MAX_WAITING:
            raise Busy("too many pictures are being made: try again")
        self._waiting += 1
        try:
            async with self._lock:
                return await self._ask(task, arguments, limit_s, on_progress)
        finally:
            self._waiting -= 1

    async def _ask(
        self,
        task: str,
        arguments: dict[str, Any],
        limit_s: float,
        on_progress: Callable[[Any], None] | None,
    ) -> Any:  # noqa: ANN401
        process = await self._started()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        try:
            async with asyncio.timeout(limit_s):
                process.stdin.write(json.dumps({"task": task, **arguments}).encode() + b"\n")
                await process.stdin.drain()
                while True:
                    answer = json.loads(await process.stdout.readuntil(b"\n"))
                    if "progress" not in answer:
                        break
                    if on_progress is not None:
                        on_progress(answer["progress"])
        except TimeoutError:
            await self._end()
            raise Busy(f"this took longer than {limit_s:g} s and was ended") from None
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            await self._end()
            raise Busy("the file made its reader crash, or took too much memory") from None
        except asyncio.CancelledError:  # the visitor has left: an answer must not reach the next
            await self._end()
            raise
        if "error" in answer:
            raise StudioError(answer["error"])
        return answer["result"]

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            log = self._log.open("ab")
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vidcolor.studio.look.process",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                limit=_LINE_BYTES, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            )  # fmt: skip
            log.close()
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def close(self) -> None:
        """End the process."""
        await self._end()
