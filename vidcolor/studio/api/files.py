"""Endpoints of files: uploads, folders, what is in a file, the file itself."""

from __future__ import annotations

import dataclasses
import os
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse

from vidcolor.studio.api.common import Owner, SourceId, TheStudio, find, send_file
from vidcolor.studio.errors import Conflict, Forbidden, StudioError
from vidcolor.studio.files.sources import Source

router = APIRouter(prefix="/api", tags=["files"])
FileName = Annotated[str, Query(min_length=1, max_length=500, description="name of the file")]


@router.get("/server")
async def server(studio: TheStudio) -> dict[str, Any]:
    """Version, limits, given folders, devices, cores."""
    from vidcolor import __version__

    settings = studio.settings
    return {
        "version": __version__,
        "limits": dataclasses.asdict(settings.limits),
        "folders": [dataclasses.asdict(folder) for folder in studio.sources.folders],
        "allow_weights": settings.allow_weights,
        "devices": settings.devices,
        "cores": os.cpu_count() or 1,
    }


@router.get("/models")
async def models(studio: TheStudio) -> list[dict[str, Any]]:
    """Models that have names; ``installed`` says whether the weights are there."""
    return await studio.models()


@router.put("/uploads", status_code=201)
async def upload(
    request: Request, name: FileName, owner: Owner, studio: TheStudio
) -> dict[str, Any]:
    """Send a photograph or a film as the request's body; the answer says what is in it."""
    sent = await studio.uploads.receive(owner, name, _length(request), request.stream())
    source = Source(f"upload:{sent.id}", sent.path, sent.name, is_upload=True)
    try:
        facts = await studio.info(source)
    except BaseException:
        studio.uploads.drop(sent)
        raise
    studio.uploads.keep(owner, sent, str(facts["kind"]))
    return {**facts, "size": sent.size}


@router.get("/uploads")
async def uploads(owner: Owner, studio: TheStudio) -> list[dict[str, Any]]:
    """Your uploads."""
    return [
        {"source": f"upload:{each.id}", "name": each.name, "kind": each.kind, "size": each.size}
        for each in studio.uploads.of(owner)
    ]


@router.delete("/uploads/{key}", status_code=204)
async def remove_upload(key: str, owner: Owner, studio: TheStudio) -> None:
    """Remove one of your uploads."""
    found = studio.uploads.find(owner, key)
    if key in studio.queue.needed_uploads():
        raise Conflict("an unfinished job needs it")
    studio.uploads.drop(found)


@router.put("/weights", status_code=201)
async def weights(
    request: Request, name: FileName, owner: Owner, studio: TheStudio
) -> dict[str, Any]:
    """Send a weights file (.pth, .safetensors); off unless the server allows it."""
    if not studio.settings.allow_weights:
        raise Forbidden("weights can't be uploaded: the server wasn't started with --allow-weights")
    sent = await studio.uploads.receive(owner, name, _length(request), request.stream())
    try:
        found = await studio.facts.ask(
            "weights", limit_s=studio.settings.limits.look_s, path=str(sent.path)
        )
    except BaseException:
        studio.uploads.drop(sent)
        raise
    studio.uploads.keep(owner, sent, "weights")
    return {"model": f"weights:{sent.id}", "name": sent.name, "network": found["model"]}


@router.get("/folders")
async def folders(
    studio: TheStudio,
    folder: Annotated[str, Query(max_length=2000, description='"folder:N/path"; empty: all')] = "",
) -> list[dict[str, Any]]:
    """The given folders, or what is in one of them."""
    entries = studio.sources.listing(folder) if folder else studio.sources.folders
    return [dataclasses.asdict(entry) for entry in entries]


@router.get("/info")
async def info(source: SourceId, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """What is in a file: kind, size, streams, metadata, warnings."""
    return await studio.info(find(studio, owner, source))


@router.get("/media")
async def media(
    source: SourceId, owner: Owner, studio: TheStudio, download: bool = False
) -> FileResponse:
    """The file itself; parts of it by Range."""
    found = find(studio, owner, source)
    return send_file(found.path, name=found.name, download=download)


Side = Literal["before", "after"]
"""The grey picture, or the coloured one."""


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not text.isdecimal() or len(text) > 18:
        raise StudioError("the length of the upload is no number")
    return int(text)
