"""List the checks, or run one: ``python checks``, ``python checks speed/startup --repeat 3``.

A check is a module with ``main()``, which parses ``sys.argv`` and may return an exit code.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOMS = ("survive", "endure", "quality", "speed")


def checks() -> dict[str, str]:
    """Name of each check, and the first line of what it says of itself."""
    found = {}
    for path in sorted(p for room in ROOMS for p in (HERE / room).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "ArgumentParser(" in text:
            doc = ast.get_docstring(ast.parse(text)) or ""
            found[f"{path.parent.name}/{path.stem}"] = doc.partition("\n")[0]
    return found


def main() -> None:
    """Command line."""
    known = checks()
    name = sys.argv[1].removesuffix(".py") if len(sys.argv) > 1 else ""
    if name not in known:
        width = max(map(len, known))
        lines = [f"  {each.ljust(width)}  {line}" for each, line in known.items()]
        print("usage: python checks CHECK [OPTIONS]; each has --help", *lines, sep="\n")
        sys.exit(0 if name in ("", "-h", "--help") else 2)
    sys.argv[:2] = [name]
    sys.exit(importlib.import_module(name.replace("/", ".")).main())


if __name__ == "__main__":
    main()
