"""The three stages: order, bounds, and how they stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from vidcolor.engine.run.pipeline import QUEUE_LENGTH, Pipeline
from vidcolor.errors import InputError, Interrupted, OutputError


def test_everything_arrives_in_order() -> None:
    out: list[int] = []
    Pipeline(range(100), lambda n: [n * n], out.append).run()
    assert out == [n * n for n in range(100)]


def test_stages_overlap_but_never_run_far_ahead() -> None:
    alive, most, lock = 0, 0, threading.Lock()

    def source() -> Iterator[int]:
        nonlocal alive, most
        for n in range(40):
            with lock:
                alive += 1
                most = max(most, alive)
            yield n

    def sink(_: int) -> None:
        nonlocal alive
        time.sleep(0.002)
        with lock:
            alive -= 1

    Pipeline(source(), lambda n: [n], sink).run()
    # Two queues, and one chunk in the hands of each stage: the documented bound.
    assert 3 <= most <= 2 * QUEUE_LENGTH + 3


@pytest.mark.parametrize("stage", ["source", "work", "sink"])
def test_an_exception_anywhere_stops_all_and_surfaces_once(stage: str) -> None:
    error = InputError(stage)

    def source() -> Iterator[int]:
        for n in range(10_000):
            if stage == "source" and n == 5:
                raise error
            yield n

    def work(n: int) -> list[int]:
        if stage == "work" and n == 5:
            raise error
        return [n]

    def sink(n: int) -> None:
        if stage == "sink" and n == 5:
            raise error

    before = threading.active_count()
    with pytest.raises(InputError) as caught:
        Pipeline(source(), work, sink).run()
    assert caught.value is error
    assert threading.active_count() == before


def test_the_first_error_wins() -> None:
    def sink(_: int) -> None:
        raise OutputError("disk full")

    with pytest.raises(OutputError):
        Pipeline(range(1000), lambda n: [n], sink).run()


def test_stop_interrupts_even_a_waiting_pipeline() -> None:
    stop, release = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 1
        release.wait(5)

    threading.Timer(0.2, stop.set).start()
    threading.Timer(0.6, release.set).start()
    with pytest.raises(Interrupted):
        Pipeline(source(), lambda n: [n], lambda n: None, stop=stop).run()
