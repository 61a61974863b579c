"""Batches through the network, halved when memory runs out."""

from __future__ import annotations

import logging

import torch

from vidcolor.engine.device_errors import is_out_of_memory
from vidcolor.errors import Option, OutOfMemoryError
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ModelInput, Prediction

logger = logging.getLogger(__name__)


class Batcher:
    """Runs a model on any number of pictures, as many at a time as memory allows.

    On a GPU the first picture runs alone, to see how much memory one takes.

    Attributes:
        batch_size: pictures per call; falls when memory runs out, and stays down.
    """

    def __init__(self, model: Colorizer, batch_size: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self._is_measured = model.device.type != "cuda"

    def __call__(self, inputs: ModelInput) -> Prediction:
        """Colorize the pictures, in order.

        Raises:
            OutOfMemoryError: when a single picture doesn't fit.
        """
        if not self._is_measured and len(inputs):
            self._is_measured = True
            self._measure(inputs[:1])
        parts: list[Prediction] = []
        done = 0
        while done < len(inputs):
            try:
                parts.append(self.model(inputs[done : done + self.batch_size]))
            except (RuntimeError, MemoryError) as error:
                self._shrink(error)
                continue
            done += len(parts[-1])
        return Prediction.concatenate(parts)

    def _measure(self, picture: ModelInput) -> None:
        """Take a smaller batch at once where the free memory of the GPU can't hold it."""
        device = self.model.device
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        try:
            self.model(picture)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return  # the first batch finds out, and says it
        torch.cuda.synchronize(device)
        one = torch.cuda.max_memory_allocated(device) - before
        kept = torch.cuda.memory_reserved(device) - before  # torch's own, free to be used again
        free = torch.cuda.mem_get_info(device)[0] + max(kept, 0)
        fits = batch_that_fits(self.batch_size, self.model.copies, one, free)
        if fits < self.batch_size:
            logger.info("%d frames at a time fit into the memory of %s", fits, device)
            self.batch_size = fits

    def _shrink(self, error: Exception) -> None:
        if not is_out_of_memory(error):
            raise error
        if self.batch_size == 1:
            raise OutOfMemoryError(
                f"a single frame does not fit into the memory of {self.model.device}: use a ",
                "smaller ", Option("render_factor"), ", ", Option("model", "compact"), ", or ",
                Option("device", "cpu"),
            ) from error  # fmt: skip
        self.batch_size //= 2
        logger.warning("out of memory: going on with %d frames at a time", self.batch_size)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()


def batch_that_fits(wanted: int, copies: int, bytes_per_picture: int, free_bytes: int) -> int:
    """Pictures per call that a GPU's free memory can hold.

    Args:
        wanted: pictures per call, for all devices together.
        copies: devices that share them.
        bytes_per_picture: what the network takes for one picture.
        free_bytes: of each device.

    Returns:
        At least 1 per device, at most ``wanted``.
    """
    usable = int(_USABLE * free_bytes)
    per_device = max(1, usable // max(bytes_per_picture, 1))
    return min(wanted, per_device * copies)


def default_batch_size(model: Colorizer, frame_pixels: int) -> int:
    """Frames per call: the model's own number, fewer for frames so large that they fill memory.

    Devices that share a batch get that number each.
    """
    usual = model.spec.batch_size[model.device.type] * model.copies
    fits = max(1, _BATCH_PIXELS // max(frame_pixels, 1))
    return max(1, min(usual, fits))


_USABLE = 0.8
"""Share of a GPU's free memory for the network: blocks fragment, and the join needs some too."""

_BATCH_PIXELS = 16_000_000
"""Full-size pixels per batch: at 4 bytes of lightness and 2 to 5 of planes each, about 150 MB."""
