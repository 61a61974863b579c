"""Shots as a table, JSON, CSV, an edit decision list (CMX 3600) or OpenTimelineIO."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from vidcolor.engine.shots.plan import Shot
from vidcolor.errors import DependencyError


@dataclass(frozen=True, slots=True)
class ShotRow:
    """A shot as lists have it.

    Attributes:
        shot: number, from 1.
        first_frame: from 0.
        last_frame: from 0.
        frames: how many.
        start_s: time of the first frame, from the film's start.
        end_s: time of the last frame.
        begins: "start", "cut", "dissolve" or "fade".
        key_frame: number of the frame that stands for it.
    """

    shot: int
    first_frame: int
    last_frame: int
    frames: int
    start_s: float
    end_s: float
    begins: str
    key_frame: int


@dataclass(frozen=True, slots=True)
class ShotList:
    """The shots of a film.

    Attributes:
        film: its name.
        rate: frames per second.
        rows: in order.
    """

    film: str
    rate: Fraction
    rows: tuple[ShotRow, ...]


def rows_of(shots: Sequence[Shot]) -> tuple[ShotRow, ...]:
    """Rows of shots whose times are from the film's start."""
    return tuple(
        ShotRow(
            s.index + 1, s.first, s.last, s.last - s.first + 1,
            round(s.start_s, 6), round(s.end_s, 6), s.begins, s.key_frame,
        )
        for s in shots
    )  # fmt: skip


def as_table(shots: ShotList) -> str:
    """For people."""
    lines = ["shot   first    last  frames      from        to  begins    key frame"]
    for r in shots.rows:
        lines.append(
            f"{r.shot:4d} {r.first_frame:7d} {r.last_frame:7d} {r.frames:7d}"
            f" {_clock(r.start_s):>9} {_clock(r.end_s):>9}  {r.begins:8s} {r.key_frame:10d}"
        )
    return "\n".join(lines) + "\n"


def as_json(shots: ShotList) -> str:
    """``film``, ``rate`` ("24000/1001") and ``shots``; ``read_shots`` reads it."""
    found = {"film": shots.film, "rate": str(shots.rate), "shots": [asdict(r) for r in shots.rows]}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def as_csv(shots: ShotList) -> str:
    """With a head of column names; ``read_shots`` reads it."""
    text = io.StringIO()
    names = list(ShotRow.__dataclass_fields__)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in shots.rows)
    return text.getvalue()


def as_edl(shots: ShotList) -> str:
    """CMX 3600, all shots as cuts of one reel, with time codes that don't drop frames."""
    lines = [f"TITLE: {Path(shots.film).stem[:70].upper()}", "FCM: NON-DROP FRAME", ""]
    for row in shots.rows:
        begin, end = (_code(n, shots.rate) for n in (row.first_frame, row.last_frame + 1))
        lines.append(f"{row.shot:03d}  AX       V     C        {begin} {end} {begin} {end}")
        lines.append(f"* FROM CLIP NAME: {shots.film}")
        if row.begins in ("dissolve", "fade"):
            lines.append(f"* BEGINS BY {row.begins.upper()}")
    return "\n".join(lines) + "\n"


def as_otio(shots: ShotList) -> str:
    """A timeline of one track with a clip for each shot.

    Raises:
        DependencyError: opentimelineio isn't installed.
    """
    try:
        import opentimelineio as otio  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise DependencyError("OTIO needs opentimelineio: pip install 'vidcolor[otio]'") from error
    rate = float(shots.rate)
    timeline: Any = otio.schema.Timeline(Path(shots.film).stem)
    track = otio.schema.Track("shots", kind=otio.schema.TrackKind.Video)
    whole = _range(otio, 0, sum(row.frames for row in shots.rows), rate)
    for row in shots.rows:
        media = otio.schema.ExternalReference(shots.film, whole)
        clip = otio.schema.Clip(
            f"shot {row.shot}", media, _range(otio, row.first_frame, row.frames, rate)
        )
        clip.metadata["vidcolor"] = {"begins": row.begins, "key_frame": row.key_frame}
        track.append(clip)
    timeline.tracks.append(track)
    return str(otio.adapters.write_to_string(timeline, "otio_json")) + "\n"


FORMATS: Final[dict[str, Callable[[ShotList], str]]] = {
    "table": as_table, "json": as_json, "csv": as_csv, "edl": as_edl, "otio": as_otio,
}  # fmt: skip


def _range(otio: Any, first: int, frames: int, rate: float) -> Any:  # noqa: ANN401 - untyped library
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(first, rate), time(frames, rate))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60.0)
    return f"{int(minutes)}:{rest:06.3f}"


def _code(frame: int, rate: Fraction) -> str:
    whole = max(round(rate), 1)
    seconds, frames = divmod(frame, whole)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}:{frames:02d}"
