"""60,000 frames with sound: memory over time, and whether sound and picture keep together.

::

    python checks endure/long_run --json long.json      # samples/newsreel.mp4, 176 pixels wide
    python checks endure/long_run CLIP --width 0 --frames 5000 -- --every auto

The film is a clip in a loop, made by copying packets. What follows ``--`` goes to vidcolor. Exit
code 1 if a frame, a stamp or a byte of sound is not the source's, picture and sound drift apart by
more than a millisecond, or memory grows by more than a tenth between the film's second tenth and
its last. Linux only.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
from endure.long_run_check import PLACES, compare, read_film
from endure.long_run_memory import Sample, Watcher
from endure.memory import ALLOWED_GROWTH, NEWSREEL, write_loop
from shared.running import parse_with_extra, run

_ALLOWED_DRIFT_MS = 1.0


def write_small(clip: Path, target: Path, width: int) -> None:
    """Copy a clip with its stamps and sound, its picture made ``width`` pixels wide."""
    with av.open(str(clip)) as source, av.open(str(target), "w") as out:
        video, sound = source.streams.video[0], source.streams.audio[0]
        height = round(video.height * width / video.width / 2) * 2
        picture = out.add_stream("libx264", rate=video.average_rate, options={"crf": "20"})
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        assert video.time_base is not None
        picture.codec_context.time_base = video.time_base
        voice = out.add_stream_from_template(sound)
        for packet in source.demux(video, sound):
            if packet.stream.index == video.index:
                for frame in video.decode(packet):
                    small = frame.reformat(width=width, height=height, format="yuv420p")
                    small.pict_type = av.video.frame.PictureType.NONE  # the encoder's own choice
                    out.mux(picture.encode(small))
            elif packet.dts is not None:
                packet.stream = voice
                out.mux(packet)
        out.mux(picture.encode(None))


def make_film(args: argparse.Namespace, folder: Path) -> Path:
    """The clip, small, in a loop of at least as many frames as asked for.

    Raises:
        SystemExit: packets of the clip can't follow each other without loss.
    """
    clip = args.clip
    if args.width:
        clip = folder / "small.mp4"  # which, unlike .mkv, holds the decoding times that loops need
        write_small(args.clip, clip, args.width)
    film = folder / f"film.{args.container}"
    turns = math.ceil(args.frames / count_frames(clip))
    write_loop(clip, film, turns)
    if count_frames(film) != turns * count_frames(clip):
        raise SystemExit(f"{clip}: decoding times don't allow a loop; use --width, or an MP4")
    return film


def count_frames(path: Path) -> int:
    """Packets of a film's picture."""
    with av.open(str(path)) as container:
        return sum(packet.size > 0 for packet in container.demux(video=0))


def colorize(film: Path, result: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Colorize the film, and say what that took.

    Raises:
        SystemExit: it failed.
    """
    watcher = Watcher(args.sample_every)
    words = ["-y", "--progress", "json", "-m", args.model, *args.extra]
    if args.render_factor:
        words += ["--render-factor", str(args.render_factor)]
    command = [sys.executable, "-m", "vidcolor", *words, "--", str(film), str(result)]
    done = run(command, timeout_s=args.timeout, watch=watcher)
    if done.exit_code:
        raise SystemExit(f"exit code {done.exit_code}: {done.stderr[-1000:]}")
    samples, used = watcher.samples, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "options": words,
        "seconds": round(done.seconds, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(done.peak_mb, 1),
        **growth_of(samples),
        "samples": [asdict(sample) for sample in samples],
    }


def growth_of(samples: list[Sample]) -> dict[str, float | None]:
    """Mean of the program's own memory in the film's second tenth and its last, and the ratio.

    The first tenth is left out: the program is still being loaded, and queues fill.
    """
    total = samples[-1].frames
    means = []
    for place in (1, PLACES - 1):
        low, high = total * place / PLACES, total * (place + 1) / PLACES
        part = [sample.own_mb for sample in samples if low < sample.frames <= high]
        means.append(round(sum(part) / len(part), 2) if part else None)
    early, late = means
    ratio = round(late / early, 4) if early and late else None
    return {"second_tenth_mb": early, "last_tenth_mb": late, "growth": ratio}


def show(run_facts: dict[str, Any], same: dict[str, Any]) -> None:
    """Print memory over time, a line for each tenth of the film, and the comparison."""
    samples = [Sample(**sample) for sample in run_facts["samples"]]
    print("| s | frames | RSS MB | PSS MB | own MB | open files |\n|---|---|---|---|---|---|")
    for place in range(PLACES + 1):
        at = samples[-1].frames * place / PLACES
        near = min(samples, key=lambda s: abs(s.frames - at))
        memory = f"{near.rss_mb:.1f} | {near.pss_mb:.1f} | {near.own_mb:.1f}"
        print(f"| {near.at_s:.0f} | {near.frames} | {memory} | {near.files} |")
    print("\n| | |\n|---|---|")
    for name, value in [*run_facts.items(), *same.items()]:
        if name != "samples":
            print(f"| {name} | {value} |")


def faults_in(run_facts: dict[str, Any], same: dict[str, Any]) -> list[str]:
    """What is not as it has to be."""
    drifts = [same["drift_at_end_ms"], *same["drift_ms"]]
    checks = {
        "frames were lost or added": len(set(same["frames"])) == 1,
        "frames have other stamps": same["frame_stamps_off_ms"] == 0,
        "sound has other bytes": same["sound_bytes_equal"],
        "sound has other stamps": len(set(same["sound_packets"])) == 1
        and same["sound_stamps_off_ms"] == 0,
        "picture and sound drift apart": all(
            d is not None and abs(d) <= _ALLOWED_DRIFT_MS for d in drifts
        ),
        "pictures come early or late": not any(same["lag_frames"]),
        "memory grows": (run_facts["growth"] or 1) <= ALLOWED_GROWTH,
    }
    return [fault for fault, good in checks.items() if not good]


def main() -> int:
    """Make the film, colorize it, compare, and print tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("clip", nargs="?", type=Path, default=NEWSREEL, help="with sound")
    parser.add_argument("--frames", type=int, default=60_000, help="at least as many")
    parser.add_argument("--width", type=int, default=176, help="pixels; 0: the clip as it is")
    parser.add_argument("--container", choices=["mp4", "mkv", "mov"], default="mp4")
    parser.add_argument("--model", default="compact")
    parser.add_argument("--render-factor", type=int, default=4, help="0: the model's own")
    parser.add_argument("--sample-every", type=float, default=10, metavar="S")
    parser.add_argument("--timeout", type=float, default=24 * 3600, metavar="S")
    parser.add_argument("--folder", type=Path, help="keep films here")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything here")
    args = parse_with_extra(parser)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        film, result = make_film(args, folder), folder / f"color.{args.container}"
        run_facts = colorize(film, result, args)
        same = compare(read_film(film), read_film(result))
    show(run_facts, same)
    faults = faults_in(run_facts, same)
    if args.json:
        args.json.write_text(json.dumps(run_facts | same | {"faults": faults}, indent=1) + "\n")
    print("\n" + ("; ".join(faults) or "all as in the source; memory within bounds"))
    return int(bool(faults))
