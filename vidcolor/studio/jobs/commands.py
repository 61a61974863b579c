"""From a job to the words of the program's command line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vidcolor.studio.jobs.job import BESIDE, Spec

_FLAGS: Final = {"start_s": "--start", "end_s": "--end"}
"""Fields of ``ColorizeOptions`` whose flag isn't their name."""
_ON_OFF: Final = frozenset({"deflicker", "deinterlace", "steady"})

FOR_BROWSERS: Final = {"video_codec": "libx264", "pix_fmt": "yuv420p"}
"""What all browsers play."""
GREY: Final = {
    "saturation": 0.0, "model": "compact", "render_factor": 2, "stabilize": "off", "every": 48,
    "direction": "none",
}  # fmt: skip
"""The program as a maker of grey clips: the network runs as little as it can."""


@dataclass(frozen=True, slots=True)
class Run:
    """One call of the program.

    Attributes:
        words: its arguments.
        stdout: a file that gets its standard output, None for none.
        counts: its inputs count as the job's.
    """

    words: tuple[str, ...]
    stdout: Path | None = None
    counts: bool = True


def runs_of(spec: Spec, folder: Path, device: str) -> list[Run]:
    """The calls that do a job.

    Args:
        spec: the job.
        folder: the job's own.
        device: of the worker.
    """
    options = {**spec.options, "device": device}
    if spec.kind == "quality":
        return [_quality(spec, folder, device)]
    shared = [*flags(options), *_steered(spec), *_processes(spec)]
    if spec.kind == "photos":
        return [
            _run([*shared, "-n", "-o", _as_folder(place)], inputs, folder, number)
            for number, (place, inputs) in enumerate(_batches(spec, folder / "results"))
        ]
    if spec.kind == "clip":
        color, grey = folder / "results" / "color.mp4", folder / "results" / "grey.mp4"
        color.parent.mkdir(exist_ok=True)
        part: dict[str, Any] = {
            name: options[name] for name in ("start_s", "end_s") if name in options
        }
        steered = _steered(spec)
        return [
            _run([*flags({**options, **FOR_BROWSERS}), *steered, "-y", "-o", str(color)],
                 [spec.inputs[0]], folder, 0),
            _run([*flags({**part, **GREY, **FOR_BROWSERS, "device": device}), "-y", "-o",
                  str(grey)], [spec.inputs[0]], folder, 1, counts=False),
        ]  # fmt: skip
    return [_run([*shared, "-o", spec.output], [spec.inputs[0]], folder, 0)]


def report_path(folder: Path, number: int) -> Path:
    """Where a call's ``--report`` goes."""
    return folder / f"report-{number}.json"


def flags(options: dict[str, Any]) -> list[str]:
    """Fields of ``ColorizeOptions`` as flags; None is the default and no flag."""
    words: list[str] = []
    for name, value in options.items():
        if value is None:
            continue
        if name in _ON_OFF:
            value = "on" if value else "off"
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        if isinstance(value, bool):
            words += [flag] if value else []
        else:
            words.append(f"{flag}={value}")
    return words


def _run(
    words: list[str], inputs: list[str], folder: Path, number: int, *, counts: bool = True
) -> Run:
    report = report_path(folder, number)
    common = ["--progress=json", f"--report={report}"]
    return Run((*common, *words, "--", *inputs), counts=counts)


def _steered(spec: Spec) -> list[str]:
    if spec.direction == BESIDE:
        return []
    return [f"--direction={spec.direction or 'none'}"]


def _processes(spec: Spec) -> list[str]:
    return [] if spec.processes is None else [f"--jobs={spec.processes}"]


def _quality(spec: Spec, folder: Path, device: str) -> Run:
    words = ["eval", "--progress=json", f"--device={device}", "--json", "-y"]
    words += [f"--report={folder / 'evaluation.html'}", "--perceptual=off"]
    words += [f"--model={model}" for model in spec.models]
    words += [f"--limit={spec.limit}"] if spec.limit else []
    return Run((*words, "--", *spec.inputs), stdout=folder / "figures.json")


def _batches(spec: Spec, results: Path) -> list[tuple[Path, list[str]]]:
    """Inputs whose results have different names share a folder, and so one call."""
    seen: Counter[str] = Counter()
    batches: dict[int, list[str]] = {}
    for path in spec.inputs:
        stem = Path(path).stem.casefold()
        batches.setdefault(seen[stem], []).append(path)
        seen[stem] += 1
    results.mkdir(exist_ok=True)
    return [
        (results if not number else results / str(number + 1), inputs)
        for number, inputs in batches.items()
    ]


def _as_folder(path: Path) -> str:
    return f"{path}/"
