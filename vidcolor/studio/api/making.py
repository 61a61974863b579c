"""From a request to a job: sources are found, options checked, the output named."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidcolor.errors import OptionError
from vidcolor.studio.api.schemas import JobRequest, checked, model_path
from vidcolor.studio.errors import StudioError
from vidcolor.studio.files.direction import direction_path
from vidcolor.studio.files.sources import Source
from vidcolor.studio.jobs.job import Job, Spec
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
    if request.kind != "quality" and request.directed:
        spec = replace(spec, direction=next(filter(None, map(_direction, sources)), ""))
    key = new_key()
    if request.kind == "film":
        spec = replace(spec, output=str(_output(request, sources[0], infos[0], key, studio)))
    return studio.queue.add(owner, _title(spec), spec, key)


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


def _direction(source: Source) -> str:
    path = direction_path(source)
    return str(path) if path.is_file() else ""


def _processes(request: JobRequest) -> int | str | None:
    wanted, most = request.processes, os.cpu_count() or 1
    if isinstance(wanted, int) and not 1 <= wanted <= most:
        raise OptionError(f"is {wanted}: it must be 1 to {most}", option="processes")
    return wanted if request.kind in ("photos", "film") else None


def _title(spec: Spec) -> str:
    first, more = spec.names[0], len(spec.names) - 1
    return first if not more else f"{first} and {more} more"
