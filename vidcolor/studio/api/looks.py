"""Endpoints of pictures: photographs, frames, shots, sweeps."""

from __future__ import annotations

import itertools
import os
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from vidcolor.studio.api.common import Owner, SourceId, TheStudio, find, send_picture
from vidcolor.studio.api.schemas import Look, checked
from vidcolor.studio.errors import StudioError
from vidcolor.studio.files.direction import direction_path
from vidcolor.studio.studio import Studio

router = APIRouter(prefix="/api", tags=["pictures"])

Side = Annotated[Literal["before", "after"], Query(description="grey, or coloured")]
Format = Annotated[Literal["jpg", "png"], Query(alias="format")]
Size = Annotated[int, Query(ge=64, le=4096, description="of the longer side, at most")]
Seconds = Annotated[float, Query(ge=0, le=1e6, description="from the film's start")]
Models = Annotated[list[str] | None, Query(max_length=8)]
Factors = Annotated[list[int] | None, Query(max_length=8)]
Saturations = Annotated[list[float] | None, Query(max_length=8)]
_MAX_CELLS = 36
"""Pictures of one sweep."""


@router.get("/photos/picture", response_class=FileResponse)
async def photo_picture(
    source: SourceId, owner: Owner, studio: TheStudio, look: Annotated[Look, Query()],
    side: Side = "after", max_px: Size = 1600, image_format: Format = "jpg", directed: bool = False,
) -> FileResponse:  # fmt: skip
    """A photograph at the size of a screen, with the colours that the full result has.

    With ``directed``, hints and references of its direction file show.
    """
    more = _said(studio, owner, source) if directed and side == "after" else {}
    return await _picture("photo", source, owner, studio, look, side, max_px, image_format, **more)


@router.get("/films/frame", response_class=FileResponse)
async def frame(
    source: SourceId, owner: Owner, studio: TheStudio, look: Annotated[Look, Query()],
    at_s: Seconds = 0.0, side: Side = "after", max_px: Size = 1280, image_format: Format = "jpg",
    directed: bool = False, shot: Annotated[int | None, Query(ge=1)] = None,
) -> FileResponse:  # fmt: skip
    """The frame that is on the screen at a time, coloured alone: smoothing needs its neighbours.

    With ``directed``, hints and references of this very frame show, and references and settings of
    its ``shot``.
    """
    more: dict[str, Any] = {"at_s": at_s}
    if directed and side == "after":
        more |= {**_said(studio, owner, source), "shot": shot}
    return await _picture("frame", source, owner, studio, look, side, max_px, image_format, **more)


@router.get("/films/shots")
async def shots(source: SourceId, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """The shots of a film. The first call begins to read it; ask again while ``shots`` is null."""
    film = find(studio, owner, source)
    found = await studio.shots(film)
    return {"shots": found, **studio.shots_done(film)}


@router.get("/films/sweep")
async def sweep(
    source: SourceId, owner: Owner, studio: TheStudio, at_s: Seconds = 0.0, models: Models = None,
    render_factors: Factors = None, saturations: Saturations = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """All combinations of the settings given, each with the address of its picture of a frame."""
    find(studio, owner, source)
    address = "/api/films/frame", {"source": source, "at_s": at_s}
    return await _cells(studio, owner, address, models, render_factors, saturations)


@router.get("/photos/sweep")
async def photo_sweep(
    source: SourceId, owner: Owner, studio: TheStudio, models: Models = None,
    render_factors: Factors = None, saturations: Saturations = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The same of a photograph."""
    find(studio, owner, source)
    address = "/api/photos/picture", {"source": source}
    return await _cells(studio, owner, address, models, render_factors, saturations)


async def _cells(
    studio: Studio, owner: str, address: tuple[str, dict[str, Any]], models: list[str] | None,
    render_factors: list[int] | None, saturations: list[float] | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Of a sweep; ``address`` is that of one picture, without its settings."""
    path, place = address
    factors: list[int | None] = [*render_factors] if render_factors else [None]
    combined = list(itertools.product(models or ["auto"], factors, saturations or [1.0]))
    if len(combined) > _MAX_CELLS:
        raise StudioError(f"{len(combined)} pictures are too many: {_MAX_CELLS} at most")
    known = await studio.model_names()
    cells = []
    for model, factor, saturation in combined:
        look = Look(model=model, render_factor=factor, saturation=saturation)
        checked(look, owner, studio.uploads, known)
        settings = look.model_dump(exclude_none=True)
        query = urlencode({**place, "max_px": 640, **settings})
        cells.append({"settings": settings, "picture": f"{path}?{query}"})
    return cells


def _said(studio: Studio, owner: str, key: str) -> dict[str, Any]:
    """The direction file of a source, and its state; nothing where there is none."""
    file = direction_path(find(studio, owner, key))
    if not file.is_file():
        return {}
    return {"direction": str(file), "state": os.stat(file).st_mtime_ns}


async def _picture(
    task: str, key: str, owner: str, studio: TheStudio, look: Look, side: str, max_px: int,
    image_format: str, **more: Any,  # noqa: ANN401 - JSON values
) -> FileResponse:  # fmt: skip
    source = find(studio, owner, key)
    colored = side == "after"
    options: dict[str, Any] = {}
    if colored:
        options = checked(look, owner, studio.uploads, await studio.model_names())
        options["device"] = studio.settings.devices[0]
        options["offline"] = True
    path = await studio.picture(
        task, source, f".{image_format}", colored=colored, options=options, max_px=max_px, **more
    )
    return send_picture(path)
