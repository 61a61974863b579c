"""Peak memory on a short clip and on the same clip looped for minutes: it must not grow.

::

    python checks endure/memory                    # samples/newsreel.mp4, 10 s against 10 min
    python checks endure/memory CLIP --minutes 3 -- --render-factor 8

What follows ``--`` goes to vidcolor. The loop is made by copying packets, so it takes no time.
Exit code 1 if the long clip needs more than a tenth more memory than the short one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from shared.running import Run, parse_with_extra, run

ALLOWED_GROWTH = 1.10
"""The indexes that muxers keep of all packets: some 100 bytes each; allocators' noise is more."""
NEWSREEL = Path(__file__).resolve().parents[2] / "samples" / "newsreel.mp4"


def write_loop(source: Path, target: Path, times: int) -> None:
    """Write a film, in the container of ``target``'s name, that shows a clip ``times`` times."""
    with av.open(str(target), "w") as out:
        streams: dict[int, av.stream.Stream] = {}
        last: dict[int, int] = {}
        for turn in range(times):
            with av.open(str(source)) as clip:
                kept = clip.streams.video[:1] + clip.streams.audio[:1]
                if not streams:  # all of them before the first packet writes the header
                    streams = {s.index: out.add_stream_from_template(s) for s in kept}
                shift_s = turn * Fraction(clip.duration or 0, av.time_base)
                for packet in clip.demux(kept):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    shift = round(shift_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    index = packet.stream.index
                    if packet.dts > last.get(index, packet.dts - 1):  # sound outlasts the picture
                        last[index] = packet.dts
                        packet.stream = streams[index]
                        out.mux(packet)


def measure(clip: Path, folder: Path, extra: list[str], timeout_s: float) -> Run:
    """Colorize a clip and say what it took."""
    command = [sys.executable, "-m", "vidcolor", "--progress", "none", "-y", *extra]
    result = run([*command, "--", str(clip), str(folder / "out.mkv")], timeout_s=timeout_s)
    if result.exit_code:
        raise SystemExit(f"{clip.name}: exit code {result.exit_code}: {result.said}")
    return result


def main() -> int:
    """Measure both and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, default=NEWSREEL)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--timeout", type=float, default=7200, metavar="S")
    args = parse_with_extra(parser)
    print("| clip | s of film | s | peak MB |\n|---|---|---|---|")
    peaks = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with av.open(str(args.clip)) as clip:
            length_s = (clip.duration or 0) / av.time_base
        for turns in (1, max(2, round(args.minutes * 60 / length_s))):
            loop = folder / f"loop_{turns}.mkv"
            write_loop(args.clip, loop, turns)
            result = measure(loop, folder, args.extra, args.timeout)
            peaks.append(result.peak_mb)
            row = f"| {args.clip.name} x {turns} | {turns * length_s:.0f} | {result.seconds:.1f} "
            print(f"{row}| {result.peak_mb:.0f} |", flush=True)
    print(f"\ngrowth: {peaks[1] / peaks[0]:.3f} (at most {ALLOWED_GROWTH})")
    return int(peaks[1] > ALLOWED_GROWTH * peaks[0])
