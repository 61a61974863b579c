"""Break media files in thousands of ways, run vidcolor on each, and say what became of it.

From the project's folder, with what is installed in this Python's environment (Linux)::

    python checks survive/mutations --made ../shared/media/odd ../shared/media/photos --count 2000
    python checks survive/mutations --made --only 'h264.mp4' --mutation 'lie-*' --keep broken/

Sources are files, folders, and with ``--made`` tiny clips and photos made on the spot. Each is
broken by all of ``mutate.py``; ``--count`` takes that many of all, evenly, by ``--seed``. Worker
processes run the program; one that crashes, hangs or takes too much memory is restarted, and that
is a fault.

An outcome is good if it is one of

- "ok": exit 0, and as many frames, at the same times, as plain PyAV decodes from the same file with
  one thread or several (a photo: of the same size);
- "refused": exit 1, one line that says why, nothing written, and plain PyAV or Pillow can't decode
  it either;
- "declined": the same for a photo that Pillow does load, mostly grey from the damage on.

All else is a fault: "TRACEBACK", "CRASH", "TIME-OUT", "MEMORY", "LEFTOVER", "COUNT", "TIMING",
"SILENT", and "REFUSED" where it can be decoded. Exit code 1 if there is any.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from shared.files import media_files
from shared.running import parse_with_extra
from shared.small_clips import make_sources
from survive.mutate import Mutation, mutations_of
from survive.workers import Worker

Row = dict[str, Any]

BOUND_MB = 1500
"""Memory that one file may take above an idle process."""
TIMEOUT_S = 30.0
"""Processor time for one file."""
_TOLERANCE_S = Fraction(1, 1000)
"""A container's unit of time may be a millisecond (Matroska)."""
_PHOTOS = {
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".jp2", ".avif", ".heic", ".heif",
}  # fmt: skip
_GOOD = {"ok", "refused", "declined"}
_WORDS = ("-m", "compact", "-d", "cpu", "--render-factor", "2", "--progress", "none", "-y")


@dataclass(frozen=True)
class Case:
    """One broken file to be made."""

    source: Path
    mutation: Mutation

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.source.name} {self.mutation.name}"


def judge(row: Row, leftovers: Sequence[str]) -> str:
    """Name the outcome of one job."""
    if "fault" in row:
        return str(row["fault"])
    said = row["said"]
    if "Traceback" in said or "unexpected error" in said:
        return "TRACEBACK"
    if row["peak_mb"] > BOUND_MB:
        return "MEMORY"
    if leftovers or (row["exit"] != 0 and row["made"]):
        return "LEFTOVER"
    if row["exit"] == 0:
        return _judge_result(row["truth"], row["result"] or {})
    errors = [line for line in said.splitlines() if line.startswith("vidcolor: error:")]
    if row["exit"] != 1 or len(errors) != 1:
        return "SILENT"
    if row["of_photo"]:  # what libav shows of a photo's ruins is no film
        return "declined" if "photo" in row["truth"] else "refused"
    ways = (row["truth"].get("frames"), *row["truth"].get("ways", ()))
    return "REFUSED" if any(ways) else "refused"


def _judge_result(truth: Row, result: Row) -> str:
    if "photo" in result:
        return "ok" if truth.get("photo") in (result["photo"], None) else "COUNT"
    frames = result.get("frames") or []
    ways = [truth.get("frames") or [], *truth.get("ways", ())]
    outcomes = [_judge_frames(frames, wanted) for wanted in ways]
    return min(outcomes, key=("ok", "TIMING", "COUNT").index)


def _judge_frames(frames: list[str | None], wanted: list[str | None]) -> str:
    if len(frames) != len(wanted) or not frames:
        return "COUNT"
    return "ok" if _same_times(frames, wanted) else "TIMING"


def _same_times(frames: list[str | None], wanted: list[str | None]) -> bool:
    """Times since the first frame; only order where the source has none or in no order.

    Nor can containers that count milliseconds hold frames that are closer together.
    """
    if any(stamp is None for stamp in frames):
        return False
    times = [Fraction(stamp or 0) for stamp in frames]
    goal = [Fraction(stamp or 0) for stamp in wanted]
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    wanted_steps = [after - before for before, after in zip(goal, goal[1:], strict=False)]
    if None not in wanted and any(0 < step < _TOLERANCE_S for step in wanted_steps):
        return min(steps) >= 0
    if steps and min(steps) <= 0:
        return False
    if None in wanted or (wanted_steps and min(wanted_steps) <= 0):
        return True
    return all(
        abs((time - times[0]) - (at - goal[0])) <= _TOLERANCE_S
        for time, at in zip(times, goal, strict=True)
    )


