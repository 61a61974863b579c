"""The best validation of a run so far, for early stopping and the weights to keep."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Best:
    """The lowest validation error.

    Attributes:
        value: ``rmse_ratio_best`` of ``AbScores``.
        step: when it was measured.
        waited: validations since then.
    """

    value: float = math.inf
    step: int = 0
    waited: int = 0

    def improves(self, value: float, step: int) -> bool:
        """Take a validation; whether it is better than all before."""
        if value < self.value:
            self.value, self.step, self.waited = value, step, 0
            return True
        self.waited += 1
        return False

    def as_dict(self) -> dict[str, float]:
        """Plain values, for checkpoints."""
        return asdict(self)
