"""What requests carry, and what is allowed in it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidcolor.engine.options import ColorizeOptions
from vidcolor.errors import OptionError
from vidcolor.studio.errors import NotFound
from vidcolor.studio.files.uploads import Uploads

Text = Annotated[str, Field(max_length=1000)]
"""An id or a name."""


Suffix = Annotated[str, Field(pattern=r"^(|\.(mp4|mkv|mov|webm))$")]
"""Of a film's container."""


_SHARE = re.compile(r":(bounded|[01]?\.?[0-9]{1,6})$")
"""Behind the name of a mix's model."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Look(BaseModel):
    """How to colour: fields of ``ColorizeOptions`` (docs/usage.md); null is the default."""

    quality: Literal["draft", "good", "best"] | None = Field(
        default=None, description="what the rest is that isn't given (docs/models.md)"
    )
    model: Text = Field(
        default="auto",
        description='name of a model, a mix of such ("a+b:0.4"), or "weights:ID" of an upload',
    )
    saturation: float = Field(default=1.0, description="factor on the colours, 0 to 10")
    render_factor: int | None = Field(
        default=None, description="working size in units of 16 pixels, 2 to 128"
    )
    mounts: Literal["grey", "color"] = Field(default="grey", description="paper mounts and mattes")
    repair: Literal["off", "auto", "photo", "film"] = Field(
        default="off", description="dust and scratches; frames of films show it in clips only"
    )
    repair_strength: float | None = Field(default=None, description="0 to 1")


class Settings(Look):
    """How to make a film; photographs take what concerns them."""

    model_config = ConfigDict(extra="forbid")

    stabilize: Literal["motion", "ema", "off"] | None = None
    smoothing: float | None = Field(default=None, description="seconds")
    every: int | Literal["auto"] | None = Field(default=None, description="run on every N-th frame")
    deflicker: bool | None = None
    steady: bool | None = Field(default=None, description="takes the weave of the gate out")
    deinterlace: bool | None = None
    start_s: float | None = Field(default=None, description="seconds from the film's start")
    end_s: float | None = None
    video_codec: Text | None = Field(default=None, description="FFmpeg encoder: libx264, ffv1, ...")
    crf: float | None = None
    audio: Literal["copy", "none"] | None = None
    compare: bool | None = Field(default=None, description="grey and result side by side")


class JobRequest(_Strict):
    """A job: photographs, a film, a clip of a film, or a measurement."""

    kind: Literal["photos", "film", "clip", "quality"]
    sources: list[Text] = Field(min_length=1, description='"upload:ID" or "folder:N/path"')
    settings: Settings = Settings()
    beside: bool = Field(default=True, description="films from folders: write beside the source")
    suffix: Suffix = Field(default="", description="container of the film; empty is the default")
    directed: bool = Field(default=True, description="follow direction files beside the sources")
    processes: int | Literal["auto"] | None = Field(
        default=None, description="that share a film, or photographs (docs/cluster.md); null: one"
    )
    models: list[Text] = Field(default=[], max_length=8, description="of a quality job")
    limit: int | None = Field(default=None, ge=1, le=10_000, description="of a quality job")


def checked(look: Look, owner: str, uploads: Uploads, known: Collection[str]) -> dict[str, Any]:
    """The options that were given, as ``ColorizeOptions`` takes them.

    Args:
        look: what was asked for.
        owner: by whom.
        uploads: where uploaded weights are.
        known: names of models.

    Raises:
        OptionError: a value is out of range, or the model isn't known.
        NotFound: the weights are nobody's, or somebody else's.
    """
    options = {name: value for name, value in look.model_dump().items() if value is not None}
    options["model"] = model_path(options["model"], owner, uploads, known)
    ColorizeOptions(**options)
    return options


def model_path(name: str, owner: str, uploads: Uploads, known: Collection[str]) -> str:
    """A model's name, or a mix's, as it is; uploaded weights as a path. No other file can be named.

    Raises:
        OptionError, NotFound: as above.
    """
    if "+" in name:
        for part in name.split("+"):
            model_path(_SHARE.sub("", part), owner, uploads, known)
        return name
    if name.startswith("weights:"):
        upload = uploads.find(owner, name.removeprefix("weights:"))
        if upload.kind != "weights":
            raise NotFound("no such weights")
        return str(Path(upload.path))
    if name != "auto" and name not in known:
        raise OptionError(f"{name!r} is no known model", option="model")
    return name
