"""What the looking process keeps between requests: the last models, photographs, colours."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.spec import Kind

T = TypeVar("T")


class Lately(Generic[T]):
    """The values used last, few of them: memory stays flat."""

    def __init__(self, most: int) -> None:
        """Keep ``most`` values."""
        self._most = most
        self._values: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made where it isn't kept."""
        if key not in self._values:
            while len(self._values) >= self._most:
                self._values.popitem(last=False)
            self._values[key] = make()
        self._values.move_to_end(key)
        return self._values[key]


_models: Lately[Colorizer] = Lately(2)


def model_for(kind: Kind, options: ColorizeOptions) -> Colorizer:
    """The loaded model that options name.

    Raises:
        WeightsError, DeviceError: it can't be had.
    """
    key = (kind, options.model, options.device, options.precision)
    return _models.get(key, lambda: load_for(kind, options, NullProgress(), None))
