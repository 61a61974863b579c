"""Files that another machine lends: the same frames and identity, and only the parts needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from vidcolor.errors import InputError
from vidcolor.media.files import lent
from vidcolor.media.files.lent import lend, lent_name
from vidcolor.media.open import open_input
from vidcolor.media.read.frames.index import FrameIndex
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame
from vidcolor.workers.shipping import Files

FRAMES = 240
ALONE = ReadSettings(copy_streams=False)


class Counted(Files):
    """Counts bytes."""

    def __init__(self) -> None:
        self.read_bytes = 0

    def read(self, path: str, start: int, size: int) -> bytes:
        data = super().read(path, start, size)
        self.read_bytes += len(data)
        return data


@pytest.fixture
def lender() -> Iterator[Counted]:
    counted = Counted()
    lend(counted)
    yield counted
    lent._lender.clear()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise, so that it is long: some 15 MB; a key frame every twelfth frame."""
    path = tmp_path_factory.mktemp("lent") / "film.mkv"
    chance = np.random.default_rng(1)
    options = {"g": "12", "crf": "10", "preset": "ultrafast", "threads": "1"}
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=24, options=options)
        video.width, video.height, video.pix_fmt = 320, 240, "gray"
        for _ in range(FRAMES):
            grey = chance.integers(0, 255, (240, 320), np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(grey, format="gray")))
        out.mux(video.encode(None))
    return path


def luma_of(name: str | Path, first: int, count: int, index: FrameIndex | None) -> list[bytes]:
    with open_input(name) as opened:
        if index is not None:
            opened.use_index(index, ALONE)
        with opened.read(ALONE, first_frame=first) as source:
            frames = (item for item in source if isinstance(item, LumaFrame))
            return [next(frames).luma.tobytes() for _ in range(count)]


def test_frames_and_identity_are_the_files_own(film: Path, lender: Counted) -> None:
    name = lent_name(str(film))
    with open_input(film) as own, open_input(name) as far:
        assert far.identity == own.identity is not None
        assert Path(far.path).name == film.name
    assert luma_of(name, 0, FRAMES, None) == luma_of(film, 0, FRAMES, None)
    # once through, with a look at the end: blocks aren't sent again and again
    assert film.stat().st_size <= lender.read_bytes < 1.5 * film.stat().st_size


def test_only_what_is_needed_of_a_film_is_sent(film: Path, lender: Counted) -> None:
    with open_input(film) as own, own.read(ALONE) as source:
        for _ in source:
            pass
        index = own.index(ALONE)
    assert luma_of(lent_name(str(film)), 180, 12, index) == luma_of(film, 180, 12, index)
    # the head, the seek table at the end, and some groups of pictures, each in blocks of a MiB
    assert 0 < lender.read_bytes < 0.6 * film.stat().st_size


def test_what_nobody_lends_is_refused_in_one_line(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no other machine lends"):
        open_input(lent_name(str(film)))
    lend(Files())
    try:
        with pytest.raises(InputError, match=r"missing\.mp4: can't be read"):
            open_input(lent_name(str(tmp_path / "missing.mp4")))
    finally:
        lent._lender.clear()