def cases_of(sources: Sequence[Path], args: argparse.Namespace) -> list[Case]:
    """All cases, or ``--count`` of them: the same ones for the same seed and files."""
    cases = [
        Case(source, mutation)
        for source in sources
        for mutation in mutations_of(source, source.read_bytes())
        if fnmatch.fnmatch(mutation.name, args.mutation)
    ]
    order = random.Random(args.seed)
    order.shuffle(cases)
    return cases[args.skip :][: args.count] if args.count else cases[args.skip :]


def run_case(worker: Worker, case: Case, base: Path, args: argparse.Namespace) -> Row:
    """Make the broken file, run vidcolor on it, judge, tidy up."""
    with tempfile.TemporaryDirectory(dir=base) as name:
        out = Path(name) / "out"
        out.mkdir()
        broken = out / f"broken{case.source.suffix}"  # the result's default place is beside it
        data = case.source.read_bytes()
        broken.write_bytes(case.mutation.apply(data, seed=args.seed, source=case.source.name))
        began = time.monotonic()
        argv = [*_WORDS, *args.extra, "--", str(broken)]
        row = worker.run({"argv": argv, "source": str(broken), "folder": str(out)})
        row["of_photo"] = case.source.suffix.lower() in _PHOTOS
        row |= {"case": case.name, "seconds": round(time.monotonic() - began, 2)}
        leftovers = [path.name for path in out.rglob(".*")] + worker.strays()
        row["outcome"] = judge(row, leftovers)
        row["leftovers"] = leftovers
        if args.keep and not good(row):
            args.keep.mkdir(parents=True, exist_ok=True)
            kept = f"{case.source.stem}__{case.mutation.name}{case.source.suffix}"
            (args.keep / kept).write_bytes(broken.read_bytes())
    return row


def good(row: Row) -> bool:
    """Whether an outcome is as it should be."""
    return row["outcome"] in _GOOD


def find_sources(args: argparse.Namespace, base: Path) -> Iterator[Path]:
    """Files small enough to be broken a hundred times each."""
    made = make_sources(base / "made") if args.made else []
    for path in [*made, *media_files(args.sources)]:
        fits = 0 < path.stat().st_size <= args.max_kb * 1000
        if fits and fnmatch.fnmatch(path.name, args.only) and megapixels(path) <= args.max_mp:
            yield path


def megapixels(path: Path) -> float:
    """How much there is to decode, by the header; 0 where none can be read."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            film: Any = container.streams.best("video")
            seconds = (container.duration or 0) / av.time_base
            frames = film.frames or max(1.0, seconds * float(film.average_rate or 1))
            return float(film.width * film.height * frames / 1e6)
    except (av.FFmpegError, AttributeError, OSError):
        return 0.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("sources", nargs="*", type=Path, help="files and folders")
    parser.add_argument("--made", action="store_true", help="tiny clips and photos of our own too")
    parser.add_argument("--count", type=int, default=0, metavar="N", help="so many (0: all)")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="without the first ones")
    parser.add_argument("--seed", type=int, default=7, metavar="N")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only sources named like this")
    parser.add_argument("--mutation", default="*", metavar="GLOB", help="only these mutations")
    parser.add_argument("--max-kb", type=float, default=150, metavar="N", help="larger: left out")
    parser.add_argument("--max-mp", type=float, default=4, metavar="N", help="megapixels, likewise")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep broken files of faults here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append one line per case")
    return parse_with_extra(parser)


def main() -> int:
    """Run all cases; print faults as they come, and a summary."""
    args = _arguments()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        sources = list(find_sources(args, base))
        cases = cases_of(sources, args)
        print(f"{len(cases)} cases of {len(sources)} files, seed {args.seed}", flush=True)
        with Worker(base / "scratch", timeout_s=TIMEOUT_S, bound_mb=BOUND_MB) as worker:
            for number, case in enumerate(cases):
                row = run_case(worker, case, base, args)
                counts[row["outcome"]] += 1
                _tell(number, row, args)
    print("\n" + ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))
    return int(not set(counts) <= _GOOD)


def _tell(number: int, row: Row, args: argparse.Namespace) -> None:
    if args.json:
        with args.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    if not good(row):
        print(f"{number} {row['outcome']} {row['case']}: {summary(row)}", flush=True)


def summary(row: Row) -> str:
    """What is needed to understand a fault, on one line."""
    said = " ".join(str(row.get("said", "")).split())[-300:]
    truth, result = row.get("truth") or {}, row.get("result") or {}
    numbers = [len(each.get("frames") or []) for each in (truth, result)]
    return (
        f"exit {row.get('exit')}, frames {numbers}, {row.get('peak_mb', 0):.0f} MB, "
        f"{row.get('seconds')} s, {row['leftovers']}, {truth.get('error', '')} | {said}"
    )
