"""Errors of the studio, each one line with the HTTP status that it gets."""

from __future__ import annotations

from vidcolor.errors import VidcolorError


class StudioError(VidcolorError):
    """The request can't be done.

    Attributes:
        status: HTTP status.
    """

    status: int = 422


class NotFound(StudioError):  # noqa: N818 - the name that HTTP has
    """There is no such thing, or not for this user."""

    status = 404


class TooLarge(StudioError):  # noqa: N818
    """A limit of size."""

    status = 413


class TooMany(StudioError):  # noqa: N818
    """A limit of number."""

    status = 429


class Conflict(StudioError):  # noqa: N818
    """Not in this state."""

    status = 409


class Forbidden(StudioError):  # noqa: N818
    """Switched off."""

    status = 403


class Busy(StudioError):  # noqa: N818
    """It took too long, or the process that does it died."""

    status = 503
