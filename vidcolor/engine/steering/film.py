"""A film's colours, with what a person says of them: prepared before it is coloured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vidcolor.color import luma_to_lightness, resize
from vidcolor.direction.file import wrong_in
from vidcolor.direction.model import (
    Direction,
    Hint,
    Painting,
    Part,
    Protected,
    Reference,
    Scope,
    wrong,
)
from vidcolor.engine.coloring.colorist import FrameLightness, color_alone
from vidcolor.engine.coloring.geometry import as_stored, upright
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.part_models import PartModels
from vidcolor.engine.shots.plan import Shot
from vidcolor.engine.steering.carrying import Memory
from vidcolor.engine.steering.known import Known, known_of
from vidcolor.engine.steering.motion import EXACT, QUICK
from vidcolor.engine.steering.parts import TOLERANCE_S, covers, setting_of
from vidcolor.engine.steering.shot import Steered, steer_shot, watch
from vidcolor.engine.steering.still import elsewhere, protect, with_palettes
from vidcolor.media.open import Input
from vidcolor.media.source import ReadSettings
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import Guidance
from vidcolor.types import LumaFrame, VideoInfo

_SIMILAR_DOUBT: Final = 12.0
"""Factor on the noise of another picture's colours, in films."""

Timed = Hint | Painting | Reference


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame of a shot.

    Attributes:
        number: of the frame.
        luma: as the source has it.
        display: turns planes ``(1, C, h, w)`` from as they are stored to as they are shown.
        full: its lightness at full size, as stored.
        said: which of the things that are said are said of this frame.
    """

    number: int
    luma: LumaFrame
    display: Callable[[Tensor], Tensor]
    full: Callable[[LumaFrame], Tensor]
    said: tuple[int, ...] = ()

    @property
    def is_wanted(self) -> bool:
        """Something is said of this very frame."""
        return bool(self.said)

    def small(self, side: int) -> Tensor:
        """See ``shot.Frame``."""
        codes: npt.NDArray[np.integer[Any]] = np.ascontiguousarray(self.luma.luma)
        height, width = codes.shape
        scale = min(1.0, side / min(height, width))
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        # means of codes in place of lightness: a third of the time, and motion is the same
        small = cv2.resize(codes, size, interpolation=cv2.INTER_AREA)
        light = luma_to_lightness(
            torch.from_numpy(small), depth=self.luma.depth, full_range=self.luma.full_range
        )
        return (self.display(light[None, None])[0] * 255.0).round().to(torch.uint8)

    def lightness(self) -> Tensor:
        """See ``shot.Frame``."""
        return self.display(self.full(self.luma))


@dataclass(slots=True)
class Steering:
    """What is known of a film's frames.

    Attributes:
        direction: what was said.
        shots: of the film.
        late_s: what presentation times have to lose to count from the film's start.
        saturation: factor on ab that the options ask for.
        rotation: degrees clockwise by which stored frames are turned for display.
        mirrored: left and right are exchanged for display, after turning.
        size: height and width of the upright frames, in pixels.
        models: loads those that parts name.
        steered: by index of the shot, those of which something is known.
    """

    direction: Direction
    shots: Sequence[Shot]
    late_s: float
    saturation: float
    rotation: int
    mirrored: bool
    size: tuple[int, int]
    models: PartModels
    steered: dict[int, Steered] = field(default_factory=dict)

    def __call__(self, number: int, frame: LumaFrame, ab: Tensor) -> Tensor:
        """A frame's colours with what is known of them.

        Args:
            number: of the frame.
            frame: its time counts.
            ab: ``(1, 2, h, w)``, as the model and the options have it, turned as stored.
        """
        shot, seconds = self._shot_of(number), float(frame.pts * frame.time_base) - self.late_s
        saturation = setting_of(self.direction.parts, "saturation", shot, seconds)
        steered = self.steered.get(shot.index)
        before = self._shown(ab)
        made = self._palette(before, shot, seconds)
        if steered is not None and number < steered.first + steered.count:
            made = steered.steer(number, made)
        areas = [a for a in self.direction.protected if covers(a.scope, shot, seconds)]
        if made is not before:
            made = protect(made, before, self.size, tuple(areas))
        if saturation is not None:
            made = made * (saturation / self.saturation if self.saturation else 0.0)
        return ab if made is before else self._stored(made.to(ab.device))

    def guide(self, number: int) -> Guidance | None:
        """See ``coloring.film.Steer``; as the model has it, without the options' saturation."""
        steered = self.steered.get(self._shot_of(number).index)
        if steered is None or number >= steered.first + steered.count or not self.saturation:
            return None
        guidance = steered.guide(number, self.saturation)
        return guidance.each(lambda planes: planes.flip(-1)) if self.mirrored else guidance

    def model_of(self, number: int, frame: LumaFrame) -> Colorizer | None:
        """See ``coloring.film.Steer``."""
        seconds = float(frame.pts * frame.time_base) - self.late_s
        name = setting_of(self.direction.parts, "model", self._shot_of(number), seconds)
        return None if name is None else self.models(name)

    def smoothing_of(self, number: int, frame: LumaFrame) -> float | None:
        """See ``coloring.film.Steer``."""
        seconds = float(frame.pts * frame.time_base) - self.late_s
        shot = self._shot_of(number)
        found: float | None = setting_of(self.direction.parts, "smoothing", shot, seconds)
        return found

    def _palette(self, ab: Tensor, shot: Shot, seconds: float) -> Tensor:
        found = [
            each for each in self.direction.references
            if each.used_as == "palette" and covers(each.scope, shot, seconds)
        ]  # fmt: skip
        if not found:
            return ab
        return with_palettes(ab, Direction(references=tuple(found)))

    def _shot_of(self, number: int) -> Shot:
        return next((s for s in self.shots if s.first <= number <= s.last), self.shots[-1])

    def _shown(self, ab: Tensor) -> Tensor:
        turned = upright(ab, self.rotation)
        return turned.flip(-1) if self.mirrored else turned

    def _stored(self, ab: Tensor) -> Tensor:
        return as_stored(ab.flip(-1) if self.mirrored else ab, self.rotation)


