"""Ways to break a media file, each repeatable: the same name and seed give the same bytes.

Bytes in, bytes out, whatever the format; ``lies.py`` has those that know what a header means.
``mutations.py`` runs vidcolor on the results.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from survive.lies import header_lies

Change = Callable[[bytes, random.Random], bytes]

_FLIP_RATES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Flipped bits per byte: from one scratch in a file to one in every hundred bytes."""
_HEAD_BYTES = 1024
_ZERO_RUNS = (16, 512, 8192)
_TRUNCATIONS = range(5, 100, 5)


@dataclass(frozen=True)
class Mutation:
    """One way to break a file.

    Attributes:
        name: short, unique for a source; part of the seed.
        change: makes the broken bytes.
    """

    name: str
    change: Change

    def apply(self, data: bytes, *, seed: int, source: str) -> bytes:
        """The broken file; the same for the same arguments on every machine."""
        return self.change(data, random.Random(f"{seed}/{source}/{self.name}"))


def mutations_of(source: Path, data: bytes) -> Iterator[Mutation]:
    """All ways to break this file."""
    for rate in _FLIP_RATES:
        for turn in range(3):
            yield Mutation(f"flips-{rate:g}-{turn}", _flips(rate))
    for turn in range(6):
        yield Mutation(f"head-flips-{turn}", _head_flips)
    for percent in _TRUNCATIONS:
        yield Mutation(f"cut-{percent}", _cut(percent))
    for length in _ZERO_RUNS:
        for turn in range(2):
            yield Mutation(f"zeros-{length}-{turn}", _zeros(length))
    for turn in range(2):
        yield Mutation(f"swapped-blocks-{turn}", _swap_blocks)
    yield Mutation("repeated", lambda data, _: data + data)
    yield Mutation("garbage-before", lambda data, rng: rng.randbytes(777) + data)
    yield Mutation("garbage-behind", lambda data, rng: data + rng.randbytes(4096))
    for what in ("payloads", "stamps-jump", "stamps-equal", "dropped"):
        yield Mutation(f"packets-{what}", _repacked(source.suffix, what))
    for name, lie in header_lies(source.suffix, data):
        yield Mutation(f"lie-{name}", lambda _, __, lie=lie: lie())  # type: ignore[misc]


def _flips(rate: float) -> Change:
    def change(data: bytes, rng: random.Random) -> bytes:
        broken = bytearray(data)
        for _ in range(max(1, round(len(data) * rate))):
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        return bytes(broken)

    return change


def _head_flips(data: bytes, rng: random.Random) -> bytes:
    """A few flipped bits where the header is."""
    broken = bytearray(data)
    for _ in range(4):
        broken[rng.randrange(min(_HEAD_BYTES, len(broken)))] ^= 1 << rng.randrange(8)
    return bytes(broken)


def _cut(percent: int) -> Change:
    return lambda data, _: data[: len(data) * percent // 100]


def _zeros(length: int) -> Change:
    def change(data: bytes, rng: random.Random) -> bytes:
        start = rng.randrange(max(1, len(data) - length))
        end = min(len(data), start + length)
        return data[:start] + bytes(end - start) + data[end:]

    return change


def _swap_blocks(data: bytes, rng: random.Random) -> bytes:
    """Two blocks of the file change places."""
    size = max(1, len(data) // 20)
    first, second = sorted(rng.sample(range(max(2, len(data) // size)), 2))
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"".join(blocks)


def _repacked(suffix: str, what: str) -> Change:
    """Demux, change packets, mux again; a file that can't be muxed has blocks swapped instead."""

    def change(data: bytes, rng: random.Random) -> bytes:
        try:
            return _remux(data, suffix, what, rng)
        except (av.FFmpegError, ValueError, KeyError, TypeError, RuntimeError, OSError):
            return _swap_blocks(data, rng)

    return change


def _remux(data: bytes, suffix: str, what: str, rng: random.Random) -> bytes:
    name = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".264": "h264"}.get(
        suffix.lower(), suffix.lower()[1:]
    )
    target = io.BytesIO()
    with (
        av.open(io.BytesIO(data), metadata_errors="replace") as source,
        av.open(target, "w", format=name) as output,
    ):
        streams: dict[int, Any] = {}
        for stream in source.streams:
            streams[stream.index] = output.add_stream_from_template(stream, opaque=True)
        packets = [packet for packet in source.demux() if packet.size]
        for packet in _changed(packets, what, rng):
            packet.stream = streams[packet.stream_index]
            output.mux(packet)
    return target.getvalue()


def _changed(packets: list[Any], what: str, rng: random.Random) -> Iterator[Any]:
    if what == "dropped":
        yield from (packet for packet in packets if rng.random() > 0.2)
        return
    payloads = [bytes(packet) for packet in packets]
    if what == "payloads" and len(packets) > 1:
        for _ in range(max(1, len(packets) // 5)):
            one, other = rng.sample(range(len(packets)), 2)
            payloads[one], payloads[other] = payloads[other], payloads[one]
    jump = rng.choice((1 << 31, 1 << 20, -(1 << 20), 1 << 40))
    middle = len(packets) // 2
    for number, (packet, payload) in enumerate(zip(packets, payloads, strict=True)):
        fresh = av.Packet(payload)
        fresh.stream, fresh.time_base = packet.stream, packet.time_base
        fresh.pts, fresh.dts, fresh.duration = packet.pts, packet.dts, packet.duration or 0
        fresh.is_keyframe = packet.is_keyframe
        if what == "stamps-jump" and number >= middle and fresh.dts is not None:
            fresh.dts += jump
            fresh.pts = None if fresh.pts is None else fresh.pts + jump
        if what == "stamps-equal" and packets[0].pts is not None:
            fresh.pts = packets[0].pts
        yield fresh
