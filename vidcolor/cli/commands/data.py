"""``vidcolor data``: what is in a pool of photographs to train on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import log_options, progress_option
from vidcolor.cli.work.session import Session
from vidcolor.errors import OptionError, OutputError, OutputExistsError

if TYPE_CHECKING:
    from vidcolor.training.clean.pool import Looked

_FILE = click.Path(path_type=Path)
_RESULTS = "Results"
_LOOKING = "Looking"


@click.group(name="data", no_args_is_help=True)
@click.help_option("-h", "--help", help="Show this help.")
def data() -> None:
    """Look after photographs to train on."""


@data.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Find what is bad in a pool of photographs: broken files, drawings, black-and-white, "
    "toned and cast pictures, near duplicates; sort the others into clusters. SOURCE is a folder, "
    "a plain tar file or an index.csv. Nothing is changed: the result is a list for vidcolor "
    "train and a report to look at (docs/training.md).",
)
@click.argument("sources", nargs=-1, required=True, type=_FILE, metavar="SOURCE...")
@option(
    _RESULTS, "-o", "--list", "listing", type=_FILE, metavar="LIST.csv",
    help="Write a row for each photograph: kept or not, why, its cluster and figures. For --data.",
)  # fmt: skip
@option(
    _RESULTS, "--report", type=_FILE, metavar="REPORT.html",
    help="Write one HTML file with pictures of what goes and why, and of each cluster.",
)  # fmt: skip
@option(_RESULTS, "-y", "--overwrite", is_flag=True, help="Replace these files if they exist.")
@option(
    _LOOKING, "--split", default="train", metavar="NAME",
    help="Of an index.csv, look at rows of this split. Default: train.",
)  # fmt: skip
@option(
    _LOOKING, "--encoder", type=_FILE, metavar="FILE",
    help="ImageNet weights of the encoder (docs/training.md). Default: the encoder of compact.",
)  # fmt: skip
@option(
    _LOOKING, "--drop-outliers", is_flag=True,
    help="Also leave out photographs that are unlike all others; they are often good ones.",
)  # fmt: skip
@option(
    _LOOKING, "--threads", type=click.IntRange(1), default=2, metavar="N",
    help="Threads that decode. Default: 2.",
)  # fmt: skip
@option(_LOOKING, "--seed", type=click.IntRange(0), default=0, metavar="N", help="Of the clusters.")
@option(
    _LOOKING, "-d", "--device", default="auto", metavar="DEVICE",
    help="Where the encoder runs. Default: the best there is.",
)  # fmt: skip
@progress_option
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def clean(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Look at all, and write list and report."""
    outputs = [path for path in (values["listing"], values["report"]) if path is not None]
    session.set_up_talk(
        verbose=values["verbose"], quiet=values["quiet"], log_file=values["log_file"],
        media=[str(path) for path in (*values["sources"], *outputs)],
    )  # fmt: skip
    _check(values["sources"], outputs, overwrite=values["overwrite"])
    if values["listing"] is not None and values["listing"].suffix.lower() != ".csv":
        raise OptionError(
            f"--list {values['listing']}: vidcolor train takes lists that end in .csv"
        )
    from vidcolor.training.clean.extra import require_extra

    require_extra()
    looked = _look(session, values)
    if values["listing"] is not None:
        from vidcolor.training.clean.listing import write_list

        write_list(values["listing"], looked, split=values["split"])
    if values["report"] is not None:
        from vidcolor.training.clean.report import write_report

        write_report(values["report"], looked, [str(source) for source in values["sources"]])
    _say(session, looked, outputs)


def _check(sources: Sequence[Path], outputs: Sequence[Path], *, overwrite: bool) -> None:
    for path in outputs:
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}; make it first")
        if path.is_dir():
            raise OptionError(f"{path}: is a folder; give the name of a file")
        if path.exists() and any(path.samefile(s) for s in sources if s.exists()):
            raise OptionError(f"{path}: is a source itself; give another name")
        if path.exists() and not overwrite:
            raise OutputExistsError(f"{path}: exists; -y replaces it")
    if len({path.resolve() for path in outputs}) < len(outputs):
        raise OptionError("--list and --report name the same file")


def _look(session: Session, values: dict[str, Any]) -> list[Looked]:
    from vidcolor.data.sources import list_entries
    from vidcolor.models.running.device import resolve_device
    from vidcolor.training.clean.embedding import load_embedder
    from vidcolor.training.clean.pool import Cleaner

    entries = [e for s in values["sources"] for e in list_entries(s, split=values["split"])]
    progress = make_progress(values["progress"], session.console, source=str(values["sources"][0]))
    try:
        embed = load_embedder(values["encoder"], resolve_device(values["device"]))
        cleaner = Cleaner(
            embed, progress, threads=values["threads"], drop_outliers=values["drop_outliers"],
            seed=values["seed"],
        )  # fmt: skip
        return cleaner.clean(entries)
    finally:
        progress.close()


def _say(session: Session, looked: Sequence[Looked], outputs: Sequence[Path]) -> None:
    from vidcolor.training.clean.clusters import NOISE
    from vidcolor.training.clean.pool import counts

    left = counts(looked)
    for path in outputs:
        session.console.say(f"wrote {path}")
    why = ", ".join(f"{reason} {n}" for reason, n in left.most_common())
    clusters = {one.cluster for one in looked if not one.reason} - {NOISE}
    session.console.say(
        f"{len(looked)} photographs, {len(looked) - left.total()} kept, in {len(clusters)} clusters"
        + (f"; left out: {why}" if why else "")
    )
