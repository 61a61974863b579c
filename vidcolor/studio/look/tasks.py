"""What the looking process does: facts, photographs, frames, shots, weights.

Each task takes the request's arguments and a function for progress, and returns a JSON value.
Pictures go to files that the request names: JPEG, or PNG where it ends so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from vidcolor.direction.file import load_direction
from vidcolor.direction.model import Direction
from vidcolor.engine.describe import describe
from vidcolor.engine.options import ColorizeOptions
from vidcolor.models.families.registry import MODELS
from vidcolor.models.loading import load_model
from vidcolor.studio.look.facts import film_facts, photo_facts
from vidcolor.studio.look.frames import frame_picture
from vidcolor.studio.look.photos import photo_picture
from vidcolor.studio.look.pictures import write_picture
from vidcolor.studio.look.shots import film_shots

Report = Callable[[object], None]


def info(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """What a file holds."""
    found = describe(request["path"], ColorizeOptions(**request.get("options", {})))
    name = Path(request["path"]).name
    if found.photo is not None:
        return photo_facts(found, name)
    return film_facts(found, name)


def photo(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """A photograph, grey or coloured, reduced to ``max_px``."""
    options = ColorizeOptions(**request["options"], direction=_direction(request))
    picture = photo_picture(
        request["path"], options,
        colored=request["colored"], max_px=request["max_px"],
    )  # fmt: skip
    write_picture(picture, request["output"])
    return {"width": picture.shape[1], "height": picture.shape[0]}


def frame(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """The frame of a film that is on the screen at ``at_s``."""
    picture, at_s = frame_picture(
        request["path"], request["at_s"], ColorizeOptions(**request["options"]),
        colored=request["colored"], max_px=request["max_px"],
        direction=_direction(request), shot=request.get("shot"),
    )  # fmt: skip
    write_picture(picture, request["output"])
    return {"width": picture.shape[1], "height": picture.shape[0], "at_s": at_s}


def _direction(request: dict[str, Any]) -> Direction | None:
    file = request.get("direction", "")
    return load_direction(file) if file else None


def shots(request: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """The shots of a film, with the time of each key frame."""
    return film_shots(request["path"], Path(request["cache"]), report)


def weights(request: dict[str, Any], report: Report) -> dict[str, Any]:
    """Load a weights file by the safe loader; its network's name."""
    return {"model": load_model(request["path"], "cpu", offline=True).spec.name}


def models(request: dict[str, Any], report: Report) -> list[dict[str, Any]]:
    """The models that are known by name, and whether their weights are there."""
    from vidcolor.models.weights.store import weights_status

    found = []
    for name, spec in MODELS.items():
        there = bool(spec.bundled) or weights_status(name, check="never").state != "missing"
        found.append(
            {
                "name": name,
                "title": spec.title,
                "licence": spec.licence,
                "installed": there,
                "render_factor_film": spec.working_size.video,
                "render_factor_photo": spec.working_size.image,
            }  # fmt: skip
        )
    return found


TASKS: Final[dict[str, Callable[[dict[str, Any], Report], Any]]] = {
    "info": info, "photo": photo, "frame": frame, "shots": shots, "weights": weights,
    "models": models,
}  # fmt: skip
