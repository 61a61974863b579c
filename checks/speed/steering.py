"""CPU time that hints cost before a film is coloured, by stage, beside steering its frames."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from vidcolor.direction.model import Direction, Hint
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.part_models import PartModels
from vidcolor.engine.plan_film import plan_input
from vidcolor.engine.run.sources import read_settings
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.steering.film import prepare
from vidcolor.media.open import open_input
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.loading import load_model
from vidcolor.types import LumaFrame

T = TypeVar("T")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, help="of one shot, at least half a second long")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model("compact", "cpu", "fp32")
    hints = tuple(Hint(100 + 60 * i, 80 + 30 * i, "navy", 0.5) for i in range(8))
    options = ColorizeOptions(direction=Direction(hints=hints))
    for _ in range(args.repeats):
        print(measured(args.film, model, options), flush=True)


def measured(path: Path, model: Colorizer, options: ColorizeOptions) -> str:
    """A line of figures."""
    reading, models = read_settings(options), PartModels(options, model)
    with open_input(path) as film:
        plan, shots_s = timed(lambda: plan_input(film, reading, rules=SpanRules()))
        steer, carry_s = timed(lambda: prepare(film, reading, options, plan.shots, model, models))
        with film.read(reading) as source:
            frame = next(item for item in source if isinstance(item, LumaFrame))
    assert steer is not None
    ab = torch.zeros(1, 2, 192, 342)
    _, steer_s = timed(lambda: [steer(number, frame, ab) for number in range(plan.frames)])
    shots, carry, each = (1000.0 * s / plan.frames for s in (shots_s, carry_s, steer_s))
    return f"ms of CPU per frame: shots {shots:.1f}, carrying {carry:.1f}, steering {each:.1f}"


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What is made, and seconds of CPU."""
    began = time.process_time()
    made = work()
    return made, time.process_time() - began


if __name__ == "__main__":
    main()
