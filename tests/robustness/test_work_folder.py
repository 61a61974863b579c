"""A work folder whose program dies between any two things that it does to files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from vidcolor.media.files.packets import EncodedPacket, SpanFileWriter
from vidcolor.media.files.work_folder import WorkFolder

SPANS, FRAMES = 5, 3
PLAN = {"input": {"size": 7}}
_OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")


class Death(BaseException):
    """Nobody catches this, as nobody catches SIGKILL."""


class Reaper:
    """Ends the program at one of its operations on files of a work folder."""

    def __init__(self) -> None:
        self.left: int | None = None
        sys.addaudithook(self._look)  # for good: none can be taken away

    def _look(self, event: str, args: tuple[object, ...]) -> None:
        if self.left is None or event not in _OPERATIONS or ".vidcolor-work-" not in str(args[0]):
            return
        self.left -= 1
        if self.left < 0:
            self.left = None
            raise Death(event)


REAPER = Reaper()


def packet(frame: int) -> EncodedPacket:
    return EncodedPacket(frame, frame - 1, 1, frame % FRAMES == 0, b"%d" % frame * 50)


def expected(frames: int) -> list[EncodedPacket]:
    """One packet a frame, and one that each span's end empties out of the encoder."""
    ends = range(FRAMES, frames + 1, FRAMES)
    return [packet(n) for n in range(frames)] + [packet(1000 + end) for end in ends]


def check(work: WorkFolder) -> None:
    assert work.frames % FRAMES == 0
    calls = list(work.packets())
    assert len(calls) == work.frames + 1
    found = [one for call in calls for one in call]
    assert sorted(found, key=lambda p: p.pts or 0) == expected(work.frames)
    assert work.states() == [b"state %d" % span.frames for span in work.spans]


def go_on(output: Path, added: list[int]) -> None:
    """Make the spans that aren't finished; ``added`` are those of which that was said."""
    work = WorkFolder(output, PLAN)
    check(work)
    for number in range(len(work.spans), SPANS):
        start = number * FRAMES
        span = SpanFileWriter(work.path / f"span-{start}.packets")
        for frame in range(start, start + FRAMES):
            span.add([packet(frame)])
        end = start + FRAMES
        span.add([packet(1000 + end)])
        work.add(end, [span.finish()], b"state %d" % end)
        added.append(end)
    check(work)
    work.remove()


def dies(output: Path, added: list[int], patience: int) -> bool:
    """Whether the program, which goes on, died; that many operations go well before."""
    REAPER.left = patience
    try:
        go_on(output, added)
    except Death:
        return True
    finally:
        REAPER.left = None
    return False


def test_it_may_die_at_any_operation(tmp_path: Path) -> None:
    deaths = 0
    while True:
        output, added = tmp_path / f"{deaths}.mkv", list[int]()
        if not dies(output, added, patience=deaths):
            break
        deaths += 1
        if added != [FRAMES * n for n in range(1, SPANS + 1)]:  # else it died tidying up
            assert WorkFolder(output, PLAN).frames >= max(added, default=0)
        go_on(output, [])
        assert not list(tmp_path.iterdir())
    assert deaths > 5 * SPANS


def test_it_may_die_again_and_again(tmp_path: Path) -> None:
    output, deaths = tmp_path / "film.mkv", 0
    for patience in range(200):
        if not dies(output, [], patience):
            break
        deaths += 1
    assert deaths > 5
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files in /proc")
def test_files_that_were_read_are_closed(tmp_path: Path) -> None:
    # Windows removes no folder with an open file in it
    output = tmp_path / "film.mkv"
    REAPER.left = 20
    with pytest.raises(Death):
        go_on(output, [])
    work = WorkFolder(output, PLAN)
    assert work.spans
    before = len(os.listdir("/proc/self/fd"))
    calls = work.packets()
    assert [next(calls) for _ in range(work.frames + 1)]
    assert len(os.listdir("/proc/self/fd")) == before
