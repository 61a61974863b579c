"""One HTML file that holds everything: table, pictures side by side, flicker strips.

Nothing is fetched: pictures are data URIs, there are no scripts and no fonts. Names come from
outside (files, folders, checkpoints), so every text is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from vidcolor import __version__
from vidcolor.evaluation.baselines import CONSTANT, GREY, TRUTH
from vidcolor.evaluation.measures.scores import Scores
from vidcolor.evaluation.report.gallery import Picture, Row
from vidcolor.evaluation.report.table import Figure, measured, shown, winner
from vidcolor.media.files.atomic import complete_file

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --dim: #777; --best: #2a7; }
@media (prefers-color-scheme: dark) { :root { --dim: #999; --best: #5d9; } }
body { font: 15px/1.45 system-ui, sans-serif }
body { max-width: 1500px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .3rem } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem }
h3 { font-size: 1rem; margin: 1.6rem 0 .5rem }
p, .dim { color: var(--dim) } p { max-width: 80ch; margin: .3rem 0 }
.scroll { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .9rem; text-align: right; border-bottom: 1px solid var(--line) }
thead th { vertical-align: bottom; border-bottom-width: 2px; overflow-wrap: anywhere }
tbody th { text-align: left; font-weight: 500; padding-left: 0 }
tbody tr:hover { background: var(--soft) }
tbody th small { display: block; font-weight: 400; color: var(--dim); max-width: 52ch }
td.best { font-weight: 700; color: var(--best) }
.row { display: flex; gap: .5rem; margin: 0 0 1.1rem; overflow-x: auto }
.row figure { flex: 1 1 0; min-width: 130px; max-width: 360px } figure { margin: 0 }
img { display: block; width: 100%; height: auto; border-radius: 3px; background: var(--soft) }
figcaption { font-size: .82rem; color: var(--dim); padding: .15rem 0; overflow-wrap: anywhere }
.name { font-size: .85rem; margin: 0 0 .2rem; overflow-wrap: anywhere }
.strips { display: flex; flex-wrap: wrap; gap: .7rem } .strips img { width: auto; max-width: 100% }
ul { padding-left: 1.2rem; color: var(--dim) }
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report: a table, and pictures to it.

    Attributes:
        title: such as the film's name.
        rows: of the table.
        shown: pictures side by side.
        strips: flicker strips; None for photographs.
    """

    title: str
    rows: Sequence[Scores]
    shown: Sequence[Row] = ()
    strips: Row | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the file says.

    Attributes:
        title: of the page.
        facts: lines beneath it, such as how many photographs.
        sections: the overall table first.
        notes: what was left out, and why.
    """

    title: str
    facts: Sequence[str]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=tuple)


def write_report(path: Path, report: Report) -> None:
    """Write the file, complete or not at all.

    Raises:
        OutputError: if it can't be written.
    """
    with complete_file(path) as part, part.open("w", encoding="utf-8") as file:
        file.writelines(html(report))


def html(report: Report) -> Iterable[str]:
    """The file's text, in parts."""
    title = escape(_safe(report.title))
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    yield f"<h1>{title}</h1>\n"
    yield f"<p>{' &middot; '.join(escape(_safe(fact)) for fact in report.facts)}"
    yield f" &middot; vidcolor {escape(__version__)}</p>\n"
    for section in report.sections:
        yield from _section(section)
    if report.notes:
        yield "<h2>Not measured</h2>\n<ul>"
        yield from (f"<li>{escape(_safe(note))}</li>" for note in report.notes)
        yield "</ul>\n"
    yield "</body>\n</html>\n"


def _section(section: Section) -> Iterable[str]:
    yield f"<h2>{escape(_safe(section.title))}</h2>\n"
    if section.rows:
        yield from _table(section.rows)
    if section.strips is not None and section.strips.pictures:
        yield "<h3>Flicker strips</h3>\n<p>The middle column of pixels of every frame (in long "
        yield "films of every second, fourth, ...), side by side: time runs to the right. Motion "
        yield "makes slopes, flicker makes combs.</p>\n"
        yield '<div class="strips">'
        for picture in section.strips.pictures:
            yield f"<figure>{_image(picture)}</figure>\n"
        yield "</div>\n"
    if section.shown:
        yield "<h3>Side by side</h3>\n"
    for row in section.shown:
        yield f'<div class="name">{escape(_safe(row.name))}</div>\n<div class="row">'
        yield from (f"<figure>{_image(picture)}</figure>" for picture in row.pictures)
        yield "</div>\n"


def _table(rows: Sequence[Scores]) -> Iterable[str]:
    contenders = [row for row in rows if row.name not in (TRUTH, GREY, CONSTANT)]
    yield '<div class="scroll"><table>\n<thead><tr><th></th>'
    yield from (f'<th scope="col">{escape(_safe(row.name))}</th>' for row in rows)
    yield "</tr></thead>\n<tbody>\n"
    for figure in measured(rows):
        best = winner(figure, contenders)
        yield f'<tr><th scope="row">{escape(figure.full)}{_arrow(figure)}'
        yield f"<small>{escape(figure.meaning)}</small></th>"
        for row in rows:
            mark = ' class="best"' if row is best else ""
            yield f"<td{mark}>{shown(figure, row)}</td>"
        yield "</tr>\n"
    yield "</tbody></table></div>\n"


def _arrow(figure: Figure) -> str:
    says = {
        "low": "&darr; lower is better", "high": "&uarr; higher is better",
        "one": "nearer 1 is better", "truth": "compare with the truth&rsquo;s own",
    }  # fmt: skip
    return f' <span class="dim">{says[figure.better]}</span>' if figure.better in says else ""


def _image(picture: Picture) -> str:
    data = base64.b64encode(picture.jpeg).decode("ascii")
    caption = escape(_safe(picture.caption))
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="{caption}" width="{picture.width}" '
        f'height="{picture.height}" loading="lazy"><figcaption>{caption}</figcaption>'
    )


def _safe(text: str) -> str:
    """Bytes of file names that aren't UTF-8 come as lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
