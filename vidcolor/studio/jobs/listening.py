"""What a program tells about a job, gathered: progress for the page, and how it ended."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vidcolor.studio.jobs.job import Spec

_TELL_S: Final = 0.5
_MAX_LINES: Final = 200
"""Warnings and errors that are kept of one job."""


class Listener:
    """Takes events from the program's thread."""

    def __init__(self, spec: Spec, tell: Callable[[dict[str, Any]], None]) -> None:
        """``tell`` gets progress as the page shows it, at most twice a second."""
        self._names = dict(zip(spec.inputs, spec.names, strict=True))
        self._total, self._tell = len(spec.inputs), tell
        self._lock = threading.Lock()
        self._next = 0.0
        self.progress: dict[str, Any] = {"inputs": self._total, "inputs_done": 0}
        self.results: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.done: list[dict[str, Any]] = []

    def hear(self, event: dict[str, Any]) -> None:
        """Take one event of ``--progress json``."""
        with self._lock:
            kind = event.get("event")
            handle = {
                "start": self._start, "progress": self._go_on, "message": self._message,
                "done": self._done, "error": self._error,
            }.get(str(kind))  # fmt: skip
            if handle is not None:
                handle(event)
                self._pass_on(at_once=kind != "progress")

    def name(self, path: str | None) -> str:
        """An input's name for people."""
        return self._names.get(path or "", os.path.basename(path or ""))

    def plain(self, text: str) -> str:
        """A message without the server's folders."""
        for path, name in self._names.items():
            text = text.replace(path, name).replace(os.path.dirname(path) + os.sep, "")
        return text

    def _start(self, event: dict[str, Any]) -> None:
        self.progress |= {
            "doing": self.name(event.get("input")), "done": 0, "total": event.get("total"),
            "unit": event.get("unit"), "fps": None, "eta_s": None,
        }  # fmt: skip

    def _go_on(self, event: dict[str, Any]) -> None:
        self.progress |= {name: event.get(name) for name in ("done", "total", "fps", "eta_s")}

    def _message(self, event: dict[str, Any]) -> None:
        text = self.plain(str(event.get("text", "")))
        if event.get("level") == "warning" and len(self.warnings) < _MAX_LINES:
            self.warnings.append(text)
        elif event.get("level") == "info":
            self.progress["note"] = text

    def _done(self, event: dict[str, Any]) -> None:
        self.progress["inputs_done"] += 1
        self.done.append(event)
        name = self.name(event.get("input"))
        for text in event.get("warnings") or ():
            line = self.plain(str(text))
            line = line if self._total == 1 else f"{name}: {line}"
            if line not in self.warnings and len(self.warnings) < _MAX_LINES:
                self.warnings.append(line)
        self.results.append({"path": event.get("output"), "of": name})

    def _error(self, event: dict[str, Any]) -> None:
        if len(self.errors) < _MAX_LINES:
            self.errors.append(self.plain(str(event.get("text", "failed"))))
        if event.get("input"):
            self.progress["inputs_done"] += 1

    def _pass_on(self, *, at_once: bool) -> None:
        if at_once or time.monotonic() >= self._next:
            self._next = time.monotonic() + _TELL_S
            self._tell(dict(self.progress))


def summary(done: list[dict[str, Any]]) -> dict[str, Any]:
    """What was done, for the page: frames, seconds, model, device."""
    if not done:
        return {}
    last = done[-1]
    return {
        "frames": sum(int(event["frames"]) for event in done),
        "seconds": sum(float(event["seconds"]) for event in done),
        **{name: last.get(name) for name in ("model", "device", "precision")},
        "shots": len(last.get("cuts") or ()) + 1,
    }


def sizes(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results with their names and sizes; those that are gone are left out."""
    found = []
    for result in results:
        path = Path(str(result["path"]))
        if path.is_file():
            found.append({**result, "name": path.name, "size": path.stat().st_size})
    return found
