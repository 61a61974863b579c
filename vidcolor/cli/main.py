"""The entry point: arguments in, exit code out.

Exit codes: 0 done, 1 an input failed, 2 usage or refused overwrite, 3 weights, 129 hung up
(the terminal is gone), 130 interrupted (Ctrl-C), 143 terminated. Imports nothing heavy: ``--help``
is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from vidcolor.cli.commands.colorize import colorize
from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.errors import report
from vidcolor.cli.terminal.memory import keep_freed_memory
from vidcolor.cli.terminal.signals import Stop
from vidcolor.cli.terminal.streams import escape_unwritable, hold_standard_streams
from vidcolor.cli.words.help import DefaultGroup
from vidcolor.cli.work.session import Session
from vidcolor.errors import InputError

cli = DefaultGroup(
    name="vidcolor",
    default=colorize,
    lazy={
        "info": (
            "vidcolor.cli.commands.info:info",
            "Show what is in files, and what would be done.",
        ),
        "preview": (
            "vidcolor.cli.commands.preview:preview",
            "Make a picture of a few frames, grey and result.",
        ),
        "compare": (
            "vidcolor.cli.commands.compare:compare",
            "Show what several models make of the same pictures.",
        ),
        "shots": (
            "vidcolor.cli.commands.shots:shots",
            "List a film's shots: table, JSON, CSV, EDL, OTIO, contact sheet.",
        ),
        "weights": (
            "vidcolor.cli.commands.weights:weights",
            "List, fetch, check and find model weights.",
        ),
        "train": ("vidcolor.cli.commands.train:train", "Train a network."),
        "data": (
            "vidcolor.cli.commands.data:data",
            "Find what is bad in photographs to train on.",
        ),
        "bench": ("vidcolor.cli.commands.bench:bench", "Measure how fast this machine colorizes."),
        "studio": (
            "vidcolor.cli.commands.studio:studio",
            "Open vidcolor as a page in the browser.",
        ),
        "eval": (
            "vidcolor.cli.commands.evaluate:evaluate",
            "Measure a model against true colours.",
        ),
    },
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: the words after the program's name; ``sys.argv``'s by default.

    Returns:
        The exit code.
    """
    hold_standard_streams()
    escape_unwritable()
    words = list(sys.argv[1:] if argv is None else argv)
    session = Session(Console(as_json=_wants_json(words)), Stop())
    # OpenCV logs to stderr about pictures that it can't decode; vidcolor reports those itself.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    # OpenMP's threads spin while they wait, and take the cores from decoder and encoder: on a busy
    # machine that costs a factor of ten and more. OpenMP reads this when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    exit_code = 1
    try:
        with session.stop:
            exit_code = _run(words, session)
    except BaseException as error:  # noqa: BLE001 - no traceback reaches the user
        exit_code = _report(error, session)
    finally:
        exit_code = _finish(exit_code)
    return exit_code


def _run(words: list[str], session: Session) -> int:
    try:
        _check_current_folder()
        # Not cli.main(): that one writes to stderr by itself.
        with cli.make_context("vidcolor", words, obj=session) as context:
            outcome = cli.invoke(context)
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        session.console.raw(error.format_message() + "\n")
        return error.exit_code
    except (Exception, KeyboardInterrupt) as error:
        if _is_broken_pipe(error):
            return 1  # the reader of standard output has gone; a message would not reach it
        return _report(error, session)
    return outcome if isinstance(outcome, int) else 0


def _report(error: BaseException, session: Session) -> int:
    """Write an error; the exit code, after a signal that signal's."""
    exit_code = report(error, session.console)
    return session.stop.exit_code if session.stop.signum and exit_code == 130 else exit_code


def _check_current_folder() -> None:
    """Refuse to work in a folder that was removed: relative names fail, and MKL crashes."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise InputError("the current folder was removed: change to one that exists") from None


def _is_broken_pipe(error: BaseException | None) -> bool:
    """Whether ``error``, or its cause, is that the reader of standard output has gone."""
    while error is not None:
        if isinstance(error, BrokenPipeError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _finish(exit_code: int) -> int:
    """Flush standard output here: a closed pipe must not fail at interpreter exit."""
    from vidcolor.cli.terminal.logging import close_logging

    close_logging()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        exit_code = exit_code or 1
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.close(sink)
    return exit_code


def _wants_json(words: Sequence[str]) -> bool:
    """Whether usage errors have to be JSON too; click hasn't parsed the arguments yet."""
    pairs = zip(words, words[1:], strict=False)
    return "--progress=json" in words or ("--progress", "json") in pairs
