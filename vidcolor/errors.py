"""Everything vidcolor raises on purpose, each with the exit code that the command line gives it.

::

    VidcolorError                 1
    ├── InputError                1   the input can't be read, decoded or understood
    ├── OutputError               1   the output can't be written
    │   └── StreamLossError       1   --strict: the container can't hold a stream of the source
    ├── OutputExistsError         2   the output is there already, and nobody said what to do
    ├── OptionError               2   an option, or a combination of options, makes no sense
    ├── DeviceError               1   the device or precision asked for isn't there
    │   └── OutOfMemoryError      1   not even a batch of one fits
    ├── DependencyError           1   an optional package or program is missing
    ├── WeightsError              3   weights are missing, damaged or of no known network
    │   ├── UnsafeWeightsError    3   a checkpoint that would run code
    │   └── DownloadError         3   no mirror delivered the file
    └── Interrupted             130   stopped by the user (143 when terminated)

Messages are one line, say what was wrong with which file, and what to do about it.
"""

from __future__ import annotations


class VidcolorError(Exception):
    """Root of all expected errors; ``exit_code`` is what the process ends with."""

    exit_code: int = 1


class InputError(VidcolorError):
    """The input can't be read, decoded or understood."""


class OutputError(VidcolorError):
    """The output can't be written."""


class StreamLossError(OutputError):
    """With ``strict``: the output container can't hold a stream of the source."""


class OutputExistsError(VidcolorError):
    """The output exists and overwriting was not allowed."""

    exit_code = 2


class OptionError(VidcolorError):
    """An option, or a combination of options, makes no sense."""

    exit_code = 2


class DeviceError(VidcolorError):
    """The device or precision asked for is not available."""


class OutOfMemoryError(DeviceError):
    """Not even a batch of one frame fits into the device's memory."""


class DependencyError(VidcolorError):
    """An optional package or program is missing."""


class WeightsError(VidcolorError):
    """Weights are missing, damaged or of no known network."""

    exit_code = 3


class UnsafeWeightsError(WeightsError):
    """A checkpoint that would run code when loaded."""


class DownloadError(WeightsError):
    """No mirror delivered the file."""


class Interrupted(VidcolorError):  # noqa: N818 - a request by the user, not an error
    """The user (130) or the system (143) asked to stop."""

    exit_code = 130

    def __init__(self, message: str = "interrupted", exit_code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = exit_code
