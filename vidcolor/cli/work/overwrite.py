"""Existing results: ask on a terminal, refuse elsewhere; ``-y`` and ``-n`` decide."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

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


def check_no_source(words: Sequence[str], output: str | None) -> None:
    """Refuse ``IN OUT`` where OUT is a source by all appearance: two files of a shell's ``*``.

    Raises:
        OptionError: it is; the message says how both meanings are written.
    """
    if output is not None or len(words) != 2 or not os.path.isfile(words[1]):
        return
    from vidcolor.media.results import may_be_source

    if may_be_source(words[1]):
        source, target = map(shlex.quote, words)
        raise OptionError(
            f"{words[1]}: exists and isn't a result of vidcolor, so it may be a source; to colorize"
            f" both: vidcolor -o DIR {source} {target}; to replace it:"
            f" vidcolor -y -o {target} {source}"
        )


def _skip(jobs: Sequence[Job], taken: set[str], console: Console) -> tuple[list[Job], set[str]]:
    """Leave out jobs whose result is there; another photograph's result gets another name."""
    from vidcolor.media.results import differ

    todo = []
    planned = {job.output for job in jobs}
    for job in jobs:
        target, number = job.output, 1
        if target not in taken:
            todo.append(job)
            continue
        while os.path.lexists(target) and job.kind == "image" and differ(job.source, target):
            number += 1
            while (target := _numbered(job.output, number)) in planned:
                number += 1
        if os.path.lexists(target) or number == 1:
            console.say(f"{target}: exists, skipped")
            continue
        console.say(f"{job.output}: shows another picture; {job.source} goes to {target}")
        planned.add(target)
        todo.append(replace(job, output=target))
    return todo, set()


def _numbered(output: str, number: int) -> str:
    path = Path(output)
    return str(path.with_stem(f"{path.stem}_{number}"))


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
