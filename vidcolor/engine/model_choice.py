"""Which model a job uses, and the one line that tells of better ones."""

from __future__ import annotations

from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import Progress
from vidcolor.models.colorizer import Colorizer, as_colorizer
from vidcolor.models.contract import ColorModel
from vidcolor.models.families.registry import auto_order, family_of, find_spec
from vidcolor.models.loading import best_model, choose_model, load_model
from vidcolor.models.spec import Kind


def load_for(
    kind: Kind, options: ColorizeOptions, progress: Progress, model: ColorModel | None
) -> Colorizer:
    """The model that is given, or the one that the options name; says what "auto" chose."""
    if model is not None:
        return as_colorizer(model)
    name = options.model
    if options.chooses_model:
        name = chosen_model(kind, options)
        progress.message(chosen_line(kind, name, options))
    with device_errors(options.device):
        loaded = load_model(
            name, options.device, options.precision,
            kind=kind, weights_dir=options.weights_dir, offline=options.offline, progress=progress,
        )  # fmt: skip
        return compiled_if_asked(loaded, options)


def chosen_model(kind: Kind, options: ColorizeOptions) -> str:
    """The model's name, where the options leave the choice; else what they say.

    Raises:
        WeightsError: no model's weights are there.
    """
    if options.model == "best":
        return best_model(kind, weights_dir=options.weights_dir)
    if options.model == "auto":
        return choose_model(kind, options.device, weights_dir=options.weights_dir)
    return options.model


def compiled_if_asked(model: Colorizer, options: ColorizeOptions) -> Colorizer:
    """The model as ``options.compile`` wants it."""
    if not options.compile:
        return model
    from vidcolor.models.running.compiled import compile_model

    return compile_model(model)


def chosen_line(kind: Kind, name: str, options: ColorizeOptions) -> str:
    """One line about the model of a job."""
    return auto_line(kind, name) if options.model == "auto" else f"using {name}"


def auto_line(kind: Kind, name: str) -> str:
    """What "auto" chose, and how to get its first choice where that isn't installed."""
    best = next((spec for spec in auto_order(kind) if not spec.bundled), None)
    if best is None or not find_spec(name).bundled:
        return f"using {name}"
    return (
        f"using the built-in model '{name}'; for {family_of(best).title}: "
        f"vidcolor weights pull {best.name}"
    )
