"""Kill runs at random moments until they are through, and compare with runs that nobody cut off.

::

    python checks endure/resume FILMS_OR_FOLDERS --kills 4 -- --render-factor 2 --end 3
    python checks endure/resume FILM --suffix .webm -- --video-codec libvpx-vp9
    python checks endure/resume scan_%04d.png --suffix .png -- --fps 24

Each film is colorized in one go, then by runs that get SIGKILL at random moments, every second time
only after they have finished a span, and once with ``--no-resume``. The first two have to be the
same bytes; where they aren't, packets and decoded frames tell whether it is more than the
container. Against the third, the spliced picture must have the same frames at the same times, in an
order that decodes, and all other streams the same packets. What follows ``--`` goes to vidcolor.
Exit code 1 if something differs or is left behind. POSIX only.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

import av
from shared.running import parse_with_extra

_PRELOADED = ["vidcolor.engine.video", "vidcolor.models.loading", "vidcolor.cli.main"]
Row = tuple[int | None, int | None, str]
"""Presentation and decoding time, and a hash."""


@dataclass
class Outcome:
    """What became of one film.

    Attributes:
        verdict: identical, frame-identical, different, or refused (the unbroken run failed).
        kills: runs that were killed before they were through.
        kept: frames of each run that goes on which an earlier one had finished.
        faults: what isn't as it has to be.
    """

    verdict: str
    kills: int = 0
    kept: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def work(words: Sequence[str], least: int, most: int, errors: Path) -> None:
    """The command, with short spans, in a process of its own; its stderr goes to a file."""
    from vidcolor.cli.main import main as vidcolor
    from vidcolor.engine.shots.plan import SpanRules
    from vidcolor.engine.video import colorize_video

    with open(errors, "wb") as file:
        os.dup2(file.fileno(), 2)
    defaults = colorize_video.__kwdefaults__
    assert defaults is not None
    defaults["spans"] = SpanRules(least, most, warm_up=most // 2, run_out=most // 4, settle=2)
    sys.exit(vidcolor(words))


class Runs:
    """Runs of one film."""

    def __init__(self, context: ForkServerContext, args: argparse.Namespace, film: str) -> None:
        self._context, self._args, self._film = context, args, film

    def run(
        self, output: Path, *words: str, kill_after_s: float | None = None, waits: bool = False
    ) -> int | None:
        """One run; its exit code, None if it was killed.

        Args:
            output: where to.
            words: further options.
            kill_after_s: seconds from the start.
            waits: or else from when the first span of this run is finished.
        """
        args = self._args
        said = output.parent.with_name(f"{output.parent.name}.stderr")
        line = [*args.extra, *words, "-y", "--progress", "none", "--", self._film, str(output)]
        process = self._context.Process(target=work, args=(line, args.least, args.most, said))
        process.start()
        if waits:
            before = kept_frames(output)
            while process.is_alive() and kept_frames(output) <= before:
                process.join(0.002)
        process.join(args.timeout if kill_after_s is None else kill_after_s)
        killed = process.is_alive()
        process.kill()
        process.join()
        return None if killed else process.exitcode

    def until_through(
        self, output: Path, seconds: float, chance: random.Random
    ) -> tuple[int | None, int, list[int]]:
        """Runs that are killed, and one that isn't: its exit code, kills, frames kept at each."""
        kept: list[int] = []
        for kills in range(self._args.kills):
            waits = kills % 2 == 0
            moment = chance.uniform(*((0, 0.2) if waits else (0.1, 1))) * seconds
            code = self.run(output, kill_after_s=moment, waits=waits)
            if code is not None:
                return code, kills, kept
            kept.append(kept_frames(output))
        return self.run(output), self._args.kills, kept


def kept_frames(output: Path) -> int:
    """Frames that a killed run has left, 0 for none."""
    plan = output.with_name(f".vidcolor-work-{output.name}") / "plan.json"
    with contextlib.suppress(OSError, ValueError):
        spans = json.loads(plan.read_text())["spans"]
        return int(spans[-1]["frames"]) if spans else 0
    return 0


def packets_of(path: Path) -> dict[int, list[Row]]:
    """All packets by stream."""
    rows: dict[int, list[Row]] = {}
    with av.open(str(path)) as film:
        for packet in film.demux():
            if packet.size:
                data = hashlib.sha256(bytes(packet)).hexdigest()
                at = packet.stream_index
                rows.setdefault(at, []).append((packet.pts, packet.dts, data))
    return rows


def frames_of(path: Path) -> list[Row]:
    """All decoded frames of the picture; deep, and with chroma that fits any odd size."""
    with av.open(str(path)) as film:
        return [
            (f.pts, None, hashlib.sha256(f.to_ndarray(format="yuv444p16le").tobytes()).hexdigest())
            for f in film.decode(film.streams.best("video"))
        ]


