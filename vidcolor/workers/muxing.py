"""Puts finished spans together, in order, with the packets that were read."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.engine.run.resume import Work
from vidcolor.media.files.packets import EncodedPacket, KeptFile, read_calls
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import LumaFrame
from vidcolor.workers.reading import FilmReader

if TYPE_CHECKING:
    from vidcolor.media.scans.write import SequenceWriter


class FilmMuxer:
    """Writes the film from finished spans, in order.

    Attributes:
        written: frames that were written.
        next: index of the next span to be written.
    """

    def __init__(
        self, writer: VideoWriter | SequenceWriter, work: Work, reader: FilmReader
    ) -> None:
        self._writer, self._work, self._reader = writer, work, reader
        self._files: deque[tuple[int, Path]] = deque()
        self._finished: dict[int, tuple[KeptFile, ...]] = {}
        self._due = 0  # frames of spans that are finished without a gap
        self.next = 0
        self.written = 0
        before = 0
        for span in work.folder.spans:
            self._append(span.frames - before, span.files)
            before = span.frames
            self.next += 1
        writer.keep(work.folder.path, self._calls())

    def take(self, finished: dict[int, tuple[KeptFile, ...]]) -> None:
        """Take finished spans, and write what can be written."""
        self._finished |= finished
        self._write()
        while self.next in self._finished:
            files, end = self._finished.pop(self.next), self._reader.span_end(self.next)
            self._append(end - self._due, files)
            self.next += 1
            self._write()
            checkpoint = self._reader.checkpoint(end)
            if checkpoint is not None:
                self._work.add(checkpoint, list(files))

    def _append(self, frames: int, files: tuple[KeptFile, ...]) -> None:
        self._files.append((frames, self._work.folder.path / files[0].name))
        self._due += frames

    def _write(self) -> None:
        """Write the frames that are due, and the packets between and behind them."""
        reader = self._reader
        while reader.waiting:
            item = reader.waiting[0]
            if isinstance(item, LumaFrame):
                if self.written >= self._due:
                    return
                self._writer.replay(item)
                self.written += 1
                reader.waiting_frames -= 1
            else:
                self._writer.write(item)
                reader.waiting_bytes -= item.size
            reader.waiting.popleft()

    def _calls(self) -> Iterator[list[EncodedPacket]]:
        """What was encoded, as ``WorkFolder.packets`` gives it."""
        late: list[EncodedPacket] = []
        while self._files:
            frames, path = self._files.popleft()
            with contextlib.closing(read_calls(path)) as calls:
                for _ in range(frames):
                    yield late + next(calls)
                    late = []
                late = next(calls)
        yield late
