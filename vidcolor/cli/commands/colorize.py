"""``vidcolor IN [OUT]``: the main job."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from vidcolor import __version__
from vidcolor.cli.words.help import RootCommand, option
from vidcolor.cli.words.options import (
    OUTPUT,
    colorize_options,
    date_option,
    encode_options,
    input_options,
    jobs_options,
    log_options,
    look_options,
    model_options,
    overwrite_options,
    progress_option,
    report_option,
    resume_option,
)
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import Option, OptionError, OutputExistsError

if TYPE_CHECKING:
    from vidcolor.cli.work.report import Report

_EPILOG = """\
\b
Examples:
  vidcolor film.mp4                        writes film_color.mp4, sound and subtitles copied
  vidcolor photo.jpg out.png               photos too; the content decides what a file is
  vidcolor -o results reels/ portrait.tif  folders and files, results named *_color
  vidcolor scan_%06d.dpx out.mov --fps 18 --video-codec prores_ks
  vidcolor film.mp4 --start 1:30 --end 2:00 --compare try.mp4
  cat film.mkv | vidcolor - - > out.mkv    standard input and output

\b
Exit codes: 0 done, 1 an input failed, 2 usage or refused overwrite, 3 weights,
129 terminal gone, 130 interrupted, 143 terminated.
"""


@click.command(
    cls=RootCommand,
    epilog=_EPILOG,
    context_settings={"max_content_width": 100},
    help="Colorize black-and-white films and photographs.\n\n"
    "OUT is by default IN's name with _color; - is standard input or output.",
)
@click.argument("words", nargs=-1, metavar="IN [OUT]")
@option(
    OUTPUT,
    "-o",
    "--output",
    metavar="PATH",
    help="Where results go: a folder, made if needed (subfolders are kept), or for one input a "
    "file.",
)
@overwrite_options
@resume_option
@date_option
@model_options
@jobs_options
@look_options
@input_options
@encode_options
@progress_option
@report_option
@log_options
@click.version_option(__version__, message="vidcolor %(version)s", help="Show the version.")
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def colorize(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Set up messages and report, then plan, ask, run."""
    options = colorize_options(values)
    words, output = values["words"], values["output"]
    named = (*words, *([output] if output else []))
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=named,
    )
    if values["report"] is None:
        return _work(session, values, options, None)
    from vidcolor.cli.work.report import Report

    report = Report(values["report"], options, named)
    with report.written(session.stop) as outcome:
        outcome[0] = _work(session, values, options, report)
    return outcome[0]


def _work(
    session: Session, values: dict[str, Any], options: ColorizeOptions, report: Report | None
) -> int:
    """Plan, ask, run; the exit code."""
    from vidcolor.cli.work.jobs import make_plan, scans_in
    from vidcolor.cli.work.overwrite import check_no_source, settle
    from vidcolor.cli.work.parallel import ParallelRunner, chosen, is_piped, say_forecast
    from vidcolor.cli.work.runner import Runner

    words: tuple[str, ...] = values["words"]
    output: str | None = values["output"]
    where = chosen(values["jobs"], values["cluster"], options.device, ship=values["ship"])
    plan = make_plan(words, output, decoder=options.decoder)
    check_no_source(words, output)
    _spare_terminal([job.output for job in plan.jobs])
    _check_masks(options, len(plan.jobs), overwrite=values["overwrite"])
    again = options.only_shots is not None
    if again and [job.kind for job in plan.jobs] != ["video"]:
        raise OptionError("is for one film", option="only_shots")
    jobs, replaceable = settle(
        plan.jobs,
        session.console,
        overwrite=values["overwrite"] or again,  # it goes into the result that is there
        no_clobber=values["no_clobber"],
    )
    if report is not None:
        report.plan(plan.jobs, skipped=set(plan.jobs).difference(jobs))
    for note in plan.notes:
        session.console.say(note)
    if plan.passed_over:
        session.console.say(f"left out: {plan.passed_over} called *_color, as results are")
    for pattern, number in scans_in(jobs):
        session.console.say(
            f"{pattern}: {number} photos, each colorized for itself; if this is a film: "
            f"vidcolor '{pattern}' OUT.mov --fps 18"
        )
    if not jobs:
        if not plan.jobs:
            raise OptionError(f"no photo or film in {', '.join(words)}")
        return 0
    runner = Runner(
        session, options,
        mode=values["progress"], replaceable=replaceable, report=report,
        no_clobber=values["no_clobber"],
        finds_directions=values["direction"] is None,
    )  # fmt: skip
    if values["dry_run"]:
        return say_forecast(runner, jobs, where)
    # The film of masks is written in order, by one worker; a directed film by one process.
    together = options.mask is not None or is_piped(jobs) or again or runner.is_directed(jobs)
    if where is not None and not together and where.shares_out(jobs, options):
        return ParallelRunner(runner, where).run(jobs, is_batch=plan.is_batch)
    return runner.run_batch(jobs) if plan.is_batch else runner.run_one(jobs[0])


def _check_masks(options: ColorizeOptions, jobs: int, *, overwrite: bool) -> None:
    """Refuse masks that would be of several inputs, or replace what nobody allowed to replace."""
    for name in ("mask", "repair_mask"):
        if jobs > 1 and getattr(options, name) is not None:
            raise OptionError("is of one input, and several are given", option=name)
    if options.mask is not None and options.mask.exists() and not overwrite:
        raise OutputExistsError(
            f"{options.mask}: exists already; ", Option("overwrite", True), " replaces it"
        )


def _spare_terminal(outputs: list[str]) -> None:
    """Refuse to write a film to the terminal."""
    if "-" in outputs and sys.stdout.isatty():
        raise OptionError("standard output is a terminal: name an output, or redirect it (> FILE)")
