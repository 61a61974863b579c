"""The policy around fields: who says that they are there, and what is done about them."""

from __future__ import annotations

from vidcolor.media.pixels.fields import Deinterlacer, FieldDetector, FieldOrder
from vidcolor.types import LumaFrame

_HELD_FRAMES = 25


class FieldStage:
    """Watches frames go by; deinterlaces them where that was asked for.

    Header and decoder flags are believed where they say "interlaced"; else the first frames are
    measured. Asked to deinterlace, it holds back up to 25 frames of unflagged streams until the
    measurement knows which field comes first.

    Args:
        header: what the header says.
        deinterlace: whether to run bwdif.

    Attributes:
        order: field order as far as known.
        is_interlaced: there are fields.
        measured: only the measurement says so.
    """

    def __init__(self, *, header: FieldOrder, deinterlace: bool) -> None:
        self.order: FieldOrder = header
        self.is_interlaced = header in ("tff", "bff")
        self.measured = False
        self._flagged = False
        self._deinterlace = deinterlace
        self._detector = FieldDetector()
        self._deinterlacer: Deinterlacer | None = None
        self._held: list[LumaFrame] = []

    @property
    def found_nothing(self) -> bool:
        """Deinterlacing was asked for, and measured frames show no fields."""
        return (
            self._deinterlace and not self.is_interlaced and self._detector.verdict == "progressive"
        )

    def push(self, frame: LumaFrame) -> list[LumaFrame]:
        """Take a frame in presentation order; return those that are ready."""
        self._learn(frame)
        if not self._deinterlace:
            return [frame]
        if self._deinterlacer is not None:
            return self._deinterlacer.push(frame)
        self._held.append(frame)
        known = self.is_interlaced or self._detector.done
        return self._start() if known or len(self._held) >= _HELD_FRAMES else []

    def flush(self) -> list[LumaFrame]:
        """Return what is left."""
        frames = self._start() if self._held else []
        return frames + (self._deinterlacer.flush() if self._deinterlacer else [])

    def _learn(self, frame: LumaFrame) -> None:
        if frame.interlaced:
            if not self._flagged:
                self.order = "tff" if frame.top_field_first else "bff"
            self._flagged = self.is_interlaced = True
        elif not self.is_interlaced and not self._detector.done:
            self._detector.look(frame.luma)
            verdict = self._detector.verdict
            if verdict in ("tff", "bff"):
                self.order = verdict
                self.is_interlaced = self.measured = True

    def _start(self) -> list[LumaFrame]:
        self._deinterlacer = Deinterlacer(order=self.order, flagged=self._flagged)
        held, self._held = self._held, []
        return [ready for frame in held for ready in self._deinterlacer.push(frame)]
