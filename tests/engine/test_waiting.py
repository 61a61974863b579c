"""The line in which frames wait for colours: order, and bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av import Packet

from vidcolor.engine.coloring.over_time import plan_over_time
from vidcolor.engine.coloring.waiting import (
    LOOK_AHEAD_BYTES,
    LOOK_AHEAD_WORKING_BYTES,
    MAX_LOOK_AHEAD_FRAMES,
    MAX_WAITING_PACKET_BYTES,
    MAX_WAITING_PACKETS,
    WORKING_BYTES_PER_PIXEL,
    WaitingLine,
    look_ahead_frames,
)
from vidcolor.engine.options import ColorizeOptions
from vidcolor.types import LumaFrame


def _frame(number: int) -> LumaFrame:
    return LumaFrame(np.zeros((2, 2), np.uint8), 8, True, number, Fraction(1, 24))


def _packet(size: int = 8) -> Packet[Any]:
    return Packet(size)


def test_packets_keep_their_places_between_frames() -> None:
    frames, packets = [_frame(n) for n in range(4)], [_packet() for _ in range(5)]
    items = [packets[0], frames[0], packets[1], frames[1], frames[2], packets[2], packets[3],
             frames[3], packets[4]]  # fmt: skip
    line = WaitingLine()
    line.add(items[:4])
    assert list(line.release(0)) == items[:1]
    line.add(items[4:])
    assert list(line.release(2)) == items[1:4]
    assert list(line.release(1)) == items[4:7]
    assert (line.frames, line.items) == (1, 2)
    assert list(line.release(1)) == items[7:]
    assert (line.frames, line.items) == (0, 0)


@pytest.mark.parametrize(
    ("count", "size"), [(MAX_WAITING_PACKETS + 1, 1), (9, MAX_WAITING_PACKET_BYTES // 8)]
)
def test_too_many_packets_overtake_frames_in_order(count: int, size: int) -> None:
    """Sound that is stored behind the whole film must not pile up behind its last frames."""
    line, packets = WaitingLine(), [_packet(size) for _ in range(count)]
    line.add([_frame(0)])
    line.add(packets[:-1])
    assert list(line.release(0)) == []
    line.add(packets[-1:])
    assert list(line.release(0)) == packets
    assert (line.frames, line.items) == (1, 1)


def test_a_filtered_frame_takes_the_place_of_its_source() -> None:
    frames, packet = [_frame(n) for n in range(3)], _packet()
    line, new = WaitingLine(), _frame(1)
    line.add([frames[0], packet, frames[1], frames[2]])
    assert list(line.release(1)) == [frames[0], packet]
    line.replace(0, _frame(0))  # it has left: nothing to replace
    line.replace(1, new)
    left = list(line.release(2))
    assert left[0] is new
    assert left[1] is frames[2]
    with pytest.raises(ValueError, match="frame 3 doesn't wait"):
        line.replace(3, _frame(3))


def test_colours_for_frames_that_are_not_there_are_refused() -> None:
    line = WaitingLine()
    line.add([_frame(0)])
    with pytest.raises(ValueError, match="only 1"):
        list(line.release(2))


@pytest.mark.parametrize(
    ("size", "depth"), [((640, 480), 8), ((3840, 2160), 8), ((3840, 2160), 10), ((8192, 4320), 16)]
)
def test_large_frames_wait_in_smaller_numbers(size: tuple[int, int], depth: int) -> None:
    count = look_ahead_frames(*size, depth, working_pixels=336 * 336)
    frame_bytes = size[0] * size[1] * np.dtype(np.uint8 if depth == 8 else np.uint16).itemsize
    assert 3 <= count <= MAX_LOOK_AHEAD_FRAMES
    assert count * frame_bytes <= LOOK_AHEAD_BYTES


def test_nothing_waits_where_one_frame_is_too_large() -> None:
    assert look_ahead_frames(20_000, 15_000, 16, working_pixels=336 * 336) == 0


def test_few_wait_where_the_network_sees_large_pictures() -> None:
    # --render-factor 128: a small film, but 2048 x 2048 at the network
    count = look_ahead_frames(640, 480, 8, working_pixels=2048 * 2048)
    assert 1 <= count * 2048 * 2048 * WORKING_BYTES_PER_PIXEL <= LOOK_AHEAD_WORKING_BYTES


def test_a_usual_working_size_takes_nothing_away() -> None:
    # 35, DeOldify's largest default
    assert look_ahead_frames(640, 480, 8, working_pixels=560 * 560) == MAX_LOOK_AHEAD_FRAMES


@pytest.mark.parametrize("every", ["auto", 4])
def test_it_is_said_where_key_frames_are_given_up(every: object) -> None:
    plan = plan_over_time(ColorizeOptions(every=every), 2)  # type: ignore[arg-type]
    assert plan.keys is None
    assert plan.notes == (f"frames are so large that few can wait: every=1, not {every}",)
