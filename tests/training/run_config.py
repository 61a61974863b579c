"""The type of the fixture ``config``, apart so that tests in folders below can import it."""

from __future__ import annotations

from collections.abc import Callable

from vidcolor.training.config import TrainConfig

MakeConfig = Callable[..., TrainConfig]
"""Takes changes to the settings of a small run."""
