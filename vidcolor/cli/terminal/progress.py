"""How progress looks: a bar, a line now and then, JSON lines, or nothing.

The JSON lines of ``--progress json`` are for other programs, and stable: docs/progress.md has every
event and field, and a test holds both together.
"""

from __future__ import annotations

import os
import time
from typing import Any, Literal

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.signals import Stop
from vidcolor.cli.terminal.text import duration, printable, shorten
from vidcolor.engine.progress import NullProgress, Progress

Mode = Literal["auto", "bar", "plain", "json", "none"]

_PLAIN_EVERY_S: float = 5.0
_AUTO_EVERY_S: float = 30.0
"""Without a terminal, in mode auto, shorter jobs show no progress (logs of cron jobs)."""
_JSON_EVERY_S: float = 0.5


def make_progress(
    mode: Mode, console: Console, *, source: str | None = None, output: str | None = None
) -> Progress:
    """The display for one job.

    Args:
        mode: as given with ``--progress``.
        console: where it shows.
        source: the input's name.
        output: the output's name.
    """
    if mode == "json":
        return JsonProgress(console, source=source, output=output)
    if mode == "none" or (mode == "auto" and console.quiet):
        return MessageProgress(console)
    if mode == "bar" or (mode == "auto" and console.is_terminal):
        return BarProgress(console)
    return PlainProgress(console, every_s=_PLAIN_EVERY_S if mode == "plain" else _AUTO_EVERY_S)


class StoppableProgress:
    """Passes progress on, and ends what the engine's ``stop`` doesn't reach.

    Loading and downloading a model happen before the engine's own loop, in the calling thread:
    there an exception is the way out.
    """

    def __init__(self, inner: Progress, stop: Stop) -> None:
        self.inner, self.stop = inner, stop
        self._unit = ""

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Pass on; raise ``Interrupted`` if a signal came while the model was loaded."""
        self.stop.check()
        self._unit = unit
        self.inner.start(total, unit, description)

    def advance(self, n: int) -> None:
        """Pass on; raise ``Interrupted`` if a signal came during a download."""
        if self._unit == "bytes":
            self.stop.check()
        self.inner.advance(n)

    def skip(self, n: int) -> None:
        """Pass on."""
        self.inner.skip(n)

    def message(self, text: str) -> None:
        """Pass on."""
        self.inner.message(text)

    def close(self) -> None:
        """Pass on."""
        self.inner.close()


class MessageProgress(NullProgress):
    """Shows nothing but the messages."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def message(self, text: str) -> None:
        """Write one line."""
        self.console.say(text)


class _Meter(MessageProgress):
    """Counts, and calls ``report`` no oftener than every ``every_s`` seconds."""

    def __init__(self, console: Console, *, every_s: float) -> None:
        super().__init__(console)
        self.every_s = every_s
        self.total: int | None = None
        self.unit, self.description = "frames", ""
        self.done = self._skipped = 0
        self._began = self._reported = 0.0
        self._running = False

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Begin to count."""
        self.total, self.unit, self.description = total, unit, description
        self.done = self._skipped = 0
        self._began = self._reported = time.monotonic()
        self._running = True

    def advance(self, n: int) -> None:
        """Count, and report if it is time; without ``start`` (a photo) there is nothing to say."""
        if not self._running:
            return
        self.done += n
        now = time.monotonic()
        if now - self._reported >= self.every_s:
            self._reported = now
            self.report()

    def skip(self, n: int) -> None:
        """Count without taking it for speed."""
        self._skipped += n
        self.advance(n)

    def close(self) -> None:
        """Stop counting."""
        self._running = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since ``start``."""
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Units per second since ``start``, without those that were skipped."""
        return (self.done - self._skipped) / max(self.elapsed_s, 1e-6)

    @property
    def eta_s(self) -> float | None:
        """Seconds left, None if unknown; also once a header's total has proved too small."""
        if self.total is None or self.rate == 0.0 or self.done > self.total:
            return None
        return (self.total - self.done) / self.rate

    def report(self) -> None:
        """Show the progress."""
        raise NotImplementedError