def prepare(
    film: Input, reading: ReadSettings, options: ColorizeOptions, shots: Sequence[Shot],
    model: Colorizer, models: PartModels,
) -> Steering | None:  # fmt: skip
    """Carry all that is said through the shots that it is said of; None where nothing is.

    Args:
        film: the input; read once more for each shot of which something is known.
        reading: as the film is coloured.
        options: with a direction.
        shots: of the film, as its plan has them.
        model: that colours it; "keep" asks it for a frame.
        models: loads those that parts name.

    Raises:
        OptionError: a time lies behind the film's end, or a shot or place isn't there.
        InputError: a picture can't be read, or the direction's file names a shot that isn't there.
    """
    direction = options.direction
    if direction is None or not direction.changes_frames:
        return None
    return _Preparation(film, reading, options, direction, shots, model, models).steering()


class _Preparation:
    def __init__(
        self, film: Input, reading: ReadSettings, options: ColorizeOptions, direction: Direction,
        shots: Sequence[Shot], model: Colorizer, models: PartModels,
    ) -> None:  # fmt: skip
        self._film, self._reading, self._options = film, reading, options
        self._direction, self._model, self._models = direction, model, models
        with film.read(reading) as source:
            info: VideoInfo = source.info
            self._late = info.start_s - float(source.time_offset_s)
        self._info = info
        self._lightness = FrameLightness(
            model, render_factor=options.render_factor, rotation=info.rotation, sar=info.sar
        )
        self._shots = [*shots]
        across = info.rotation % 180 == 0
        self._size = (info.height, info.width) if across else (info.width, info.height)

    def steering(self) -> Steering:
        """All shots."""
        self._check()
        made = Steering(
            self._direction, self._shots, self._late, self._options.saturation,
            self._info.rotation, self._info.is_mirrored, self._size, self._models,
        )  # fmt: skip
        said: list[Timed] = [
            *self._direction.hints,
            *self._direction.paintings,
            *self._frames_given(),
        ]
        by_shot: dict[int, list[Timed]] = {}
        for each in said:
            by_shot.setdefault(self._shot_at(each).index, []).append(each)
        far = self._elsewhere()
        first = [index for index in by_shot if any(_reaches(e) for e in by_shot[index])]
        order = [*first, *(i for i in by_shot if i not in first and self._is_done(i))]
        for index in order:
            made.steered[index] = self._steered(self._shots[index], by_shot[index], far)
        for shot in self._shots:
            local = [memory for scope, memory in far if self._covers_some(scope, shot)]
            if shot.index not in made.steered and local and self._is_done(shot.index):
                made.steered[shot.index] = self._steered(shot, [], far)
        return made

    def _is_done(self, index: int) -> bool:
        only = self._options.only_shots
        return only is None or index + 1 in only

    def _check(self) -> None:
        said, count = self._direction, len(self._shots)
        tables: dict[str, Sequence[Part | Reference | Protected]] = {
            "part": said.parts, "reference": said.references, "protect": said.protected,
        }  # fmt: skip
        for table, items in tables.items():
            for at, each in enumerate(items):
                shot = each.scope.shot
                if shot is not None and shot > count:
                    text = f"{shot} isn't there: the film has {count}"
                    raise wrong_in(said, table, at, "shot", text)

    def _frames_given(self) -> list[Reference]:
        return [each for each in self._direction.references if each.used_as == "frame"]

    def _elsewhere(self) -> list[tuple[Scope, Memory]]:
        """What pictures of something like the film's shots say."""
        found = []
        for reference in self._direction.references:
            if reference.used_as == "similar":
                other = elsewhere(reference)
                doubt = torch.full((len(other.error),), _SIMILAR_DOUBT)
                nowhere = torch.full((len(doubt),), -1)
                keeps = torch.zeros(len(doubt), dtype=torch.bool)
                memory = Memory(
                    other.places, other.error, doubt, nowhere, other.xy, keeps, whole=True
                )
                found.append((reference.scope, memory))
        return found

    def _covers_some(self, scope: Scope, shot: Shot) -> bool:
        if scope.shot is not None:
            return scope.shot == shot.index + 1
        begin, end = shot.start_s - self._late, shot.end_s - self._late
        return (scope.start_s or 0.0) <= end and (scope.end_s is None or scope.end_s > begin)

    def _shot_at(self, said: Timed) -> Shot:
        if said.time_s is None:
            raise wrong("hint", "in a film colours need a time: TIME@X,Y=COLOUR")
        if said.time_s > self._shots[-1].end_s - self._late + 1.0:
            end = self._shots[-1].end_s - self._late
            raise wrong("hint", f"{said.time_s:g} s is behind the film's end, {end:g} s")
        begun = [s for s in self._shots if s.start_s - self._late <= said.time_s + TOLERANCE_S]
        return begun[-1] if begun else self._shots[0]

    def _frames(self, shot: Shot, said: Sequence[Timed]) -> Iterator[_Frame]:
        """A shot's frames; what is said of a time is said of the last frame that began by then."""
        before: _Frame | None = None
        times = [(each.time_s or 0.0) + TOLERANCE_S for each in said]
        with self._film.read(self._reading, first_frame=shot.first) as source:
            luma = (item for item in source if isinstance(item, LumaFrame))
            for at, frame in enumerate(islice(luma, shot.last - shot.first + 1)):
                now = self._seconds(frame)
                if before is not None:
                    passed = tuple(i for i, time in enumerate(times) if time < now)
                    times = [inf if i in passed else time for i, time in enumerate(times)]
                    yield replace(before, said=passed)
                before = _Frame(shot.first + at, frame, self._display, self._lightness.full)
        if before is not None:
            yield replace(before, said=tuple(i for i, time in enumerate(times) if time < inf))

    def _display(self, planes: Tensor) -> Tensor:
        turned = upright(planes, self._info.rotation)
        return turned.flip(-1) if self._info.is_mirrored else turned

    def _seconds(self, frame: LumaFrame) -> float:
        return float(frame.pts * frame.time_base) - self._late

    def _steered(
        self, shot: Shot, said: Sequence[Timed], far: list[tuple[Scope, Memory]]
    ) -> Steered:
        numbers: dict[int, tuple[int, ...]] = {}
        kept: dict[int, Tensor] = {}

        def frames() -> Iterator[_Frame]:
            for frame in self._frames(shot, said):
                if frame.said:
                    numbers[frame.number] = frame.said
                    kept[frame.number] = self._shown(shot, frame.luma)
                yield frame

        care = QUICK if all(isinstance(each, Hint) for each in said) else EXACT
        grey = watch(frames(), shot.first, care)
        known: dict[int, Known] = {}
        for number, which in numbers.items():
            here = [said[at] for at in which]
            look = grey.looks[number]
            known[number] = known_of(
                look, resize(kept[number], look.size)[0], self._size,
                hints=[e for e in here if isinstance(e, Hint)],
                paintings=[e for e in here if isinstance(e, Painting)],
                references=[e for e in here if isinstance(e, Reference)],
            )  # fmt: skip
        saturation = self._options.saturation
        for number, each in known.items():
            reaching = Memory.of(grey.looks[number], each, saturation, only_far=True)
            if len(reaching):
                far.append((Scope(), reaching))
        local = [memory for scope, memory in far if self._covers_some(scope, shot)]
        return steer_shot(grey, known, Memory.together(local), saturation=saturation, care=care)

    def _shown(self, shot: Shot, luma: LumaFrame) -> Tensor:
        """A frame's colours as the model alone has them, upright."""
        wants = any(hint.color == "keep" for hint in self._direction.hints)
        if not wants:
            return torch.zeros(1, 2, 1, 1)
        name = setting_of(self._direction.parts, "model", shot, self._seconds(luma))
        model, lightness = self._model, self._lightness
        other = None if name is None else self._models(name)
        if other is not None:
            model = other
            lightness = FrameLightness(
                model, render_factor=self._options.render_factor,
                rotation=self._info.rotation, sar=self._info.sar,
            )  # fmt: skip
        ab = color_alone(
            model, lightness, luma, saturation=self._options.saturation,
            grey_mounts=self._options.mounts == "grey",
        )  # fmt: skip
        return self._display(ab.cpu())


def _reaches(said: Timed) -> bool:
    return not isinstance(said, Reference) and said.reach == "film"
