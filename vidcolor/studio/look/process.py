"""``python -m vidcolor.studio.look.process``: a JSON line in, a JSON line out, until the end."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final, TextIO

from vidcolor.errors import VidcolorError

_MAX_MEMORY_BYTES: Final = 12_000_000_000
"""Address space beyond what the libraries take: a picture that wants more is refused."""


def main() -> None:
    """Serve requests from standard input; answers go to what was standard output."""
    # libraries that print must not break the protocol
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    _limit_memory()
    for line in sys.stdin:
        _tell(answers, _answer(json.loads(line), answers))


def _answer(request: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    from vidcolor.studio.look.tasks import TASKS

    task = request.pop("task")

    def report(progress: object) -> None:
        _tell(answers, {"progress": progress})

    try:
        return {"result": TASKS[task](request, report)}
    except VidcolorError as error:
        return {"error": _without_folders(str(error), request)}
    except MemoryError:
        return {"error": "the picture takes more memory than there is"}
    except OSError as error:
        return {"error": f"can't be read: {error.strerror or type(error).__name__}"}


def _without_folders(text: str, request: dict[str, Any]) -> str:
    """Users need not know where the server keeps files."""
    for path in request.get("paths", [request.get("path", "")]):
        folder = os.path.dirname(path)
        if folder:
            text = text.replace(folder + os.sep, "")
    return text


def _tell(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = _MAX_MEMORY_BYTES if hard < 0 else min(hard, _MAX_MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


if __name__ == "__main__":
    main()
