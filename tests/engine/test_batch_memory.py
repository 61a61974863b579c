"""How many frames a GPU's memory holds: the arithmetic, which needs no GPU."""

from __future__ import annotations

import pytest

from vidcolor.engine.coloring.batching import batch_that_fits

GB = 10**9


@pytest.mark.parametrize(
    ("wanted", "copies", "each", "free", "fits"),
    [
        (16, 1, GB // 10, 80 * GB, 16),  # plenty: never more than wanted
        (16, 1, GB, 8 * GB, 6),  # a fifth stays free
        (16, 1, GB, GB // 2, 1),  # too little even for one: that one is tried all the same
        (32, 2, GB, 8 * GB, 12),  # two devices hold twice as many
        (16, 1, 0, GB, 16),  # nothing measured
    ],
)
def test_batch_that_fits(wanted: int, copies: int, each: int, free: int, fits: int) -> None:
    assert batch_that_fits(wanted, copies, each, free) == fits
