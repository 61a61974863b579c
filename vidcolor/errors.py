"""The errors that vidcolor raises on purpose, each with the command line's exit code.

::

    VidcolorError                 1
    ├── InputError                1   the input can't be read, decoded or understood
    ├── OutputError               1   the output can't be written
    │   └── StreamLossError       1   ``strict``: the container can't hold a stream of the source
    ├── OutputExistsError         2   the output exists, and overwriting was not allowed
    ├── OptionError               2   an option, or a combination of options, makes no sense
    ├── DeviceError               1   the device or precision asked for is not available
    │   └── OutOfMemoryError      1   not even a batch of one fits
    ├── DependencyError           1   an optional package or program is missing
    ├── WeightsError              3   weights are missing, damaged or of no known network
    │   ├── UnsafeWeightsError    3   a checkpoint that would run code
    │   └── DownloadError         3   no mirror delivered the file
    └── Interrupted             130   stopped by the user (143 when terminated)

A message is one line. It says what is wrong with which file, and what to do about it. Options in
it are ``Option`` values: ``str(error)`` shows them as arguments (``resume=False``), the command
line as flags (``--no-resume``; see ``vidcolor.cli.words.flags``)::

    raise OptionError("can't be negative", option="start_s")
    raise OutputError(f"{path}: damaged; ", Option("resume", False), " works without it")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Option:
    """An option in a message, alone (``crf``) or with a value (``resume=False``).

    Attributes:
        name: a field of ``ColorizeOptions``, or an argument of the function that raises.
        value: the value meant, None for no certain one.
    """

    name: str
    value: str | float | bool | None = None

    def __str__(self) -> str:
        """The option as an argument in Python."""
        if self.value is None:
            return self.name
        value = f'"{self.value}"' if isinstance(self.value, str) else self.value
        return f"{self.name}={value}"


class Message(str):
    """A text that knows which options it names; as a string it shows them as arguments.

    Formatting and joining give plain strings, in which options stay arguments. To put text around
    a message, make a new one: ``Message(f"{path}: ", message)``.

    Attributes:
        parts: the texts and options that it was made of.
    """

    parts: tuple[str | Option, ...]

    def __new__(cls, *parts: str | Option | VidcolorError) -> Self:
        """Join texts, options, messages and the messages of errors."""
        flat: list[str | Option] = []
        for part in parts:
            if isinstance(part, VidcolorError):
                part = part.message
            flat += part.parts if isinstance(part, Message) else (part,)
        message = super().__new__(cls, "".join(map(str, flat)))
        message.parts = tuple(flat)
        return message

    def worded(self, name_of: Callable[[Option], str]) -> str:
        """The text with each option as ``name_of`` writes it."""
        return "".join(name_of(p) if isinstance(p, Option) else p for p in self.parts)


class VidcolorError(Exception):
    """Base class of all expected errors.

    Args:
        parts: the message in pieces: texts, ``Option`` values, other messages or errors.

    Attributes:
        exit_code: the exit code of the command line.
        message: the text; ``str(error)`` is the same.
    """

    exit_code: int = 1

    def __init__(self, *parts: str | Option | VidcolorError) -> None:
        self.message = Message(*parts)
        super().__init__(self.message)


class InputError(VidcolorError):
    """The input can't be read, decoded or understood."""


class OutputError(VidcolorError):
    """The output can't be written."""


class OutputBusyError(OutputError):
    """Another run is writing the output right now."""


class StreamLossError(OutputError):
    """With ``strict``: the output container can't hold a stream of the source."""


class OutputExistsError(VidcolorError):
    """The output exists and overwriting was not allowed."""

    exit_code = 2


class OptionError(VidcolorError):
    """An option, or a combination of options, makes no sense.

    Args:
        parts: as of ``VidcolorError``.
        option: name of the option that is wrong; the message begins with it.
    """

    exit_code = 2

    def __init__(self, *parts: str | Option | VidcolorError, option: str | None = None) -> None:
        super().__init__(*((Option(option), " ") if option else ()), *parts)

    @property
    def option(self) -> str | None:
        """Name of the first option in the message; None where it names none."""
        return next((p.name for p in self.message.parts if isinstance(p, Option)), None)


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
