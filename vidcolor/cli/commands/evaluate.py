"""``vidcolor eval PATH...``: models against colour photographs or films."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.words.flags import in_flags
from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import (
    MODEL,
    OUTPUT,
    PART,
    colorize_options,
    compute_options,
    log_options,
    look_options,
    perceptual_option,
    photo_options,
    progress_option,
)
from vidcolor.cli.work.session import Session
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import Progress
from vidcolor.errors import OptionError, OutputError, OutputExistsError

if TYPE_CHECKING:
    from vidcolor.evaluation.measures.perceptual import Backbones
    from vidcolor.evaluation.measures.scores import Scores
    from vidcolor.evaluation.report.document import Section
    from vidcolor.evaluation.report.gallery import Gallery

logger = logging.getLogger(__name__)

_FILE = click.Path(path_type=Path)


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Make colour photographs or films grey, colorize them, and write to standard output how "
    "far the results are from the originals. PATH is a folder, a tar file, a photo or a film; "
    "docs/evaluation.md explains the figures.",
)
@click.argument("paths", nargs=-1, required=True, type=_FILE, metavar="PATH...")
@option(
    PART,
    "--against",
    type=_FILE,
    multiple=True,
    metavar="RESULT",
    help="Compare the one film PATH with this film, colorized by whatever, frame by frame. May be "
    "given several times; models then run only if -m names them.",
)
@option(
    PART,
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="Stop after that many photographs, or frames of each film.",
)
@option(OUTPUT, "--json", "as_json", is_flag=True, help="Write the figures as one JSON object.")
@option(
    OUTPUT,
    "--report",
    type=_FILE,
    metavar="FILE.html",
    help="Write one HTML file: the table, pictures side by side, flicker strips.",
)
@option(OUTPUT, "-y", "--overwrite", is_flag=True, help="Replace the report if it exists.")
@option(
    MODEL,
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME|PATH",
    help="What to measure; may be given several times. Default: what would be used.",
)
@compute_options
@look_options
@photo_options
@perceptual_option
@option(
    "Measuring",
    "--backbones",
    type=_FILE,
    metavar="DIR",
    help="Where those backbones are. Default: torch hub's cache.",
)
@option(
    "Measuring",
    "--raft",
    type=_FILE,
    metavar="FILE",
    help="Find motion by RAFT with these weights of torchvision's. Default: OpenCV's DIS.",
)
@option(
    "Measuring",
    "--damage",
    is_flag=True,
    help="Draw damage on the grey of photographs, or dust and scratches on films, and measure how "
    "well --repair mends it; nothing is colorized.",
)
@progress_option
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def evaluate(session: Session, /, **values: Any) -> None:  # noqa: ANN401 - click's parameters by name
    """Measure, and print the figures."""
    paths: list[Path] = list(values["paths"])
    against: list[Path] = list(values["against"])
    options = colorize_options(values)
    session.set_up_talk(
        verbose=values["verbose"],
        quiet=values["quiet"],
        log_file=values["log_file"],
        media=[str(path) for path in (*paths, *against)],
    )
    from vidcolor.evaluation.inputs import kind_of, load_contenders
    from vidcolor.evaluation.measures.perceptual import find_backbones

    _check(paths, against, values)
    _check_downloads(values["perceptual"], options)
    models = list(values["models"]) or ([] if against else ["auto"])
    kind = kind_of(paths)
    if values["damage"]:
        from vidcolor.cli.work.damage import measure_repair

        measure_repair(session, paths, kind, values)
        return
    if against and kind != "video":
        raise OptionError("--against compares films: PATH must be one")
    if kind == "video":
        _check_films(values)
    progress = make_progress(values["progress"], session.console)
    try:
        backbones = find_backbones(values["perceptual"], values["backbones"])
        for note in backbones.notes:
            progress.message(in_flags(note))
        contenders = load_contenders(models, kind, options, progress)
        contest = _Contest(paths, values, options, backbones, progress)
        if kind == "image":
            contest.photos(contenders)
        else:
            contest.films(contenders, against)
    finally:
        progress.close()
    contest.say()


def _check(paths: Sequence[Path], against: Sequence[Path], values: dict[str, Any]) -> None:
    if against and len(paths) != 1:
        raise OptionError("--against needs exactly one film as PATH")
    report: Path | None = values["report"]
    if report is not None and not report.parent.is_dir():
        raise OutputError(f"{report}: there is no folder {report.parent}; make it first")
    if report is not None and report.is_dir():
        raise OptionError(f"{report}: is a folder; the report needs the name of a file")
    if report is not None and report.exists() and not values["overwrite"]:
        raise OutputExistsError(f"{report}: exists; -y replaces it")


def _check_films(values: dict[str, Any]) -> None:
    for name in ("half", "wear"):
        if values[name] is not None:
            raise OptionError(f"--{name} is for photographs, and these are films")


def _check_downloads(perceptual: str, options: ColorizeOptions) -> None:
    from vidcolor.models.weights.store import is_offline

    if perceptual == "download" and is_offline(options.offline):
        raise OptionError(
            "--perceptual download: --offline (or VIDCOLOR_OFFLINE) forbids it; --perceptual found "
            "takes what is there"
        )


class _Contest:
    """One run: what is measured, and how it is shown."""

    def __init__(
        self, paths: list[Path], values: dict[str, Any], options: ColorizeOptions,
        backbones: Backbones, progress: Progress,
    ) -> None:  # fmt: skip
        self._paths, self._values, self._options = paths, values, options
        self._backbones, self._progress = backbones, progress
        self._rows: list[Scores] = []
        self._sections: list[Section] = []
        self._head: list[tuple[str, str]] = []
        self._clips: list[dict[str, Any]] = []
        self._own = 0  # rows before the first contender's

    def photos(self, contenders: list[Any]) -> None:
        """Measure photographs."""
        from vidcolor.cli.work.jobs import IMAGE_SUFFIXES
        from vidcolor.evaluation.inputs import PhotoFiles
        from vidcolor.evaluation.photos import evaluate_photos
        from vidcolor.evaluation.report.document import Section
        from vidcolor.evaluation.report.gallery import Gallery
        from vidcolor.evaluation.worn import Wear

        gallery: Gallery | None = Gallery() if self._values["report"] else None
        strength: float | None = self._values["wear"]
        wear = None if strength is None else Wear(strength, self._values["seed"])
        half = self._values["half"]
        self._rows = evaluate_photos(
            PhotoFiles(self._paths, self._values["limit"], half, IMAGE_SUFFIXES), contenders,
            options=self._options, backbones=self._backbones, wear=wear, gallery=gallery,
            progress=self._progress,
        )  # fmt: skip
        self._own = 2
        self._head = [("photographs", str(self._rows[0].ab.pictures))]
        self._head += [("of the half to", half)] if half else []
        self._head += [("worn, strength and seed", f"{wear.strength}, {wear.seed}")] if wear else []
        true = self._rows[0].ab.colourfulness_truth
        self._head.append(("colourfulness of the truth", f"{true:.1f}"))
        self._sections = [Section("Figures", self._rows, gallery.rows if gallery else ())]

    def films(self, contenders: list[Any], against: list[Path]) -> None:
        """Measure films, each by itself; the table shows their means."""
        from vidcolor.evaluation.film import evaluate_film
        from vidcolor.evaluation.measures.scores import mean_scores
        from vidcolor.evaluation.report.document import Section
        from vidcolor.temporal.flow import FlowEstimator

        raft: Path | None = self._values["raft"]
        device = str(contenders[0].model.device) if contenders else "cpu"
        flow = (
            FlowEstimator("raft", weights=raft, device=device)
            if raft
            else FlowEstimator(preset="medium")
        )
        reports = [
            evaluate_film(
                path, contenders, flow_of=flow, against=against, options=self._options,
                limit=self._values["limit"], backbones=self._backbones, progress=self._progress,
            )
            for path in self._paths
        ]  # fmt: skip
        self._own = 3
        self._rows = [
            mean_scores(list(same)) for same in zip(*(r.rows for r in reports), strict=True)
        ]
        frames = sum(report.frames for report in reports)
        self._head = [("films", str(len(reports))), ("frames", str(frames))]
        self._clips = [
            {"path": str(r.path), "frames": r.frames, "rows": [row.flat() for row in r.rows]}
            for r in reports
        ]
        self._sections = [Section(r.path.name, r.rows, r.shown, r.strips) for r in reports]
        if len(reports) > 1:
            self._sections.insert(0, Section("Means of all films", self._rows))

    def say(self) -> None:
        """Print the figures, then write the report, so that a full disk doesn't lose them."""
        from vidcolor.evaluation.report.table import text_table

        if self._values["as_json"]:
            click.echo(json.dumps(self._as_json()))
        else:
            click.echo(text_table(self._rows, head=self._head))
        self._write_report()

    def _as_json(self) -> dict[str, Any]:
        """The first contender's figures on top, all rows beneath."""
        first = self._rows[self._own].flat()
        model = first.pop("name")
        said = {"model": model, **first, "rows": [row.flat() for row in self._rows]}
        if self._clips:
            said["films"] = self._clips
        return {**said, "skipped": list(map(in_flags, self._backbones.notes))}

    def _write_report(self) -> None:
        from vidcolor.evaluation.report.document import Report, write_report

        path: Path | None = self._values["report"]
        if path is None:
            return
        what = "photographs" if self._own == 2 else "films"
        names = ", ".join(each.name or str(each) for each in self._paths)
        title = (
            f"Colours of {names}" if len(names) < 90 else f"Colours of {len(self._paths)} {what}"
        )
        facts = [f"{value} {label}" for label, value in self._head if label in (what, "frames")]
        notes = tuple(map(in_flags, self._backbones.notes))
        write_report(path, Report(title, facts, self._sections, notes))
        self._progress.message(f"wrote {path}")
