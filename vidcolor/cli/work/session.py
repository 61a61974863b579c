"""What every command needs: the console and the signals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.signals import Stop
from vidcolor.errors import OptionError


@dataclass
class Session:
    """One run of the program; click hands it to the commands as ``ctx.obj``.

    Attributes:
        console: where messages go.
        stop: whether a signal has come.
    """

    console: Console = field(default_factory=Console)
    stop: Stop = field(default_factory=Stop)

    def set_up_talk(
        self,
        *,
        verbose: int,
        quiet: bool,
        log_file: Path | None,
        media: Iterable[str] = (),
    ) -> None:
        """Apply ``-v``, ``-q`` and ``--log-file``.

        Args:
            verbose: count of ``-v``.
            quiet: errors only.
            log_file: gets everything.
            media: files that the log must not be appended to.

        Raises:
            OptionError: when the log file can't be written or is one of ``media``.
        """
        from vidcolor.cli.terminal.logging import set_up_logging
        from vidcolor.cli.work.jobs import identity

        if log_file is not None and identity(str(log_file)) in {identity(m) for m in media}:
            raise OptionError(f"--log-file {log_file}: is the input or output itself")
        set_up_logging(self.console, verbose=verbose, quiet=quiet, log_file=log_file)
