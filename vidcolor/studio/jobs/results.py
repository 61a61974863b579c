"""The files that a job made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vidcolor.studio.jobs.job import Spec


def results_in(spec: Spec, folder: Path, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files of a job, those of an earlier attempt included.

    Args:
        spec: the job.
        folder: its own.
        told: what the program told of this attempt: ``path`` and ``of``, the input's name.
    """
    if spec.kind == "quality":
        return []
    if spec.kind == "film":
        return [{"path": spec.output, "of": spec.names[0]}]
    if spec.kind == "clip":
        names = (("color.mp4", "colour"), ("grey.mp4", "grey"))
        return [{"path": str(folder / "results" / name), "of": of} for name, of in names]
    of = {result["path"]: result["of"] for result in told}
    files = sorted(path for path in (folder / "results").rglob("*") if path.is_file())
    return [
        {"path": str(path), "of": of.get(str(path), path.name)}
        for path in files
        if not path.name.startswith(".")
    ]


def clip_estimate(results: list[dict[str, Any]], done: list[dict[str, Any]]) -> dict[str, float]:
    """How long a frame took, and how large it is: what a whole film is estimated from."""
    if not done or not done[0].get("frames"):
        return {}
    frames = int(done[0]["frames"])
    return {
        "frames": frames,
        "seconds": float(done[0]["seconds"]),
        "seconds_per_frame": float(done[0]["seconds"]) / frames,
        "bytes_per_frame": float(results[0]["size"]) / frames,
    }
