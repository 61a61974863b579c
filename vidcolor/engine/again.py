"""Some shots of a film that is done: coloured again, and joined to what is kept of the others."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.part_models import check_part_models, part_models
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.run.again import same_anyway
from vidcolor.engine.run.output import keep_date
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.shots.plan import ShotPlan
from vidcolor.engine.span_job import SpanFilm
from vidcolor.engine.steering.still import directed
from vidcolor.engine.video import encode_settings
from vidcolor.errors import InputError, Interrupted, Option, OptionError
from vidcolor.media.files.kept_film import KeptFilm
from vidcolor.media.files.work_folder import work_folder_of
from vidcolor.media.open import open_input
from vidcolor.media.output import open_writer
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ColorModel
from vidcolor.temporal import LumaFilter
from vidcolor.types import LumaFrame


def redo_shots(
    input: str | Path,  # noqa: A002 - as in colorize_video
    output: str | Path,
    options: ColorizeOptions,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    model: ColorModel | None = None,
    filters: Sequence[LumaFilter] = (),
) -> ColorizeResult:
    """Colour ``options.only_shots`` again, and join them into the earlier result.

    Packets of the other shots stay as they are, byte for byte.

    Args:
        input: the film.
        output: its result, of a run with ``keep_shots``; it is replaced when the new one is whole.
        options: how; settings that spans of one film share must be as they were.
        progress: told of every frame that is coloured.
        stop: set it to stop: the earlier result stays.
        model: an already loaded one; None loads the one that the options name.
        filters: on luma, fresh ones.

    Raises:
        OptionError: nothing is kept, a shot isn't there, or shared settings differ.
        InputError, OutputError, DeviceError, WeightsError, Interrupted: see ``vidcolor.errors``.
    """
    progress, began, options = progress or NullProgress(), time.monotonic(), directed(options)
    reading = read_settings(options)
    check_part_models(options)
    folder = work_folder_of(Path(output))
    with open_input(input) as film, film.read(reading) as source:
        chosen = load_for("video", options, progress, model)
        with open_writer(output, source, encode_settings(source, options, chosen)) as writer:
            kept = _kept(folder, output, same_anyway(film, options, writer.codec))
            plan = ShotPlan.from_json(kept.plan)
            wanted = _spans_of(plan, options.only_shots or ())
            kept, frames = _colored(
                input, output, kept, plan, wanted,
                options=options, chosen=chosen, progress=progress, stop=stop, filters=filters,
            )  # fmt: skip
            writer.keep(folder, kept.packets())
            written = 0
            for item in source:
                if stop is not None and stop.is_set():
                    raise Interrupted
                if isinstance(item, LumaFrame):
                    writer.replay(item)
                    written += 1
                else:
                    writer.write(item)
            if written != plan.frames:
                raise InputError(f"{input}: has {written} frames of the {plan.frames} before")
            writer.commit()
            kept.save()
        keep_date(input, output, options)
        warnings = (*source.status.warnings, *writer.notes)
    return ColorizeResult(
        output=output, frames=frames, seconds=time.monotonic() - began, model=chosen.label,
        device=chosen.device_label, precision=chosen.precision,
        cuts=tuple(shot.start_s for shot in plan.shots[1:]),
        warnings=tuple(dict.fromkeys(warnings)), plan=plan,
        part_models=part_models(options, chosen.label),
    )  # fmt: skip


def _kept(folder: Path, output: str | Path, same: dict[str, Any]) -> KeptFilm:
    kept = KeptFilm.load(folder)
    if kept is None:
        raise OptionError(
            f"{output}: nothing is kept of it: colour the whole film once with ",
            Option("keep_shots", True),
            option="only_shots",
        )
    other = kept.differs_in(same)
    if other is not None:
        raise OptionError(
            f"{output}: was made with another {other}: the whole film has to be done",
            option="only_shots",
        )
    return kept


def _spans_of(plan: ShotPlan, shots: Sequence[int]) -> list[int]:
    """Indexes of the spans of shots, which are counted from 1.

    Raises:
        OptionError: a shot isn't there.
    """
    for shot in shots:
        if shot > len(plan.shots):
            raise OptionError(
                f"{shot} isn't there: the film has {len(plan.shots)}", option="only_shots"
            )
    meant = [plan.shots[shot - 1] for shot in shots]
    return [
        index
        for index, span in enumerate(plan.spans)
        if any(shot.first <= span.frame <= shot.last for shot in meant)
    ]


def _colored(
    input: str | Path,  # noqa: A002 - as in colorize_video
    output: str | Path, kept: KeptFilm, plan: ShotPlan, wanted: Sequence[int], *,
    options: ColorizeOptions, chosen: Colorizer, progress: Progress,
    stop: threading.Event | None, filters: Sequence[LumaFilter],
) -> tuple[KeptFilm, int]:  # fmt: skip
    """The film with new spans, and how many frames they have."""
    frames = sum(plan.span_end(index) - plan.spans[index].frame for index in wanted)
    progress.start(frames, "frames", Path(input).name)
    try:
        with _attempt(kept.folder) as folder, SpanFilm(input, options) as film:
            for index in wanted:
                done = film.colorize(
                    plan, index, folder / Path(output).name,
                    model=chosen, filters=filters, progress=progress, stop=stop,
                )  # fmt: skip
                (file,) = done.files
                kept = kept.with_span(index, folder, file)
    finally:
        progress.close()
    return kept, frames


@contextmanager
def _attempt(folder: Path) -> Iterator[Path]:
    made = folder / f"attempt-again-{secrets.token_hex(4)}"
    for left in folder.glob("attempt-again-*"):
        shutil.rmtree(left, ignore_errors=True)
    made.mkdir()
    try:
        yield made
    finally:
        with suppress(OSError):
            shutil.rmtree(made)
