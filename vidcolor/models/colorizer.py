"""``Colorizer``: a loaded model as the engine uses it; a user's own model becomes one, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from vidcolor.errors import DeviceError, OptionError
from vidcolor.models.contract import ColorModel, ModelInput, Prediction
from vidcolor.models.finishing import Finishing
from vidcolor.models.spec import ModelSpec


class Colorizer(nn.Module):
    """A loaded model: what is known of it, and its network behind checks.

    Attributes:
        network: takes a ``ModelInput`` on ``device`` and gives a ``Prediction``.
        spec: facts about the model.
        label: the name, or the path it was loaded from, for people.
        device: where it runs.
        dtype: number format of its weights.
        finishing: what is done to its colours after everything that works over time.
    """

    def __init__(
        self,
        network: Callable[[ModelInput], Prediction],
        spec: ModelSpec,
        *,
        label: str,
        device: torch.device,
        dtype: torch.dtype,
        finishing: Finishing | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.spec, self.label = spec, label
        self.device, self.dtype = device, dtype
        self.finishing = finishing or Finishing()

    @property
    def precision(self) -> str:
        """One of "fp32", "bf16", "fp16"."""
        return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[self.dtype]

    @property
    def copies(self) -> int:
        """How many devices share a batch."""
        return 1

    @property
    def device_label(self) -> str:
        """Where it runs, for people."""
        return str(self.device)

    @torch.inference_mode()
    def forward(self, inputs: ModelInput) -> Prediction:
        """Colorize a batch at the size it is given.

        Args:
            inputs: lightness of any size; on any device.

        Returns:
            Ab in float32 over the same pictures, not finished yet. It may be smaller than the
            lightness; features and confidence, where there are any, have its size.

        Raises:
            OptionError: for guidance that the model can't take.
            ValueError: lightness, or what the model gives, has another shape or dtype.
            DeviceError: the network overflowed in float16.
        """
        _check_input(inputs, self)
        return self._checked(self._run(inputs), inputs)

    def _run(self, inputs: ModelInput) -> Prediction:
        """Start the work, which a GPU does asynchronously."""
        return self.network(inputs.to(self.device))

    def _checked(self, prediction: Prediction, inputs: ModelInput) -> Prediction:
        """The prediction in float32; looks at its numbers only where they can overflow."""
        _check_prediction(prediction, inputs, self)
        ab = prediction.ab.float()
        if self.dtype is torch.float16 and not bool(torch.isfinite(ab).all()):
            raise DeviceError(
                f"the model {self.label} overflowed in fp16: choose the precision bf16 or fp32"
            )
        return prediction if ab is prediction.ab else replace(prediction, ab=ab)


def as_colorizer(model: ColorModel) -> Colorizer:
    """A model of the user's own as the engine uses it; a ``Colorizer`` stays as it is.

    Raises:
        OptionError: it isn't a ``ColorModel``.
    """
    if isinstance(model, Colorizer):
        return model
    if not isinstance(model, ColorModel) or not isinstance(model.spec, ModelSpec):
        raise OptionError(
            "model must be a vidcolor.ColorModel (spec, device, and a call with a ModelInput),"
            f" got {type(model).__name__}"
        )
    device = torch.device(model.device)
    return Colorizer(model, model.spec, label=model.spec.name, device=device, dtype=torch.float32)


def _check_input(inputs: ModelInput, model: Colorizer) -> None:
    lightness = inputs.lightness
    if lightness.ndim != 4 or lightness.shape[1] != 1 or lightness.dtype != torch.float32:
        raise ValueError(
            "lightness must be (B, 1, H, W) float32,"
            f" got {tuple(lightness.shape)} {lightness.dtype}"
        )
    if inputs.guidance is None:
        return
    if not model.spec.takes_guidance:
        raise OptionError(f"the model {model.label} takes no guidance (spec.takes_guidance)")
    if len(inputs.guidance.ab) != len(inputs):
        raise ValueError(f"guidance for {len(inputs.guidance.ab)} of {len(inputs)} pictures")


def _check_prediction(prediction: Prediction, inputs: ModelInput, model: Colorizer) -> None:
    """Check a model's result: a wrong shape would fail much later, in another place."""
    shape = prediction.ab.shape
    if len(shape) != 4 or shape[:2] != (len(inputs), 2) or not prediction.ab.is_floating_point():
        raise ValueError(
            f"the model {model.label} must give ab ({len(inputs)}, 2, h, w) in floating point,"
            f" got {tuple(shape)} {prediction.ab.dtype}"
        )