def files_of(folder: Path) -> dict[str, str]:
    """What is in a folder, hidden things too, with hashes of files."""
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "a folder"
        for p in sorted(folder.iterdir())
    }


def differences(spliced: Path, plain: Path) -> Iterator[str]:
    """Where a film of spans is not as one that was encoded in one piece."""
    ours, theirs = packets_of(spliced), packets_of(plain)
    # the picture that was coloured, which need not be the only one
    others = [at for at, rows in ours.items() if rows != theirs.get(at)]
    picture = [row for at in others[:1] for row in ours[at]]
    if sorted(row[0] or 0 for row in picture) != sorted(
        row[0] or 0 for at in others[:1] for row in theirs.get(at, [])
    ):
        yield "packets have other times than without spans"
    order = [row[1] for row in picture if row[1] is not None]
    if any(b <= a for a, b in zip(order, order[1:], strict=False)):
        yield "decoding times don't rise"
    if any(r[0] is not None and r[1] is not None and r[1] > r[0] for r in picture):
        yield "frames are shown before they are decoded"
    if len(others) > 1 or set(ours) != set(theirs):
        yield "other streams have other packets"
    if [row[0] for row in frames_of(spliced)] != [row[0] for row in frames_of(plain)]:
        yield "decoded frames have other times than without spans"


def judge(whole: Path, spliced: Path, plain: Path) -> tuple[str, list[str]]:
    """The verdict on a film, and its faults."""
    if "%" in whole.name:
        files = [files_of(path.parent) for path in (whole, spliced, plain)]
        faults = [] if files[1] == files[2] else ["other images than without spans"]
        return ("identical" if files[0] == files[1] else "different"), faults
    faults = [f"left behind: {name}" for name in files_of(spliced.parent) if name != spliced.name]
    faults += differences(spliced, plain)
    if whole.read_bytes() == spliced.read_bytes():
        return "identical", faults
    if frames_of(whole) == frames_of(spliced):
        same = packets_of(whole) == packets_of(spliced)
        return "frame-identical", [*faults, f"packets {'equal' if same else 'differ'}"]
    return "different", faults


def try_film(runs: Runs, name: str, folder: Path, chance: random.Random) -> Outcome:
    """Colorize a film in three ways and compare."""
    whole, spliced, plain = (folder / way / name for way in ("whole", "spliced", "plain"))
    for output in (whole, spliced, plain):
        output.parent.mkdir(parents=True)
    began = time.monotonic()
    if code := runs.run(whole):
        said = (folder / "whole.stderr").read_text(errors="replace").strip().splitlines()
        return Outcome("refused", faults=[f"exit code {code}", *said[-1:]])
    code, kills, kept = runs.until_through(spliced, time.monotonic() - began, chance)
    if code or runs.run(plain, "--no-resume"):
        said = (folder / "spliced.stderr").read_text(errors="replace").strip().splitlines()
        return Outcome("different", kills, kept, [f"exit code {code}", *said[-1:]])
    verdict, faults = judge(whole, spliced, plain)
    return Outcome(verdict, kills, kept, faults)


def films_in(sources: Sequence[str]) -> Iterator[str]:
    """Files, those in folders, and patterns as they are."""
    for source in sources:
        if os.path.isdir(source):
            yield from (str(p) for p in sorted(Path(source).iterdir()) if p.is_file())
        else:
            yield source


def main() -> int:
    """Try all films and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("sources", nargs="+", help="films, folders of films, patterns")
    parser.add_argument("--suffix", default=".mp4", help="of the outputs; .png: numbered images")
    parser.add_argument("--kills", type=int, default=4, help="per film, at most")
    parser.add_argument("--least", type=int, default=10, help="frames of a span that a cut ends")
    parser.add_argument("--most", type=int, default=40, help="frames of a span without a cut")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="for each run")
    args = parse_with_extra(parser)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)  # torch is imported once for all
    images = args.suffix in (".png", ".tif", ".tiff", ".dpx")
    name, chance = ("f_%06d" if images else "film") + args.suffix, random.Random(args.seed)
    totals: Counter[str] = Counter()
    print("| film | outcome | kills | frames kept | |\n|---|---|---|---|---|")
    for film in films_in(args.sources):
        with tempfile.TemporaryDirectory() as folder:
            found = try_film(Runs(context, args, film), name, Path(folder), chance)
        kept, faults = ", ".join(map(str, found.kept)), "; ".join(found.faults)
        row = f"| {Path(film).name} | {found.verdict} | {found.kills} | {kept} | {faults} |"
        print(row, flush=True)
        goes_on = sum(frames > 0 for frames in found.kept)
        totals += Counter({found.verdict: 1, "kills": found.kills, "gone on": goes_on})
        totals["faults"] += bool(found.faults and found.verdict != "refused")
    print(f"\n{', '.join(f'{n} {what}' for what, n in totals.items())}")
    return int(bool(totals["faults"] or totals["different"]))
