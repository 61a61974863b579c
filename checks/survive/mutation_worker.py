"""Runs vidcolor again and again in one process, for ``mutations.py``; its talk is JSON lines.

Each job is ``{"argv": [...], "source": PATH, "folder": DIR}`` on standard input: the program's
words, the input, and the folder where a result may appear. The answers, lines on what standard
output was at the start, say what came of it and what plain PyAV or Pillow make of the same input.
Memory has a hard limit, so that a header that lies can't take the machine's.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import pillow_heif
from PIL import Image, ImageOps

Row = dict[str, Any]

_MAX_FRAMES = 5000
"""Where a header makes decoders repeat frames, comparing stops here."""

_READ_ERRORS = 9
_THREADS = ("NONE", "AUTO", "SLICE")
"""What a plain loop gets out of damage differs: with frame threads an error while draining hides
the frames behind it, and VP9's decoder goes on after a damaged header only if it has threads."""
_PHOTO_FORMATS = ("JPEG", "MPO", "PNG", "TIFF", "BMP", "JPEG2000", "WEBP", "AVIF", "HEIF", "GIF")
"""What Pillow calls a photo and can't load isn't a film, although libav would show what is left."""

pillow_heif.register_heif_opener()


def main(limit_mb: int) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    faulthandler.enable(file=open(os.dup(2), "w"))  # noqa: SIM115 - for the process's life
    from vidcolor.cli.main import main as vidcolor

    warm_up()
    used = _memory_mb("VmSize")
    limit = (int(used) + limit_mb) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        _forget_peak()
        before = _memory_mb("VmRSS")
        exit_code, said = run_once(vidcolor, job["argv"], Path(job["folder"]))
        row: Row = {"exit": exit_code, "said": said}
        row["peak_mb"] = _memory_mb("VmHWM") - before
        print(json.dumps({"stage": "ran", **row}), file=answers, flush=True)
        source = Path(job["source"])
        made = [p for p in sorted(Path(job["folder"]).rglob("*")) if p.is_file() and p != source]
        row["made"] = [str(path) for path in made]
        row["truth"] = look(source)
        # a whole file is the same with any threads
        row["result"] = look(made[0], _THREADS[:1]) if len(made) == 1 and exit_code == 0 else None
        print(json.dumps({"stage": "done", **row}), file=answers, flush=True)


def warm_up() -> None:
    """Load what every job needs, so that a job's memory is its own."""
    import vidcolor.engine.image
    import vidcolor.engine.video  # noqa: F401


def run_once(vidcolor: Any, argv: list[str], folder: Path) -> tuple[int, str]:  # noqa: ANN401
    """Run the program in this process; what it says is caught at the descriptors."""
    path = folder.with_name(folder.name + ".said")
    kept = [os.dup(1), os.dup(2)]
    with open(path, "wb") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    try:
        exit_code = vidcolor(argv)
    finally:
        sys.stderr.flush()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
    text = path.read_text(encoding="utf-8", errors="replace")
    path.unlink()
    return exit_code, text


def look(path: Path, threads: Sequence[str] = _THREADS) -> Row:
    """What plain Pillow or PyAV find: frames and their stamps, or a size, or what they say."""
    photo_error = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(path.read_bytes())) as image:
                photo_error = ""
                if getattr(image, "n_frames", 1) == 1:
                    photo_error = f"{image.format}: "
                    image.load()
                    return {"photo": list(ImageOps.exif_transpose(image).size)}
        except Exception as error:  # noqa: BLE001 - Pillow raises anything; a film, perhaps
            photo_error += f"{type(error).__name__}: {error}"
            if photo_error.startswith(_PHOTO_FORMATS):
                return {"error": photo_error}
    try:
        ways = [stamps_of(path, way) for way in threads]
        return {"frames": ways[0], "ways": ways[1:]}
    except Exception as error:  # noqa: BLE001 - the row says it
        return {"error": f"{type(error).__name__}: {error}; {photo_error}"}


def stamps_of(path: Path, threads: str = "NONE") -> list[str | None]:
    """Seconds of each frame that a plain loop decodes, as exact fractions."""
    stamps: list[str | None] = []
    with open(path, "rb") as file, av.open(cast(Any, file), metadata_errors="replace") as container:
        video: Any = container.streams.best("video")
        if video is None:
            return stamps
        video.thread_type = threads
        for packet in _packets(container, video):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                known = frame.pts is not None and frame.time_base
                stamps.append(str(Fraction(frame.pts * frame.time_base)) if known else None)
            if len(stamps) > _MAX_FRAMES:
                break
    return stamps


def _packets(container: Any, video: Any) -> Iterator[Any]:  # noqa: ANN401
    """Packets, demuxing on after errors of reading as players do."""
    for _ in range(_READ_ERRORS):
        try:
            yield from container.demux(video)
        except av.FFmpegError:
            continue
        return


def _memory_mb(name: str) -> float:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        line = next((line for line in status if line.startswith(name)), "x 0 kB")
    return int(line.split()[1]) * 1024 / 1e6


def _forget_peak() -> None:
    """Begin a new high-water mark of memory."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


if __name__ == "__main__":
    main(int(sys.argv[1]))