class PlainProgress(_Meter):
    """A line of text every few seconds."""

    def report(self) -> None:
        """Write ``out.mp4: 120/300 frames (40 %), 12.3 fps, 14.6 s left``."""
        if self.unit == "bytes":
            text = f"{self.done / 1e6:.1f} MB"
            if self.total:
                text += f" of {self.total / 1e6:.1f} MB"
            text += f", {self.rate / 1e6:.1f} MB/s"
        else:
            known = self.total is not None and self.done <= self.total
            text = f"{self.done}/{self.total}" if known else f"{self.done}"
            text += f" {self.unit}"
            if known and self.total:
                text += f" ({100 * self.done / self.total:.0f} %)"
            text += f", {self.rate:.2f} {_per_second(self.unit)}"
        left = self.eta_s
        if left is not None:
            text += f", {duration(left)} left"
        self.console.say(f"{self.description}: {text}")


class JsonProgress(_Meter):
    """One JSON object per line; see the module."""

    def __init__(self, console: Console, *, source: str | None, output: str | None) -> None:
        super().__init__(console, every_s=_JSON_EVERY_S)
        self.source, self.output = source, output

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Write the event ``start``."""
        super().start(total, unit, description)
        self.console.emit(
            "start",
            input=self.source,
            output=self.output,
            total=total,
            unit=unit,
            description=description,
        )

    def report(self) -> None:
        """Write the event ``progress``."""
        left = self.eta_s
        self.console.emit(
            "progress",
            input=self.source,
            done=self.done,
            total=self.total,
            unit=self.unit,
            fps=round(self.rate, 3),
            elapsed_s=round(self.elapsed_s, 3),
            eta_s=None if left is None else round(left, 1),
        )

    def close(self) -> None:
        """Write the last event ``progress``."""
        if self._running:
            self.report()
        super().close()


class BarProgress(MessageProgress):
    """A tqdm bar with frames, fps and the time left; it is gone when the job is done."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar: Any = None
        self._per_second = ""

    def start(self, total: int | None, unit: str, description: str) -> None:
        """Show an empty bar; a bar that is there is replaced."""
        from tqdm import tqdm

        self.close()
        self._per_second = _per_second(unit)
        tqdm.monitor_interval = 0  # no watchdog thread: each update reads the clock anyway
        with self.console.lock:
            bar = self._bar = tqdm(
                total=total,
                desc=shorten(printable(description), 32),
                file=self.console.stream,
                unit="B" if unit == "bytes" else " " + unit,
                unit_scale=unit == "bytes",
                bar_format=None if unit == "bytes" else _bar_format(total, unit),
                **_width(self.console),
                leave=False,
                miniters=1,
            )
            self.console.attach_bar(
                lambda: bar.clear(nolock=True), lambda: bar.refresh(nolock=True)
            )

    def advance(self, n: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            with self.console.lock:
                rate = self._bar.format_dict["rate"]
                # tqdm shows seconds per frame where frames are slow; for films fps are usual.
                shown = "?" if rate is None else f"{rate:.2f}"
                self._bar.set_postfix_str(f"{shown} {self._per_second}", refresh=False)
                self._bar.update(n)

    def skip(self, n: int) -> None:
        """Move the bar without taking it for speed."""
        if self._bar is not None:
            with self.console.lock:
                self._bar.initial += n
                self._bar.update(n)

    def close(self) -> None:
        """Wipe the bar."""
        if self._bar is not None:
            with self.console.lock:
                self.console.detach_bar()
                self._bar.close()
            self._bar = None


def _width(console: Console) -> dict[str, Any]:
    """Follow the terminal's width, unless it is reported as 0 (containers, serial lines)."""
    try:
        known = os.get_terminal_size(console.stream.fileno()).columns > 0
    except (OSError, ValueError):
        known = False
    return {"dynamic_ncols": True} if known else {"ncols": 80}


def _bar_format(total: int | None, unit: str) -> str:
    """The layout in tqdm's words; ``postfix`` is the units per second."""
    if total is None:
        return f"{{desc}}: {{n_fmt}} {unit} [{{elapsed}}{{postfix}}]"
    return (
        f"{{desc}}: {{percentage:3.0f}}%|{{bar}}| {{n_fmt}}/{{total_fmt}} {unit} "
        "[{elapsed}<{remaining}{postfix}]"
    )


def _per_second(unit: str) -> str:
    return "fps" if unit == "frames" else f"{unit}/s"
