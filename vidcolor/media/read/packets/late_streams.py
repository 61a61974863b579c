"""Where streams begin that the opening of a film hasn't met, or of which it knows nothing yet.

MPEG-PS, MPEG-TS and DV have no list of all streams at their beginning: libav reads the first
5 MB or 7 s and takes what it has met by then. The rest of the file is searched here, without
decoding, so that it can be opened once more with a look at those places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.stream import Stream

from vidcolor.media.files.inputs import InputView

Range = tuple[int, int]
"""First byte and the one behind the last."""

_BLOCK_BYTES: Final = 8 << 20
_MOST_BYTES: Final = 1 << 30
"""As far as files are searched; a second or two of reading."""
_BEFORE_BYTES, _AFTER_BYTES = 256 << 10, 1 << 20
"""What is looked at around a place: the table of streams before it, parameters behind it."""
_MOST_PLACES: Final = 24
_LONGEST_HEADER: Final = 512
"""Bytes of a program stream's packet that its kind is in."""
_DV_FRAMES_BYTES: Final = {480: 480_000, 576: 576_000}
"""By height: four frames of DV, two of DV50, one of DV100."""
_DV_PLACES: Final = 32
_TS_SYNC: Final = 0x47
_TS_SIZES: Final = (188, 192, 204)
_START: Final = b"\0\0\1"
_NO_STREAMS: Final = frozenset({0xBA, 0xBB, 0xBC, 0xBE, 0xBF})
"""Start codes of a program stream that are no stream's: headers, map, padding, navigation."""
_PRIVATE: Final = 0xBD
_PACK: Final = b"\0\0\1\xba"


def late_places(view: InputView, container: InputContainer, size: int) -> list[Range]:
    """Parts of the file to look at for streams that weren't met, or only by their number.

    Args:
        view: of the file; its position moves.
        container: the opened film.
        size: bytes in the file.
    """
    form = container.format.name
    if form == "dv":
        return _dv_places(container, size)
    if form not in ("mpeg", "mpegts"):
        return []
    met = {stream.id for stream in container.streams if has_parameters(stream)}
    search = _search_ts if form == "mpegts" else _search_ps
    first = search(view)
    begins = sorted(at for number, at in first.items() if number not in met)
    ranges = ((max(0, at - _BEFORE_BYTES), min(size, at + _AFTER_BYTES)) for at in begins)
    return merged(ranges)[:_MOST_PLACES]


def has_parameters(stream: Stream) -> bool:
    """Whether sound has a sample rate, which it hasn't before its first packet; others have all."""
    audio = getattr(stream, "codec_context", None)
    return not isinstance(audio, AudioCodecContext) or bool(audio.sample_rate)


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Sorted ranges, those that touch made one."""
    found: list[Range] = []
    for begin, end in ranges:
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def _dv_places(container: InputContainer, size: int) -> list[Range]:
    """Places all over the file: each frame says whether there is sound."""
    films = container.streams.video
    unit = _DV_FRAMES_BYTES.get(films[0].codec_context.height if films else 0)
    if unit is None or any(stream.type == "audio" for stream in container.streams):
        return []
    frames = size // unit
    chosen = sorted({frames * place // _DV_PLACES for place in range(1, _DV_PLACES)})
    return merged((at * unit, (at + 1) * unit) for at in chosen)


def _blocks(view: InputView) -> Iterator[tuple[int, bytes]]:
    """Read on from the beginning, with each block's place."""
    at = view.seek(0)
    while at < _MOST_BYTES:
        block = b""
        while len(block) < _BLOCK_BYTES and (more := view.read(_BLOCK_BYTES - len(block))):
            block += more
        if not block:
            return
        yield at, block
        at = view.seek(at + len(block))


def _search_ts(view: InputView) -> dict[int, int]:
    """Where each PID of a transport stream has its first packet that begins a PES packet."""
    first: dict[int, int] = {}
    for at, block in _blocks(view):
        found = _ts_layout(block)
        if found is None:
            continue
        start, length = found
        count = (len(block) - start) // length
        table = np.frombuffer(block, np.uint8, count * length, start).reshape(count, length)
        begins = _begins_pes(table)
        pids = (table[:, 1].astype(np.int64) & 0x1F) << 8 | table[:, 2]
        numbers, rows = np.unique(pids[begins], return_index=True)
        places = np.flatnonzero(begins)[rows] * length + at + start
        for pid, place in zip(numbers.tolist(), places.tolist(), strict=True):
            first.setdefault(pid, place)
    return first


def _begins_pes(table: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which packets of a transport stream, ``(n, 188 or more)``, begin a PES packet."""
    begins = np.asarray((table[:, 0] == _TS_SYNC) & (table[:, 1] & 0x40 > 0))
    rows = np.flatnonzero(begins)
    has_field = table[rows, 3] & 0x20 > 0
    payload = 4 + has_field * (1 + table[rows, 4].astype(np.int64))
    payload = np.minimum(payload, 188 - len(_START))
    for offset, byte in enumerate(_START):
        begins[rows] &= table[rows, payload + offset] == byte
    return begins


def _ts_layout(block: bytes) -> Range | None:
    """First packet and length of packets, those that most of a block's packets agree with."""
    codes = np.frombuffer(block, np.uint8)
    for length in _TS_SIZES:
        rows = min(len(codes) // length, 4096)
        if not rows:
            continue
        hits = (codes[: rows * length].reshape(rows, length) == _TS_SYNC).sum(axis=0)
        if hits.max() > 0.9 * rows:
            return int(hits.argmax()), length
    return None


def _search_ps(view: InputView) -> dict[int, int]:
    """Where each stream of a program stream has its first packet; numbers are libav's."""
    first: dict[int, int] = {}
    rest = b""
    for at, block in _blocks(view):
        data = rest + block
        begin = at - len(rest)
        done = _follow_ps(data, begin, first)
        rest = data[done:]
    return first


def _follow_ps(data: bytes, begin: int, first: dict[int, int]) -> int:
    """Go from packet to packet; return where the last whole one ends."""
    place, end = 0, len(data) - _LONGEST_HEADER
    while place < end:
        if data[place : place + 3] != _START:
            place = data.find(_PACK, place)
            if place < 0:
                return max(0, len(data) - len(_PACK))
            continue
        code = data[place + 3]
        if code == 0xBA:
            is_second = data[place + 4] >> 6 == 1  # MPEG-2
            place += 14 + (data[place + 13] & 7) if is_second else 12
            continue
        if code < 0xBB:
            place += 4  # the end code
            continue
        if code not in _NO_STREAMS or code == _PRIVATE:
            first.setdefault(_ps_number(data, place, code), begin + place)
        place += 6 + (data[place + 4] << 8 | data[place + 5])
    return min(place, len(data))


def _ps_number(data: bytes, place: int, code: int) -> int:
    """The number libav gives a packet's stream: that of the substream within a private one."""
    if code != _PRIVATE:
        return 0x100 | code
    return data[place + 9 + data[place + 8]]
