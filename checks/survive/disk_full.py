"""Fill a small file system at every moment of a run: films, scans, photos, previews.

Linux, as root: each size is a tmpfs of its own, with an earlier result in it. What must come out is
the whole result, or exit 1, one line that says that no space is left, and a folder as it was.

    python checks survive/disk_full [--sizes 24]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from vidcolor.cli.main import main as vidcolor

PAGE_BYTES = 4096
EARLIER = b"an earlier result"
_NO_SPACE = "No space left on device"
SMALL = ("-m", "compact", "-d", "cpu", "--render-factor", "2", "-y")


@dataclass(frozen=True)
class Case:
    """A command whose result goes onto the small disk.

    Attributes:
        source: "film" or "photo".
        name: of the result.
        words: more options; "DISK" stands for the folder.
    """

    source: str
    name: str
    words: tuple[str, ...] = ()

    def command(self, folder: Path, disk: Path) -> list[str]:
        """The program's arguments."""
        source = folder / ("film.mkv" if self.source == "film" else "photo.png")
        words = [word.replace("DISK", str(disk)) for word in self.words]
        first = [words.pop(0)] if words[:1] == ["preview"] else []
        return [*first, *SMALL, str(source), str(disk / self.name), *words]


CASES = (
    Case("film", "out.mp4"),
    Case("film", "out.mkv"),
    Case("film", "out.webm", ("--preset", "8")),
    Case("film", "out.mov", ("--video-codec", "prores_ks", "--end", "0.4")),
    Case("film", "out_%03d.png", ("--end", "0.4")),
    Case("photo", "out.png"),
    Case("photo", "out.tif"),
    Case("photo", "out.jpg"),
    Case("film", "out.png", ("preview",)),
)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of ``size`` bytes, on a new folder in ``folder``.

    Raises:
        OSError: not allowed here.
    """
    disk = folder / "disk"
    disk.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "vidcolor-test", str(disk)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        raise OSError(f"no file system can be mounted: {made.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def make_sources(folder: Path) -> None:
    """A film of noise, 25 frames, and a photo of noise: what can't be made small."""
    random = np.random.default_rng(5)
    with av.open(str(folder / "film.mkv"), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "gray"
        for _ in range(25):
            picture = random.integers(0, 256, (64, 96), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        output.mux(stream.encode(None))
    Image.fromarray(random.integers(0, 256, (160, 240), np.uint8)).save(folder / "photo.png")


def run(words: list[str]) -> tuple[int, str]:
    """The exit code and what was said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = vidcolor(words)
    return code, said.getvalue()


def earlier_result(case: Case, disk: Path) -> Path:
    """A file of the result's name; of a sequence, its first picture."""
    path = disk / (case.name % 1 if "%" in case.name else case.name)
    path.write_bytes(EARLIER)
    return path


def attempt(case: Case, folder: Path, size: int) -> str:
    """Run a case on a disk of ``size`` bytes: "whole", "full", or what was wrong with it."""
    with small_disk(folder, size) as disk:
        earlier = earlier_result(case, disk)
        code, said = run(case.command(folder, disk))
        names = sorted(os.listdir(disk))
        if code == 0:
            return "whole" if earlier.read_bytes() != EARLIER and _loads(disk) else f"BROKEN {said}"
        errors = [line for line in said.splitlines() if line.startswith("vidcolor: error:")]
        if code != 1 or len(errors) != 1 or _NO_SPACE not in errors[0] or "Traceback" in said:
            return f"SAID {code} {said!r}"
        if names != [earlier.name]:
            return f"LEFT {names}"
        return "full" if earlier.read_bytes() == EARLIER else "EARLIER RESULT LOST"


def _loads(disk: Path) -> bool:
    """Whether every file on the disk is whole, as plain libraries see it."""
    for path in disk.iterdir():
        try:
            with av.open(str(path)) as container:
                if not any(True for _ in container.decode(video=0)):
                    return False
        except av.error.FFmpegError:
            return False
    return True


def need(case: Case, folder: Path) -> int:
    """Bytes that the disk needs for the whole result."""
    with small_disk(folder, 1 << 28) as disk:
        code, said = run(case.command(folder, disk))
        assert code == 0, said
        return sum(-(-path.stat().st_size // PAGE_BYTES) for path in disk.iterdir()) * PAGE_BYTES


def sizes_up_to(largest: int, count: int) -> list[int]:
    """Up to ``count`` sizes in whole pages, from one page to what is enough."""
    pages = largest // PAGE_BYTES + 8
    steps = np.unique(np.linspace(1, pages, min(count, pages)).round().astype(int))
    return [int(step) * PAGE_BYTES for step in steps]


def main() -> int:
    """All cases at many sizes; prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, default=24, help="sizes for each kind of result")
    args = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_sources(folder)
        for case in CASES:
            largest = need(case, folder)
            found = {size: attempt(case, folder, size) for size in sizes_up_to(largest, args.sizes)}
            bad = {size: what for size, what in found.items() if what not in ("whole", "full")}
            full = sum(what == "full" for what in found.values())
            wrong += len(bad)
            print(f"{' '.join((*case.words[:1], case.name))}: needs {largest // 1024} KB;"
                  f" {full} of {len(found)} sizes too small, {len(bad)} wrong")  # fmt: skip
            for size, what in bad.items():
                print(f"  {size // 1024} KB: {what}")
    return 1 if wrong else 0
