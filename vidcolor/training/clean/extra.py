"""The packages that ``vidcolor data clean`` needs besides vidcolor's own."""

from __future__ import annotations

from importlib.util import find_spec

from vidcolor.errors import DependencyError

_PACKAGES = {"umap": "umap-learn", "sklearn": "scikit-learn"}


def require_extra() -> None:
    """Say what is missing before anything else is done.

    Raises:
        DependencyError: one of the packages isn't installed.
    """
    missing = [name for module, name in _PACKAGES.items() if find_spec(module) is None]
    if missing:
        raise DependencyError(
            f"vidcolor data clean needs {' and '.join(missing)}: pip install 'vidcolor[training]'"
        )
