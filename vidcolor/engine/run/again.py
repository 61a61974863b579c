"""What has to be the same for shots that are done again and joined to what is kept of a film."""

from __future__ import annotations

from typing import Any, Final

from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.run.sources import plan_key, read_settings
from vidcolor.engine.run.versions import versions
from vidcolor.media.open import Input

_ENCODING: Final = (
    "video_codec", "crf", "preset", "pix_fmt", "encoder_threads", "compare", "quality",
)  # fmt: skip
"""Options that decide a span's bytes beside its colours: all pieces of a film have the same."""


def same_anyway(film: Input, options: ColorizeOptions, codec: str) -> dict[str, Any]:
    """Input, reading, encoding and versions; colours may differ.

    Args:
        film: the input.
        options: as the user gave them.
        codec: the encoder that was chosen.
    """
    values = {name: getattr(options, name) for name in _ENCODING}
    key = plan_key(film, read_settings(options, copy_streams=False))
    return {"input": key, "encoding": values, "codec": codec, "versions": versions()}
