"""From a request to a job: sources are found, options checked, the output named."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcolor.direction.file import save_direction
from vidcolor.errors import OptionError
from vidcolor.studio.api.schemas import JobRequest, checked, model_path
from vidcolor.studio.errors import StudioError
from vidcolor.studio.files.direction import direction_of, direction_path
from vidcolor.studio.files.part import needs_shots, of_part
from vidcolor.studio.files.sources import Source
from vidcolor.studio.jobs.job import BESIDE, Job, Spec
from vidcolor.studio.jobs.queue import new_key
from vidcolor.studio.security.paths import free_name
from vidcolor.studio.studio import Studio

_OF_FILMS = (
    "stabilize", "smoothing", "every", "deflicker", "deinterlace", "steady", "start_s", "end_s",
    "video_codec", "crf", "audio",
)  # fmt: skip
_ONE_FILM = ("film", "clip")


async def make_job(request: JobRequest, owner: str, studio: Studio) -> Job:
    """Check everything, and queue the job.

    Raises:
        StudioError, OptionError: what is wrong with the request.
    """
    if len(request.sources) > studio.settings.limits.inputs:
        raise StudioError(f"more than {studio.settings.limits.inputs} files in one job")
    known = await studio.model_names()
    sources = [studio.sources.find(owner, key) for key in dict.fromkeys(request.sources)]
    infos = [await studio.info(source) for source in sources]
    _check_kinds(request, infos)
    options = checked(request.settings, owner, studio.uploads, known)
    if request.kind in ("photos", "quality"):
        options = {name: value for name, value in options.items() if name not in _OF_FILMS}
    if options.get("repair") == "off":
        del options["repair"]
    models = tuple(model_path(name, owner, studio.uploads, known) for name in request.models)
    spec = Spec(
        request.kind,
        tuple(str(source.path) for source in sources),
        tuple(source.name for source in sources),
        tuple(source.id.removeprefix("upload:") for source in sources if source.is_upload),
        options,
        models=models or ((str(options["model"]),) if request.kind == "quality" else ()),
        limit=request.limit,
        processes=_processes(request),
    )
    key = new_key()
    if request.kind != "quality" and request.directed:
        spec = replace(spec, direction=await _direction(sources, infos[0], options, key, studio))
    if request.kind == "film":
        spec = replace(spec, output=str(_output(request, sources[0], infos[0], key, studio)))
    try:
        return studio.queue.add(owner, _title(spec), spec, key)
    except StudioError:
        shutil.rmtree(studio.job_folder(key), ignore_errors=True)
        raise


def _check_kinds(request: JobRequest, infos: list[dict[str, Any]]) -> None:
    kinds = {info["kind"] for info in infos}
    if request.kind in _ONE_FILM and (len(infos) != 1 or kinds != {"film"}):
        raise StudioError("give one film")
    if request.kind == "photos" and kinds != {"photo"}:
        raise StudioError("give photographs")
    if request.kind == "quality" and len(kinds) != 1:
        raise StudioError("give photographs or films, not both")


def _output(
    request: JobRequest, source: Source, info: dict[str, Any], key: str, studio: Studio
) -> Path:
    """Beside a source of a given folder that can be written to; else in the job's folder."""
    name = f"{source.path.stem}_color{request.suffix or info['suffix']}".replace("%", "_")
    folder = source.path.parent
    if source.is_upload or not request.beside or not os.access(folder, os.W_OK):
        folder = studio.job_folder(key) / "results"
        folder.mkdir(mode=0o700, parents=True)
    return free_name(folder / name, studio.queue.planned_outputs())


async def _direction(
    sources: list[Source], info: dict[str, Any], options: dict[str, Any], key: str, studio: Studio
) -> str:
    """What ``Spec.direction`` says; a part of a film gets a file of its own."""
    if not any(direction_path(source).is_file() for source in sources):
        return ""
    start_s, end_s = options.get("start_s"), options.get("end_s")
    if info["kind"] == "photo" or (start_s is None and end_s is None):
        return BESIDE
    said = direction_of(sources[0])
    shots = await studio.all_shots(sources[0]) if needs_shots(said) else []
    part = of_part(said, start_s or 0.0, end_s, shots, frame_s=1.0 / (info.get("rate") or 24.0))
    file = studio.job_folder(key) / "part.colors.toml"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    save_direction(file, part)
    return str(file)


def _processes(request: JobRequest) -> int | str | None:
    wanted, most = request.processes, os.cpu_count() or 1
    if isinstance(wanted, int) and not 1 <= wanted <= most:
        raise OptionError(f"is {wanted}: it must be 1 to {most}", option="processes")
    return wanted if request.kind in ("photos", "film") else None


def _title(spec: Spec) -> str:
    first, more = spec.names[0], len(spec.names) - 1
    return first if not more else f"{first} and {more} more"
