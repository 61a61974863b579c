"""Three stages that overlap: read, colour, write; bounded queues between them.

Memory is bounded whatever the length of the film. At most ``2 * QUEUE_LENGTH + 3`` chunks are alive
(two queues, and one in the hands of each stage), and a chunk holds at most ``batch_size`` frames
and ``MAX_CHUNK_PACKETS`` copied packets. A frame costs its luma (1 or 2 bytes per pixel) before the
colouring and its planes (1.5 to 6 bytes per pixel) after it; on a CPU, where the sink makes them,
still its luma, and its ab. One frame at a time costs about 100 bytes per pixel of scratch.

Between colouring and writing, frames may wait for what depends on later frames: the shot plan,
filters, smoothing. They wait as luma, at most ``waiting.MAX_LOOK_AHEAD_FRAMES`` of them and at most
``waiting.LOOK_AHEAD_BYTES`` of luma together, with at most ``waiting.MAX_WAITING_PACKETS`` packets
and ``waiting.MAX_WAITING_PACKET_BYTES``; while a picture comes out of black, up to 40 more frames
of at most ``waiting.FADE_BYTES``; for dissolves ``dissolving.REACH_FRAMES`` more, up to three times
as many around one, and at most ``waiting.DISSOLVE_BYTES``; one batch of frames and one chunk
more of each. At the network's working size, whatever the film's, a waiting frame costs up to
40 bytes per pixel
(lightness, ab, flow to both neighbours, confidence): 4.5 MB at DeOldify's 336 x 336. Where
``render_factor`` makes that size large, fewer wait: ``waiting.LOOK_AHEAD_WORKING_BYTES``. Near the
end of a span in mid-shot, up to ``SpanRules.warm_up + run_out`` frames' lightness and ab are kept
besides, 6 to 12 bytes per pixel of that size.

The first exception of any stage stops all three, and is raised by ``run`` once.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from vidcolor.errors import Interrupted

QUEUE_LENGTH = 2
"""Chunks that wait between two stages: enough to overlap them, few enough to stay small."""

MAX_CHUNK_PACKETS = 256
"""Copied packets after which a chunk is passed on although its frames are not complete."""

_POLL_S = 0.1

In = TypeVar("In")
Out = TypeVar("Out")


class Pipeline(Generic[In, Out]):
    """Source thread -> the caller's thread -> sink thread.

    The middle stage runs in the caller's thread, which owns the accelerator and gets the signals.
    """

    def __init__(
        self,
        source: Iterable[In],
        work: Callable[[In], Iterable[Out]],
        sink: Callable[[Out], None],
        *,
        finish: Callable[[], Iterable[Out]] = tuple,
        stop: threading.Event | None = None,
        halt: threading.Event | None = None,
    ) -> None:
        """Connect the stages.

        Args:
            source: gives items; iterated in its own thread.
            work: makes any number of results of an item, now or later; in the caller's thread.
            sink: takes the results, in order; in its own thread.
            finish: called after the last item: gives the results that ``work`` still holds.
            stop: once set, ``run`` stops and raises.
            halt: gets set when a stage fails; source and sink must not go on waiting then.
        """
        self._source, self._work, self._sink, self._finish = source, work, sink, finish
        self._stop = stop or threading.Event()
        self._halt = halt or threading.Event()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._incoming: queue.Queue[Any] = queue.Queue(QUEUE_LENGTH)
        self._outgoing: queue.Queue[Any] = queue.Queue(QUEUE_LENGTH)

    def run(self) -> None:
        """Work until the source is exhausted and all is written.

        Raises:
            Interrupted: when ``stop`` was set.
            BaseException: whatever a stage raised first.
        """
        threads = [
            threading.Thread(target=self._guarded, args=(stage,), name=f"vidcolor-{name}")
            for name, stage in (("read", self._read), ("write", self._write))
        ]
        for thread in threads:
            thread.start()
        self._guarded(self._color)
        for thread in threads:
            thread.join()
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        for item in self._source:
            if not self._put(self._incoming, item):
                return
        self._put(self._incoming, _END)

    def _color(self) -> None:
        for item in self._take(self._incoming):
            if not self._pass_on(self._work(item)):
                return
        # The source may have ended because everything halts: then there is nothing to finish.
        if not self._halt.is_set() and self._pass_on(self._finish()):
            self._put(self._outgoing, _END)

    def _pass_on(self, results: Iterable[Out]) -> bool:
        """Put results as they are made; False when the pipeline halts."""
        if self._stop.is_set():
            raise Interrupted
        for result in results:
            if self._stop.is_set():
                raise Interrupted
            if not self._put(self._outgoing, result):
                return False
        return True

    def _write(self) -> None:
        for item in self._take(self._outgoing):
            self._sink(item)

    def _guarded(self, stage: Callable[[], None]) -> None:
        try:
            stage()
        except BaseException as error:  # noqa: BLE001 - it is raised again, once, by run()
            with self._lock:
                self._error = self._error or error
            self._halt.set()

    def _put(self, where: queue.Queue[Any], item: object) -> bool:
        """Put, unless the pipeline halts meanwhile; False then."""
        while not self._halt.is_set():
            if self._stop.is_set() and threading.current_thread() is threading.main_thread():
                raise Interrupted
            try:
                where.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return True
        return False

    def _take(self, where: queue.Queue[Any]) -> Iterator[Any]:
        """Items until the end, or until the pipeline halts."""
        while not self._halt.is_set():
            try:
                item = where.get(timeout=_POLL_S)
            except queue.Empty:
                if self._stop.is_set() and where is self._incoming:
                    raise Interrupted from None
                continue
            if item is _END:
                return
            yield item


class _End:
    """Marks the end of a queue."""


_END = _End()
