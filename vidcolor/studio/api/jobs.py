"""Endpoints of jobs: make, list, pause, cancel, go on, results."""

from __future__ import annotations

import bisect
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse

from vidcolor.direction.file import beside
from vidcolor.studio.api.common import Owner, TheStudio, send_file, send_picture
from vidcolor.studio.api.making import make_job
from vidcolor.studio.api.schemas import JobRequest, Look
from vidcolor.studio.errors import NotFound
from vidcolor.studio.files.zipping import zipped
from vidcolor.studio.jobs.commands import report_path
from vidcolor.studio.jobs.job import BESIDE, Job
from vidcolor.studio.studio import Studio

router = APIRouter(prefix="/api/jobs", tags=["jobs"])
_PICTURE_PX = 480
_REPORT_POLICY = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
"""The report is one HTML file with styles and pictures within, and no scripts."""


@router.post("", status_code=201)
async def make(request: JobRequest, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """Put a job into the queue."""
    return shown(studio, await make_job(request, owner, studio))


@router.get("")
async def jobs(
    owner: Owner, studio: TheStudio, most: Annotated[int, Query(ge=1, le=500)] = 100
) -> JSONResponse:
    """Your jobs, the newest first."""
    waiting = studio.queue.waiting()
    return JSONResponse([shown(studio, job, waiting) for job in studio.queue.of(owner, most=most)])


@router.get("/{key}")
async def job(key: str, owner: Owner, studio: TheStudio) -> JSONResponse:
    """One of your jobs."""
    # a response at once: FastAPI's own checks of values take longer than all the rest
    return JSONResponse(shown(studio, studio.queue.find(owner, key)))


@router.post("/{key}/pause")
async def pause(key: str, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """Stop a job and keep its finished parts; others go on meanwhile."""
    return shown(studio, studio.queue.pause(owner, key))


@router.post("/{key}/cancel")
async def cancel(key: str, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """Stop a job for good."""
    return shown(studio, studio.queue.cancel(owner, key))


@router.post("/{key}/resume")
async def resume(key: str, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """Let a paused job go on, or try a failed or cancelled one again."""
    for source in studio.queue.find(owner, key).spec.inputs:
        if not Path(source).is_file():
            raise NotFound("its input is gone")
    return shown(studio, studio.queue.resume(owner, key))


@router.delete("/{key}", status_code=204)
async def remove(key: str, owner: Owner, studio: TheStudio) -> None:
    """Take a job off the list, with its results in the studio; those beside sources stay."""
    removed = studio.queue.remove(owner, key)
    if removed.state != "done" and removed.spec.output:  # what it had kept to go on from
        # late: PyAV takes a tenth of a second that the first page would wait for
        from vidcolor.media.files.work_folder import work_folder_of

        shutil.rmtree(work_folder_of(Path(removed.spec.output)), ignore_errors=True)
    shutil.rmtree(studio.job_folder(key), ignore_errors=True)


@router.get("/{key}/files/{number}", response_class=FileResponse)
async def result(
    key: str, number: int, owner: Owner, studio: TheStudio, download: bool = False
) -> FileResponse:
    """A result; parts of it by Range."""
    found = studio.queue.find(owner, key)
    results = found.outcome.get("results", [])
    if not 0 <= number < len(results):
        raise NotFound("no such result")
    path = Path(results[number]["path"])
    return send_file(path, download=download)


@router.get("/{key}/zip", response_class=StreamingResponse)
async def archive(key: str, owner: Owner, studio: TheStudio) -> StreamingResponse:
    """All results as one ZIP."""
    results = studio.queue.find(owner, key).outcome.get("results", [])
    paths = [Path(each["path"]) for each in results]
    if not paths or not all(path.is_file() for path in paths):
        raise NotFound("the results are gone")
    headers = {"content-disposition": 'attachment; filename="vidcolor.zip"'}
    return StreamingResponse(zipped(paths), media_type="application/zip", headers=headers)


@router.get("/{key}/report")
async def report(key: str, owner: Owner, studio: TheStudio) -> Response:
    """The program's report (docs/progress.md), as JSON."""
    studio.queue.find(owner, key)
    path = report_path(studio.job_folder(key), 0)
    if not path.is_file():
        raise NotFound("there is no report")
    return Response(path.read_bytes(), media_type="application/json")


@router.get("/{key}/evaluation", response_class=HTMLResponse)
async def evaluation(key: str, owner: Owner, studio: TheStudio) -> Response:
    """The report of a quality job, as HTML."""
    return _made(studio, owner, key, "evaluation.html", "text/html; charset=utf-8")


@router.get("/{key}/figures", response_class=JSONResponse)
async def figures(key: str, owner: Owner, studio: TheStudio) -> Response:
    """The figures of a quality job, as JSON (docs/evaluation.md)."""
    return _made(studio, owner, key, "figures.json", "application/json")


@router.get("/{key}/picture", response_class=FileResponse)
async def picture(key: str, owner: Owner, studio: TheStudio) -> FileResponse:
    """A picture of what the job colours."""
    found = studio.queue.find(owner, key)
    folder = studio.job_folder(key)
    path = folder / "picture.jpg"
    if not path.is_file():
        folder.mkdir(mode=0o700, exist_ok=True)
        await _draw(studio, found, path)
    return send_picture(path)


async def _draw(studio: Studio, job: Job, output: Path) -> None:
    spec = job.spec
    if not Path(spec.inputs[0]).is_file():
        raise NotFound("its input is gone")
    wanted: dict[str, Any] = {}
    info = await studio.facts.ask(
        "info", limit_s=studio.settings.limits.look_s, path=spec.inputs[0]
    )
    if info["kind"] == "film":
        start = spec.options.get("start_s") or 0.0
        end = spec.options.get("end_s") or info.get("duration_s") or 0.0
        wanted["at_s"] = max(0.0, (start + end) / 2 - 0.05)
    options = {name: spec.options[name] for name in Look.model_fields if name in spec.options}
    own = Path(spec.direction) if spec.direction not in ("", BESIDE) else beside(spec.inputs[0])
    if spec.direction and own.is_file():
        wanted["direction"] = str(own)
    await studio.colors.ask(
        "frame" if info["kind"] == "film" else "photo",
        limit_s=studio.settings.limits.look_s, path=spec.inputs[0], output=str(output),
        colored=spec.kind != "quality", max_px=_PICTURE_PX,
        options={**options, "device": studio.settings.devices[0], "offline": True}, **wanted,
    )  # fmt: skip


def _ahead(studio: Studio, job: Job, waiting: list[int] | None) -> int:
    """How many jobs come before a queued one."""
    if job.state != "queued":
        return 0
    return bisect.bisect_left(studio.queue.waiting() if waiting is None else waiting, job.number)


def _made(studio: Studio, owner: str, key: str, name: str, kind: str) -> Response:
    studio.queue.find(owner, key)
    path = studio.job_folder(key) / name
    if not path.is_file():
        raise NotFound("there is none")
    headers = {"content-security-policy": _REPORT_POLICY} if name.endswith(".html") else {}
    return Response(path.read_bytes(), media_type=kind, headers=headers)


def shown(studio: Studio, job: Job, waiting: list[int] | None = None) -> dict[str, Any]:
    """A job as the API gives it: no paths of the server.

    Args:
        studio: where it is.
        job: it.
        waiting: ``Queue.waiting``, where it is known already.
    """
    outcome = dict(job.outcome)
    outcome["results"] = [
        {
            "name": each["name"], "of": each["of"], "size": each["size"],
            "there": Path(each["path"]).is_file(),
            "address": f"/api/jobs/{job.id}/files/{number}",
            "source": studio.sources.id_of(Path(each["path"])),
        }
        for number, each in enumerate(outcome.get("results", []))
    ]  # fmt: skip
    options = {name: value for name, value in job.spec.options.items() if name != "model"}
    model = str(job.spec.options.get("model", ""))
    options["model"] = Path(model).name if "/" in model else model
    source = studio.sources.id_of(Path(job.spec.inputs[0]))
    if source is None and job.spec.uploads:
        source = f"upload:{job.spec.uploads[0]}"
    return {
        "id": job.id, "number": job.number, "kind": job.spec.kind, "title": job.title,
        "state": job.state, "wish": job.wish, "device": job.device, "attempts": job.attempts,
        "created_at": job.created_at, "started_at": job.started_at, "ended_at": job.ended_at,
        "ahead": _ahead(studio, job, waiting),
        "now": time.time(), "inputs": job.spec.names, "source": source, "settings": options,
        "progress": job.progress, **outcome,
    }  # fmt: skip
