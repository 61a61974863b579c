"""The packages that ``vidcolor train`` needs besides vidcolor's own."""

from __future__ import annotations

from importlib.util import find_spec

from vidcolor.errors import DependencyError

_PACKAGES = ("matplotlib", "pydantic")


def require_extra() -> None:
    """Say what is missing before anything else is done.

    Raises:
        DependencyError: one of the packages isn't installed.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise DependencyError(
            f"vidcolor train needs {' and '.join(missing)}: pip install 'vidcolor[training]'"
        )
