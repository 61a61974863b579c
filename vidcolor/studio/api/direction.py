"""Endpoints of directions: hints, references and settings of shots (docs/direction.md)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from vidcolor.direction.model import Hint, Part, Reference, Scope
from vidcolor.studio.api.common import Owner, SourceId, TheStudio, find
from vidcolor.studio.api.schemas import Text, model_path
from vidcolor.studio.errors import StudioError
from vidcolor.studio.files.direction import as_json, change_direction, direction_of
from vidcolor.studio.files.sources import Source
from vidcolor.studio.studio import Studio

router = APIRouter(prefix="/api", tags=["direction"])
_MOST = 2000


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class HintBody(_Strict):
    """A colour at a place."""

    x: float = Field(description="pixels of the picture as shown, at its stored size")
    y: float
    color: Annotated[str, Field(max_length=60)] = Field(description='"#23406b", a CSS name, "keep"')
    time_s: float | None = Field(default=None, description="of the frame; photographs have none")
    radius: float | None = None
    reach: Literal["shot", "film"] = "shot"


class ScopeBody(_Strict):
    """Which frames."""

    shot: int | None = Field(default=None, description="from 1")
    start_s: float | None = None
    end_s: float | None = None


class ReferenceBody(ScopeBody):
    """A picture in colour: a new one by ``source``, one that is there by ``name``."""

    source: Text = ""
    name: Text = ""
    kind: Literal["auto", "frame", "similar", "palette"] = "auto"
    time_s: float | None = None


class PartBody(ScopeBody):
    """Settings of a shot."""

    saturation: float | None = None
    smoothing: float | None = None
    model: Text | None = None


class DirectionBody(_Strict):
    """All hints, references and parts; those left out are removed."""

    hints: list[HintBody] = Field(default=[], max_length=_MOST)
    references: list[ReferenceBody] = Field(default=[], max_length=_MOST)
    parts: list[PartBody] = Field(default=[], max_length=_MOST)


@router.get("/direction")
async def direction(source: SourceId, owner: Owner, studio: TheStudio) -> dict[str, Any]:
    """What the direction file beside a film or photograph says."""
    return as_json(direction_of(find(studio, owner, source)))


@router.put("/direction")
async def set_direction(
    source: SourceId, body: DirectionBody, owner: Owner, studio: TheStudio
) -> dict[str, Any]:
    """Write the direction file beside a film or photograph; pictures, clips and jobs follow it."""
    film = find(studio, owner, source)
    await _check_models(body, film, owner, studio)
    if (await studio.info(film))["kind"] == "photo":
        _check_timeless(body)
    references = []
    for each in body.references:
        picture = find(studio, owner, each.source) if each.source else None
        if picture is not None and (await studio.info(picture))["kind"] != "photo":
            raise StudioError(f"{picture.name}: a reference has to be a photograph")
        if picture is None and not each.name:
            raise StudioError("a reference needs source or name")
        file = Path(picture.name if picture else Path(each.name).name)
        references.append((Reference(file, each.time_s, each.kind, _scope(each)), picture))
    changed = change_direction(
        film,
        hints=[Hint(**hint.model_dump()) for hint in body.hints],
        parts=[Part(_scope(p), p.saturation, p.smoothing, p.model) for p in body.parts],
        references=references,
    )
    return as_json(changed)


async def _check_models(body: DirectionBody, film: Source, owner: str, studio: Studio) -> None:
    """Models that may be named: those that are known, and what the file says already."""
    said = {part.model for part in direction_of(film).parts}
    known = await studio.model_names()
    for name in {part.model for part in body.parts if part.model is not None} - said:
        if name.startswith("weights:"):
            raise StudioError("uploaded weights can't be named for a shot: choose a known model")
        model_path(name, owner, studio.uploads, known)


def _check_timeless(body: DirectionBody) -> None:
    """A photograph has no time, and no shots."""
    timed: list[HintBody | ReferenceBody] = [*body.hints, *body.references]
    scopes = [each for each in body.references if _scope(each) != Scope()]
    if body.parts or scopes or any(each.time_s is not None for each in timed):
        raise StudioError("a photograph has no times and no shots")


def _scope(body: ScopeBody) -> Scope:
    return Scope(**{name: getattr(body, name) for name in asdict(Scope())})
