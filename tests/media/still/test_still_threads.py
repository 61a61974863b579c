"""Photos read in many threads at once: same pixels, and the process is left as it was."""

from __future__ import annotations

import io
import logging
import os
import struct
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from vidcolor.errors import InputError
from vidcolor.media.still.quiet import MUTED_STDERR, SharedChange, quiet_libraries
from vidcolor.media.still.read import read_still, write_still

Array = npt.NDArray[Any]
Encode = Callable[..., bytes]
_THREADS = 8
_ROUNDS = 6


def _state() -> tuple[object, ...]:
    """What the libraries' settings are, and which file descriptor 2 is."""
    log = logging.getLogger("tifffile")
    stat = os.fstat(2)
    return (
        (stat.st_dev, stat.st_ino),
        (log.level, log.disabled, tuple(log.filters), tuple(log.handlers)),
        tuple(warnings.filters),
        Image.MAX_IMAGE_PIXELS,
    )


@pytest.fixture
def photos(gray: Array, rgb: Array, deep: Array, save: Encode, tiff: Encode) -> list[bytes]:
    """One of each kind and decoder; pictures large enough that decoding takes a while."""
    large = np.tile(rgb, (6, 6, 1))
    stream = io.BytesIO()
    Image.fromarray(large).save(stream, "HEIF", quality=90)
    return [
        tiff(large, photometric="rgb", compression="adobe_deflate"),  # libtiff
        tiff(deep, photometric="rgb"),  # tifffile
        save(large, "JPEG"),
        save(large, "PNG"),
        bytes(imagecodecs.png_encode(deep)),
        save(large, "JPEG2000"),
        stream.getvalue(),
        save(gray, "WEBP"),
    ]


def test_many_threads_read_as_one_does_and_leave_nothing_changed(photos: list[bytes]) -> None:
    alone = [read_still(data).luma for data in photos]
    before = _state()
    ready = threading.Barrier(_THREADS)

    def read(offset: int) -> list[Array]:
        ready.wait()
        order = [(offset + n) % len(photos) for n in range(len(photos) * _ROUNDS)]
        found: dict[int, Array] = {}
        for at in order:
            luma = read_still(photos[at]).luma
            assert at not in found or np.array_equal(found[at], luma)
            found[at] = luma
        return [found[at] for at in range(len(photos))]

    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(read, range(_THREADS)))
    for result in results:
        assert all(map(np.array_equal, result, alone))
    assert _state() == before


def test_writing_beside_reading_leaves_nothing_changed(
    photos: list[bytes], rgb: Array, tmp_path: Path
) -> None:
    stills = [read_still(data) for data in photos[:4]]
    before = _state()

    def work(n: int) -> None:
        still = stills[n % len(stills)]
        large = np.dstack([still.luma] * 3)
        for suffix in (".png", ".tif", ".jpg"):
            write_still(tmp_path / f"{n}{suffix}", large, still, comment="")
        read_still(photos[n % len(photos)])

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, range(2 * _THREADS)))
    assert _state() == before


def test_failures_restore_too(photos: list[bytes]) -> None:
    before = _state()
    with pytest.raises(InputError):
        read_still(photos[0][:200])
    assert _state() == before


def test_nested_use_restores_with_the_last_user() -> None:
    before = _state()
    with quiet_libraries(), MUTED_STDERR:
        inside = _state()
        with quiet_libraries(), MUTED_STDERR:
            assert _state() == inside
        assert _state() == inside
    assert inside != before
    assert _state() == before


def test_filters_that_another_thread_replaces_keep_no_entry_of_ours() -> None:
    """``catch_warnings`` puts a copy of the list in place and the list itself back."""
    before = list(warnings.filters)
    quiet = quiet_libraries()
    quiet.__enter__()
    with warnings.catch_warnings():
        quiet.__exit__(None, None, None)
        assert warnings.filters == before
    assert warnings.filters == before


def test_an_application_s_own_limit_stays() -> None:
    old = Image.MAX_IMAGE_PIXELS
    try:
        with quiet_libraries():
            Image.MAX_IMAGE_PIXELS = 1234
        assert Image.MAX_IMAGE_PIXELS == 1234
    finally:
        Image.MAX_IMAGE_PIXELS = old


def test_a_change_that_fails_is_tried_again_by_the_next_user() -> None:
    tries = []

    def make() -> Callable[[], None]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no descriptors left")
        return lambda: tries.append(2)

    change = SharedChange(make)
    with pytest.raises(OSError, match="descriptors"), change:
        pass
    with change:
        assert tries == [1, 1]
    assert tries == [1, 1, 2]


def test_other_loggers_and_warnings_are_heard_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    with quiet_libraries():
        with pytest.warns(UserWarning, match="heard"):
            warnings.warn("heard", stacklevel=1)
        logging.getLogger("tifffile").error("silent")
        logging.getLogger("other").error("loud")
    assert [record.getMessage() for record in caplog.records] == ["loud"]


def test_threads_silence_libtiff_s_own_messages(
    gray: Array, tiff: Encode, capfd: pytest.CaptureFixture[str]
) -> None:
    """A damaged LZW strip makes libtiff write to file descriptor 2."""
    data = bytearray(tiff(np.tile(gray, (8, 8)), photometric="minisblack", compression="lzw"))
    first = struct.unpack("<I", data[4:8])[0]
    rows = range(first + 2, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], 12)
    tags = {struct.unpack_from("<H", data, row)[0]: row for row in rows}
    at = struct.unpack_from("<I", data, tags[273] + 8)[0]
    data[at + 10 : at + 60] = b"\xff" * 50

    def read(_: int) -> None:
        with pytest.raises(InputError):
            read_still(bytes(data))

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(read, range(4 * _THREADS)))
    assert capfd.readouterr() == ("", "")
