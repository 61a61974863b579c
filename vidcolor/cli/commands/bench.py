"""``vidcolor bench [CLIP]``: how fast each stage and the whole are on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    ENCODE,
    MODEL,
    OUTPUT,
    colorize_options,
    compute_options,
    log_options,
    look_options,
)
from vidcolor.cli.work.session import Session

if TYPE_CHECKING:
    from vidcolor.bench.run import BenchPlan

_SIZE = re.compile(r"(\d{1,5})[xX](\d{1,5})", re.ASCII)
_SIDES = range(32, 16385)


class SizeParam(click.ParamType[tuple[int, int]]):
    """A frame's size such as ``640x480``, in even numbers."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Parse; ``click.BadParameter`` when it is no size that a film can have."""
        match = _SIZE.fullmatch(str(value))
        if match is None:
            self.fail(f"{value!r} is not a size: use WIDTHxHEIGHT, such as 640x480", param, ctx)
        width, height = int(match[1]), int(match[2])
        if width % 2 or height % 2 or width not in _SIDES or height not in _SIDES:
            self.fail(f"{value!r}: both sides must be even, 32 to 16384", param, ctx)
        return width, height


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Measure how fast this machine colorizes: each stage alone, and all together. CLIP is a "
    "film; without it, a synthetic film is used. The figures go to standard output.",
)
@click.argument("clip", required=False, type=click.Path(path_type=Path), metavar="[CLIP]")
@option(
    MODEL, "-m", "--model", "models", multiple=True, metavar="NAME|PATH",
    help="May be given several times. A model that isn't installed is measured with random "
    "weights: its speed is the same. Default: compact.",
)  # fmt: skip
@compute_options
@option(
    MODEL, "--size", "sizes", type=SizeParam(), multiple=True, metavar="WxH",
    help="Frame size, scaled to; may be given several times. Default: the clip's, else 640x480.",
)  # fmt: skip
@option(
    MODEL, "--frames", type=click.IntRange(2, 10000), default=72, metavar="N",
    help="Frames of the film that are used, at most. Default: 72.",
)  # fmt: skip
@option(OUTPUT, "--json", "as_json", is_flag=True, help="Write all figures as one JSON object.")
@look_options
@option(ENCODE, "--video-codec", metavar="NAME", help="Encoder to measure. Default: libx264.")
@option(ENCODE, "--preset", metavar="NAME", help="Its preset. Default: by encoder.")
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def bench(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Measure, and print the figures case by case."""
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=[str(values["clip"])] if values["clip"] else [],
    )
    from vidcolor.bench.run import DEFAULT_MODEL, BenchPlan

    plan = BenchPlan(
        models=values["models"] or (DEFAULT_MODEL,), sizes=values["sizes"] or (None,),
        clip=values["clip"], frames=values["frames"], options=options,
    )  # fmt: skip
    _measure(session, plan, as_json=values["as_json"])


def _measure(session: Session, plan: BenchPlan, *, as_json: bool) -> None:
    from vidcolor.bench.report import BenchResult, case_lines, machine_lines
    from vidcolor.bench.run import machine_of, run_bench

    machine, cases = machine_of(plan.options), []
    if not as_json:
        click.echo("\n".join(machine_lines(machine)))
    for case in run_bench(plan, session.stop.check):
        cases.append(case)
        if not as_json:
            click.echo("\n" + "\n".join(case_lines(case)))
    if as_json:
        click.echo(BenchResult(machine, cases).as_json())
