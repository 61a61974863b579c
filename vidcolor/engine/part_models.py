"""The models that parts of a film's direction name."""

from __future__ import annotations

import logging
from dataclasses import replace

from vidcolor.direction.file import wrong_in
from vidcolor.direction.model import Direction
from vidcolor.engine.model_choice import chosen_model, load_for
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.errors import OptionError, VidcolorError, WeightsError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.families.registry import MODELS
from vidcolor.models.loading import is_installed, spec_of
from vidcolor.models.mixing import names_of
from vidcolor.models.running.device import common_precision, resolve_devices

logger = logging.getLogger(__name__)


class PartModels:
    """Loads the models that parts name, each once, when the first frame needs it."""

    def __init__(
        self, options: ColorizeOptions, usual: Colorizer, progress: Progress | None = None
    ) -> None:
        """Load nothing yet.

        Args:
            options: of the film.
            usual: the film's model.
            progress: told of what is loaded.
        """
        self._options, self._progress = options, progress or NullProgress()
        self._usual = usual
        self._loaded: dict[str, Colorizer | None] = {}

    def __call__(self, name: str) -> Colorizer | None:
        """The model of a name; None if it is the film's.

        Raises:
            OptionError, WeightsError, DeviceError: see ``load_model``.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(chosen_model("video", self._named(name)))
        return self._loaded[name]

    def _load(self, name: str) -> Colorizer | None:
        if name == self._usual.label:
            return None
        model = load_for("video", self._named(name), self._progress, None)
        size = sum(each.numel() * each.element_size() for each in model.parameters())
        text = f"a part of the film is coloured by {name}: {size / 1e6:.0f} MB of weights more"
        self._progress.message(text)
        logger.info("%s", text)
        return model

    def _named(self, name: str) -> ColorizeOptions:
        return _with_model(self._options, name)


def part_models(options: ColorizeOptions, usual: str) -> tuple[str, ...]:
    """Names of the models that parts of a film's direction name, beside its own.

    Args:
        options: of the film.
        usual: the film's model.
    """
    parts = () if options.direction is None else options.direction.parts
    names = [part.model for part in parts if part.model is not None]
    found = [chosen_model("video", _with_model(options, name)) for name in names]
    return tuple(name for name in dict.fromkeys(found) if name != usual)


def check_part_models(options: ColorizeOptions) -> None:
    """See that the models of all parts are here, before any work begins.

    Raises:
        InputError: one isn't, is unknown or can't run; the message names the file, the line and
            the key. OptionError where the direction came from no file.
    """
    said = options.direction or Direction()
    for at, part in enumerate(said.parts):
        if part.model is None:
            continue
        try:
            _check(chosen_model("video", _with_model(options, part.model)), options)
        except VidcolorError as error:
            text = str(error).removeprefix("model ") if isinstance(error, OptionError) else error
            raise wrong_in(said, "part", at, "model", str(text)) from None


def _check(name: str, options: ColorizeOptions) -> None:
    for one in names_of(name):
        spec = MODELS.get(one)
        if spec is not None and not is_installed(spec, options.weights_dir):
            raise WeightsError(f"{one} isn't installed: vidcolor weights pull {one}")
    devices = resolve_devices(options.device)
    common_precision(options.precision, devices, spec_of(name).precisions)


def _with_model(options: ColorizeOptions, name: str) -> ColorizeOptions:
    return replace(options, model=name)
