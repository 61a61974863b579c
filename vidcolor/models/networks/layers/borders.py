"""Pictures whose sides are no multiples of a network's stride: padded before it, cropped after."""

from __future__ import annotations

from dataclasses import replace

import torch.nn.functional as F

from vidcolor.models.contract import ModelInput


def padded(inputs: ModelInput, multiple: int) -> ModelInput:
    """Pad to the right and below by repeating the last row and column.

    Args:
        inputs: of any size; guidance is brought to the lightness's size.
        multiple: of which the padded sides are multiples, in pixels.

    Returns:
        The input itself where nothing has to be done.
    """
    height, width = inputs.lightness.shape[-2:]
    if inputs.guidance is not None:
        inputs = replace(inputs, guidance=inputs.guidance.resized((height, width)))
    down, right = -height % multiple, -width % multiple
    if not down and not right:
        return inputs
    return inputs.each(lambda each: F.pad(each, (0, right, 0, down), mode="replicate"))
