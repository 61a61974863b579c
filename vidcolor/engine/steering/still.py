"""Colours of a photograph, with what a person says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vidcolor.color import resize, rgb_to_lab
from vidcolor.direction.model import Direction, Protected, Reference
from vidcolor.engine.steering.kernel import Places, belief, likeness, shipped_kernel
from vidcolor.engine.steering.known import MOST_POINTS, known_of
from vidcolor.engine.steering.look import PHOTO_SIDE, Look, look_at
from vidcolor.media.still.read import read_color

_DOUBT_ELSEWHERE = 6.0
"""Factor on the noise of colours that are another picture's."""

_PALETTE_SHARE = 0.7
"""How far colours go to a palette: all the way overshoots where subjects differ."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What a picture of something else says: places of it, and how wrong ``compact`` is there.

    Attributes:
        places: at most ``MOST_POINTS``.
        error: ``(N, 2)``.
        xy: ``(N, 2)``, positions in shorter sides of that picture.
    """

    places: Places
    error: Tensor
    xy: Tensor


def elsewhere(reference: Reference) -> Elsewhere:
    """Look at a reference that shows something else."""
    lab = lab_of_file(reference.file)
    look = look_at(lab[:, :1] / 100.0, side=PHOTO_SIDE)
    true = resize(lab[:, 1:], look.size)[0]
    error = (true - look.ab).flatten(1).T
    chosen = torch.randperm(len(error), generator=torch.Generator().manual_seed(0))[:MOST_POINTS]
    return Elsewhere(look.places.at(chosen), error[chosen], look.xy[chosen])


def lab_of_file(file: Path) -> Tensor:
    """Lab of a picture, ``(1, 3, H, W)`` float32; transparent pixels count too."""
    rgba = torch.from_numpy(read_color(file)).permute(2, 0, 1)
    return rgb_to_lab(rgba[None, :3].contiguous())


@torch.no_grad()
def steer_still(ab: Tensor, lightness: Tensor, direction: Direction) -> Tensor:
    """A photograph's colours, corrected by what is known.

    Args:
        ab: ``(1, 2, h, w)`` as it would be shown, of any model.
        lightness: ``(1, 1, H, W)``, L*/100, at full size, upright.
        direction: what is said.

    Returns:
        ``(1, 2, h', w')`` float32.

    Raises:
        OptionError, InputError: see ``known_of``.
    """
    if not direction.steers:
        return ab
    made = with_palettes(ab.cpu(), direction)
    look = look_at(lightness, side=PHOTO_SIDE)
    size = (int(lightness.shape[-2]), int(lightness.shape[-1]))
    shown = resize(made, look.size)[0]
    corrected = _corrected(look, shown, size, direction)
    correction = resize((corrected[:, :2] - shown[None]), _finer(look.size, size))
    made = resize(made, correction.shape[-2:]) + correction
    return protect(_painted(made, size, look, shown, direction), ab, size, direction.protected)


def _corrected(look: Look, shown: Tensor, size: tuple[int, int], direction: Direction) -> Tensor:
    frames = [each for each in direction.references if each.used_as == "frame"]
    places, errors, doubts = list[Places](), list[Tensor](), list[Tensor]()
    keeps: Tensor | None = None
    if direction.hints or direction.paintings or frames:
        known = known_of(
            look, shown, size,
            hints=direction.hints, paintings=direction.paintings, references=frames,
        )  # fmt: skip
        places.append(look.places.at(known.index))
        errors.append(known.ab - shown.flatten(1).T[known.index])
        doubts.append(torch.ones(len(known)))
        keeps = None if direction.references else known.keeps
    for reference in direction.references:
        if reference.used_as == "similar":
            other = elsewhere(reference)
            places.append(other.places)
            errors.append(other.error + (look.ab - shown).flatten(1).mean(1))
            doubts.append(torch.full((len(other.error),), _DOUBT_ELSEWHERE))
    if not places or not sum(map(len, places)):
        return shown[None]
    error, confidence = shipped_kernel().solve(
        Places.together(places), torch.cat(errors), torch.cat(doubts), look.places
    )
    error = error * belief(confidence)
    if keeps is not None and len(keeps):
        error = error * likeness(look.places, places[0], keeps)
    return (shown.flatten(1).T + error).T.reshape(1, *shown.shape)


def _finer(grid: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Twice the grid's size, at most the picture's: paintings have finer edges."""
    return min(4 * grid[0], size[0]), min(4 * grid[1], size[1])


def _painted(
    made: Tensor, size: tuple[int, int], look: Look, shown: Tensor, direction: Direction
) -> Tensor:
    """What is painted, exactly as it is painted."""
    frames = [each for each in direction.references if each.used_as == "frame"]
    if not direction.paintings and not frames:
        return made
    known = known_of(look, shown, size, paintings=direction.paintings, references=frames)
    assert known.exact is not None
    exact = resize(known.exact[None], made.shape[-2:])
    return torch.lerp(made, exact[:, :2], exact[:, 2:].clamp(0.0, 1.0))


def protect(
    made: Tensor, before: Tensor, size: tuple[int, int], areas: tuple[Protected, ...]
) -> Tensor:
    """The colours before, where nothing may change; edges as sharp as the grid of ``made``."""
    if not areas:
        return made
    height, width = made.shape[-2:]
    down, across = height / size[0], width / size[1]
    before = resize(before.cpu(), (height, width))
    made = made.clone()
    for area in areas:
        rows = slice(round(area.top * down), round(area.bottom * down))
        columns = slice(round(area.left * across), round(area.right * across))
        made[..., rows, columns] = before[..., rows, columns]
    return made


def with_palettes(ab: Tensor, direction: Direction) -> Tensor:
    """Colours with the means and covariances of palettes.

    The map is the linear one of Monge and Kantorovich (Pitie and Kokaram, 2007), taken in part.
    """
    for reference in direction.references:
        if reference.used_as == "palette":
            ab = to_palette(ab, lab_of_file(reference.file)[:, 1:])
    return ab


def to_palette(ab: Tensor, palette: Tensor) -> Tensor:
    """``(1, 2, h, w)`` with the distribution of ``palette`` ``(1, 2, H, W)``, in part."""
    own, wanted = ab[0].flatten(1), palette[0].flatten(1)
    near, far = _covariance(own), _covariance(wanted)
    root = _root(near)
    back = torch.linalg.inv(root)
    turn = back @ _root(root @ far @ root) @ back
    moved = turn @ (own - own.mean(1, keepdim=True)) + wanted.mean(1, keepdim=True)
    return torch.lerp(own, moved, _PALETTE_SHARE).reshape(ab.shape)


def _covariance(ab: Tensor) -> Tensor:
    return torch.cov(ab) + torch.eye(2)  # a unit of spread, so that grey can be inverted


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * values.clamp_min(0.0).sqrt()) @ vectors.T
    return root
