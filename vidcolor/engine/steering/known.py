"""From a direction's hints, paintings and references to known colours on a frame's grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vidcolor.color import resize, rgb_to_lab
from vidcolor.direction.color import GREY, KEEP, ab_of
from vidcolor.direction.model import Direction, Hint, Painting, Reference, wrong
from vidcolor.engine.steering.look import Look
from vidcolor.errors import InputError
from vidcolor.media.still.read import read_color
from vidcolor.models.contract import Guidance

MOST_POINTS = 320
"""Known places of one picture that the kernel is given: its time grows with their square."""

_RADIUS = 3.5 / 256
"""Usual radius of a hint, in shorter sides: 7 pixels across at 256 (Zhang et al., 2017)."""

_MOST_PER_HINT = 16
_OPAQUE = 0.5

_GUIDED = 256
"""Shorter side of what models that listen are told, in pixels."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one picture.

    Attributes:
        index: ``(N,)`` int64, cells of the grid, row by row.
        ab: ``(N, 2)`` float32, their colours as they are to be shown.
        reaches: ``(N,)`` bool: these count in all shots.
        keeps: ``(N,)`` bool: these are right as they are.
        exact: ``(3, H, W)`` ab and certainty, at a painting's or reference's own size, where the
            whole picture or parts of it are painted; None for hints alone.
        whole: the whole picture is known, not some things in it.
    """

    index: Tensor
    ab: Tensor
    reaches: Tensor
    keeps: Tensor
    exact: Tensor | None = None
    whole: bool = False

    def __len__(self) -> int:
        """Known places."""
        return len(self.index)


def known_of(
    look: Look, shown: Tensor, size: tuple[int, int], *, hints: Sequence[Hint] = (),
    paintings: Sequence[Painting] = (), references: Sequence[Reference] = (),
) -> Known:  # fmt: skip
    """All that is known of one picture.

    Args:
        look: at the picture.
        shown: ``(2, h, w)`` the model's ab as shown, on the look's grid; "keep" means these.
        size: height and width of the picture in pixels, upright.
        hints: of this picture.
        paintings: of this picture.
        references: this very picture, coloured elsewhere.

    Raises:
        OptionError: a hint lies outside of the picture.
        InputError: a painting can't be read, or has another shape.
    """
    parts = [_of_hint(hint, look, shown, size) for hint in hints]
    exact: Tensor | None = None
    over: list[Painting | Reference] = [*paintings, *references]
    for painted in over:
        planes = painted_planes(painted, size)
        reach = isinstance(painted, Painting) and painted.reach == "film"
        parts.append(_of_planes(planes, look, reach))
        exact = planes if exact is None else _over(exact, planes)
    return Known(
        torch.cat([part.index for part in parts]), torch.cat([part.ab for part in parts]),
        torch.cat([part.reaches for part in parts]), torch.cat([part.keeps for part in parts]),
        exact, whole=bool(references),
    )  # fmt: skip


def painted_planes(painted: Painting | Reference, size: tuple[int, int]) -> Tensor:
    """Ab and opacity of a picture that lies over a frame, ``(3, H, W)`` float32.

    Raises:
        InputError: it can't be read, or has another shape than the frame.
    """
    rgba = torch.from_numpy(read_color(painted.file)).permute(2, 0, 1)
    height, width = rgba.shape[-2:]
    if abs(width / height * size[0] / size[1] - 1.0) > 0.02:
        raise InputError(
            f"{painted.file}: is {width} x {height} pixels: not of the shape of the picture that "
            f"it is of, {size[1]} x {size[0]}"
        )
    planes = torch.cat((rgb_to_lab(rgba[None, :3])[0, 1:], rgba[3:]))
    if isinstance(painted, Painting) and bool((rgba[3] > _OPAQUE).all()):
        raise InputError(
            f"{painted.file}: has no transparent pixels: as a whole picture it is a reference"
        )
    return planes


def _of_hint(hint: Hint, look: Look, shown: Tensor, size: tuple[int, int]) -> Known:
    _check_inside(hint, size)
    height, width = size
    at = torch.tensor([hint.x + 0.5, hint.y + 0.5]) / min(size)
    # the grid may have another shape than the picture, by rounding to multiples
    stretch = look.xy.max(dim=0).values / (torch.tensor([width, height]) / min(size))
    apart = (look.xy / stretch - at).norm(dim=1)
    radius = _RADIUS if hint.radius is None else hint.radius / min(size)
    inside = (apart <= radius).nonzero()[:, 0]
    if not len(inside):
        inside = apart.argmin()[None]
    if len(inside) > _MOST_PER_HINT:
        inside = inside[torch.linspace(0, len(inside) - 1, _MOST_PER_HINT).round().long()]
    if hint.color == KEEP:
        ab = shown.flatten(1).T[inside]
    else:
        color = (0.0, 0.0) if hint.color == GREY else ab_of(hint.color)
        ab = torch.tensor(color).expand(len(inside), 2)
    count = len(inside)
    reaches, keeps = torch.full((count,), hint.reach == "film"), torch.full((count,), False)
    return Known(inside, ab, reaches, keeps | (hint.color == KEEP))


def _check_inside(hint: Hint, size: tuple[int, int]) -> None:
    height, width = size
    if hint.x >= width or hint.y >= height:
        raise wrong(
            "hint",
            f"{hint.x:g},{hint.y:g} lies outside of the picture of {width} x {height} pixels",
        )


def _of_planes(planes: Tensor, look: Look, reach: bool) -> Known:
    """Cells that are mostly painted, at most ``MOST_POINTS`` of them, spread evenly."""
    height, width = look.size
    opaque = F.adaptive_avg_pool2d(planes[2:][None], (height, width))[0, 0]
    ab = resize((planes[:2] * planes[2:])[None], (height, width))[0] / opaque.clamp_min(1e-3)
    index = (opaque.flatten() > _OPAQUE).nonzero()[:, 0]
    if not len(index) and float(opaque.max()) > 0.0:
        index = opaque.flatten().argmax()[None]
    if len(index) > MOST_POINTS:
        chosen = torch.randperm(len(index), generator=torch.Generator().manual_seed(0))
        index = index[chosen[:MOST_POINTS]].sort().values
    reaches, keeps = torch.full((len(index),), reach), torch.full((len(index),), False)
    return Known(index, ab.flatten(1).T[index], reaches, keeps)


def _over(below: Tensor, above: Tensor) -> Tensor:
    above = torch.cat((resize(above[None, :2], below.shape[-2:])[0],
                       resize(above[None, 2:], below.shape[-2:])[0]))  # fmt: skip
    share = above[2:]
    ab = torch.lerp(below[:2], above[:2], share)
    return torch.cat((ab, torch.maximum(below[2:], share)))


def guidance_of(direction: Direction, size: tuple[int, int], saturation: float) -> Guidance | None:
    """What is said of a photograph, for models that listen; None where that is nothing.

    Args:
        direction: what is said; "keep" says nothing to the model.
        size: height and width of the picture in pixels, upright.
        saturation: factor on the model's ab as it is shown.

    Raises:
        OptionError, InputError: see ``known_of``.
    """
    frames = [each for each in direction.references if each.used_as == "frame"]
    hints = [hint for hint in direction.hints if hint.color != KEEP]
    over: list[Painting | Reference] = [*direction.paintings, *frames]
    if not saturation or not (hints or over):
        return None
    scale = min(_GUIDED / min(size), 1.0)
    height, width = (max(round(length * scale), 1) for length in size)
    planes = torch.zeros(3, height, width)
    for painted in over:
        found = painted_planes(painted, size)
        planes = _over(planes, found)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    for hint in hints:
        _check_inside(hint, size)
        radius = _RADIUS * min(size) if hint.radius is None else hint.radius
        apart = ((x + 0.5) / scale - hint.x - 0.5).hypot((y + 0.5) / scale - hint.y - 0.5)
        inside = apart <= max(radius, float(apart.min()))
        color = (0.0, 0.0) if hint.color == GREY else ab_of(hint.color)
        planes[:, inside] = torch.tensor([*color, 1.0])[:, None]
    return Guidance(planes[None, :2] / saturation, planes[None, 2:].clamp(0.0, 1.0))
