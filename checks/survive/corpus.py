"""Run vidcolor on every file of some folders and say what became of each, as a Markdown table.

From the project's folder, with what is installed in this Python's environment::

    python checks survive/corpus ../shared/media/odd ../shared/media/photos
    python checks survive/corpus FOLDER --contact-sheet sheets -- --model compact --batch-size 4

What follows ``--`` goes to vidcolor. Results are checked with PyAV and Pillow by ``facts.py``,
which shares no code with vidcolor. Exit code 1 if any outcome is neither a result nor a clear
error.

Columns: `=` means equal. "outcome" is "ok", "refused" (one clear line and a non-zero exit) or a
fault: "TRACEBACK", "TIME-OUT", "NO RESULT", "LEFTOVER". "dL*" is the mean difference of lightness
between the source's grey and the result in a few frames; "C*" the mean chroma of the result.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from shared.files import media_files
from shared.running import Run, parse_with_extra, run
from survive.compare import Comparison, compare
from survive.sheet import join_sheets, write_sheet

COLUMNS = (
    "file",
    "outcome",
    "exit",
    "frames",
    "pts",
    "other streams",
    "first stamps",
    "properties",
    "dL*",
    "C*",
    "peak MB",
    "s",
    "said",
)
_GOOD = {"ok", "refused"}


def judge(source: Path, result: Run, made: list[Path]) -> tuple[str, Comparison]:
    """Name the outcome of one run, and compare what it made with its source."""
    if result.timed_out:
        return "TIME-OUT", Comparison()
    if "Traceback (most recent call last)" in result.stderr:
        return "TRACEBACK", Comparison()
    if result.exit_code != 0:
        return ("LEFTOVER" if made else "refused" if result.said else "SILENT"), Comparison()
    if len(made) != 1:
        return "NO RESULT" if not made else "LEFTOVER", Comparison()
    try:
        return "ok", compare(source, made[0])
    except Exception as error:  # any library's: the row must say it and the others go on
        return "ok", Comparison({"properties": f"not compared: {error}"[:120]})


def process(source: Path, folder: Path, args: argparse.Namespace) -> dict[str, str]:
    """Colorize one file into an empty folder; return its row of the table."""
    folder.mkdir(parents=True)
    quiet = ["--progress", "none", "-o", str(folder)]
    command = [*args.command.split(), *quiet, *args.extra, "--", str(source.absolute())]
    result = run(command, timeout_s=args.timeout)
    made = [p for p in folder.rglob("*") if p.is_file()]
    outcome, found = judge(source, result, made)
    if args.contact_sheet and found.pairs:
        parts = (source.parent.name, source.name)
        name = "__".join(parts).replace(" ", "_") + ".png"
        with contextlib.suppress(ValueError):  # a 1 x 1 video can't be shown
            write_sheet(args.contact_sheet / name, found.pairs, source.name)
    return {
        "file": f"{source.parent.name}/{source.name}",
        "outcome": outcome,
        "exit": str(result.exit_code),
        "peak MB": f"{result.peak_mb:.0f}",
        "s": f"{result.seconds:.1f}",
        "said": result.said.replace(str(source.absolute()), source.name)[:200],
        **found.columns,
    }


def markdown_row(row: dict[str, str]) -> str:
    """One line of the table."""
    cells = (row.get(name, "").replace("|", "\\|") for name in COLUMNS)
    return "| " + " | ".join(cells) + " |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders, or single files")
    parser.add_argument("--out", type=Path, help="keep the results here (default: thrown away)")
    parser.add_argument("--contact-sheet", type=Path, metavar="DIR", help="write PNG sheets here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table as JSON too")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only files named like this")
    parser.add_argument("--timeout", type=float, default=900, metavar="S", help="for each file")
    parser.add_argument("--command", default=f"{sys.executable} -m vidcolor", help="what to run")
    return parse_with_extra(parser)


def main() -> int:
    """Run everything, print the table as it grows and a summary at the end."""
    args = _arguments()
    if args.contact_sheet:
        args.contact_sheet.mkdir(parents=True, exist_ok=True)
    rows = []
    print(markdown_row({name: name for name in COLUMNS}))
    print("|" + "---|" * len(COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        base = args.out or Path(temporary)
        for number, source in enumerate(media_files(args.folders, args.only)):
            rows.append(process(source, base / f"{number:03d}", args))
            print(markdown_row(rows[-1]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    if args.contact_sheet:
        join_sheets(args.contact_sheet, args.contact_sheet / "overview.png")
    counts = {o: sum(r["outcome"] == o for r in rows) for o in sorted({r["outcome"] for r in rows})}
    print("\n" + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return int(not set(counts) <= _GOOD)
