"""Existing results: ask on a terminal, refuse elsewhere; ``-y`` and ``-n`` decide."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.text import printable
from vidcolor.cli.work.jobs import Job, existing_outputs
from vidcolor.errors import OptionError, OutputExistsError


def settle(
    jobs: Sequence[Job], console: Console, *, overwrite: bool, no_clobber: bool
) -> tuple[list[Job], set[str]]:
    """Decide before any work begins: a long run must not stop at a question.

    Args:
        jobs: what is planned.
        console: where questions are asked; answers come from standard input.
        overwrite: ``-y``.
        no_clobber: ``-n``.

    Returns:
        The jobs to do, and the outputs that may be replaced.

    Raises:
        OptionError: when both switches are given.
        OutputExistsError: when the user said no, or can't be asked.
    """
    if overwrite and no_clobber:
        raise OptionError("-y and -n contradict each other")
    clashes = existing_outputs(jobs)
    folder = next((job.output for job in clashes if os.path.isdir(job.output)), None)
    if folder is not None:
        raise OptionError(f"{folder}: is a folder; the result needs the name of a file")
    taken = {job.output for job in clashes}
    if not clashes or overwrite:
        return list(jobs), taken
    if no_clobber:
        return _skip(jobs, taken, console)
    can_ask = sys.stdin is not None and sys.stdin.isatty() and console.stream.isatty()
    if not can_ask or any(job.source == "-" for job in jobs):
        raise OutputExistsError(_refusal(clashes, len(jobs)))
    if len(jobs) == 1:
        answer = _ask(console, f"{clashes[0].output} exists. Overwrite? [y/N] ")
        if answer in ("y", "yes"):
            return list(jobs), taken
        raise OutputExistsError(f"{clashes[0].output}: exists and was kept")
    question = f"{_some(clashes, len(jobs))}: [o]verwrite, [s]kip or [Q]uit? "
    answer = _ask(console, question)
    if answer in ("o", "overwrite"):
        return list(jobs), taken
    if answer in ("s", "skip"):
        return _skip(jobs, taken, console)
    raise OutputExistsError("nothing was done")


def _skip(jobs: Sequence[Job], taken: set[str], console: Console) -> tuple[list[Job], set[str]]:
    for output in sorted(taken):
        console.say(f"{output}: exists, skipped")
    return [job for job in jobs if job.output not in taken], set()


def _some(clashes: Sequence[Job], total: int) -> str:
    return f"{len(clashes)} of {total} results exist (the first is {clashes[0].output})"


def _refusal(clashes: Sequence[Job], total: int) -> str:
    if total == 1:
        return f"{clashes[0].output}: exists; -y overwrites it, -n skips"
    return f"{_some(clashes, total)}; -y overwrites them, -n skips them; nothing was done"


def _ask(console: Console, question: str) -> str:
    """Ask on stderr, since stdout is for data; the end of input is an empty answer."""
    console.stream.write(f"vidcolor: {printable(question)}")
    answer = sys.stdin.readline()
    if not answer:
        console.stream.write("\n")
    return answer.strip().lower()
