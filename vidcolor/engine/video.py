"""``colorize_video``: a film in, the same film in colour out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.engine.batching import default_batch_size
from vidcolor.engine.colorist import Colors, FrameColorist, color_frame, side_by_side
from vidcolor.engine.device_errors import device_errors
from vidcolor.engine.geometry import working_size_of
from vidcolor.engine.model_choice import load_for
from vidcolor.engine.options import ColorizeOptions, ColorizeResult
from vidcolor.engine.output import check_absent, credit
from vidcolor.engine.pipeline import MAX_CHUNK_PACKETS, Pipeline
from vidcolor.engine.progress import NullProgress, Progress
from vidcolor.engine.resume import RULES, Work, forget_work, open_work
from vidcolor.engine.spans import SpanEnd, SpanRules
from vidcolor.engine.stabilize import plan_over_time
from vidcolor.engine.transfer import FrameOnItsWay
from vidcolor.engine.waiting import WaitingLine, look_ahead_frames
from vidcolor.errors import InputError, OutputError
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.open import open_input
from vidcolor.media.open import open_source as open_media
from vidcolor.media.output import open_writer
from vidcolor.media.scans.write import SequenceWriter
from vidcolor.media.source import FrameSource, ReadSettings
from vidcolor.media.write.film import VideoWriter
from vidcolor.models.colorizer import Colorizer
from vidcolor.models.contract import ColorModel
from vidcolor.types import EncodeSettings, LumaFrame

if TYPE_CHECKING:
    from vidcolor.engine.waiting import Item, Packet

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Chunk:
    """What travels between the stages: frames, copied packets, ends of spans, in file order.

    Behind the colouring a ``LumaFrame`` is one that an earlier run has finished.
    """

    items: list[Item | SpanEnd] = field(default_factory=list)

    @property
    def frames(self) -> list[LumaFrame]:
        """The frames still to be coloured."""
        return [i for i in self.items if isinstance(i, LumaFrame)]

    def is_full(self, batch_size: int) -> bool:
        """Whether it holds as many frames, or as many packets, as one chunk may."""
        frames = sum(isinstance(i, (LumaFrame, FrameOnItsWay)) for i in self.items)
        return frames >= batch_size or len(self.items) - frames >= MAX_CHUNK_PACKETS


def colorize_video(
    input: str | Path,  # noqa: A002 - the name that callers expect
    output: str | Path,
    *,
    options: ColorizeOptions | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    model: ColorModel | None = None,
    spans: SpanRules = RULES,
) -> ColorizeResult:
    """Colorize a film, or a numbered sequence of scans.

    With ``options.resume`` a hidden folder beside the output keeps what is finished; if this is cut
    off, the same call goes on from there, and its result is the same as an unbroken run's.

    Args:
        input: path, pattern such as ``scan_%06d.tif``, or "-" for standard input.
        output: path, pattern, or "-" for standard output (Matroska).
        options: how; see ``ColorizeOptions``.
        progress: told of every frame written.
        stop: set it from another thread or a signal handler to stop; nothing is left behind but
            finished spans.
        model: an already loaded model, or one of your own; None loads the one that the options
            name.
        spans: how long spans are.

    Returns:
        What was done. The output appears under its name only when it is whole.

    Raises:
        InputError, OutputError, OutputExistsError, OptionError, DeviceError, WeightsError,
        Interrupted: see ``vidcolor.errors``.
    """
    options = options or ColorizeOptions()
    progress = progress or NullProgress()
    started = time.monotonic()
    check_absent(output, options)
    halt = threading.Event()
    with (
        ended_by(stop, halt),
        open_input(input) as opened,
        opened.read(read_settings(options)) as source,
    ):
        chosen = load_for("video", options, progress, model)
        settings = _settings(source, options, chosen)
        with device_errors(chosen.device_label), open_writer(output, source, settings) as writer:
            batch = options.batch_size or default_batch_size(
                chosen, source.info.width * source.info.height
            )
            work = open_work(opened, output, options, chosen, batch_size=batch, rules=spans)
            try:
                with _kept(work, progress):
                    job = _Job(source, writer, chosen, options, progress, batch, work)
                    job.run(stop, halt)
                    writer.commit()
            finally:
                progress.close()
            forget_work(output)
            warnings = (*source.status.warnings, *writer.notes, *job.notes)
    return ColorizeResult(
        output=output, frames=job.written, seconds=time.monotonic() - started,
        model=chosen.label, device=chosen.device_label, precision=chosen.precision,
        cuts=tuple(job.colorist.cuts), warnings=tuple(dict.fromkeys(warnings)),
    )  # fmt: skip


def open_source(path: str | Path, options: ColorizeOptions) -> FrameSource:
    """Open the input as the options say."""
    return open_media(path, read_settings(options))


def read_settings(options: ColorizeOptions) -> ReadSettings:
    """How the options say that an input is read."""
    return ReadSettings(
        start_s=options.start_s,
        end_s=options.end_s,
        deinterlace=options.deinterlace,
        decoder=options.decoder,
        fps=options.fps,
    )


class _Job:
    """One film on its way through the pipeline."""

    def __init__(
        self, source: FrameSource, writer: VideoWriter | SequenceWriter, model: Colorizer,
        options: ColorizeOptions, progress: Progress, batch_size: int, work: Work | None,
    ) -> None:  # fmt: skip
        info = source.info
        self._source, self._writer, self._options, self._progress = (
            source,
            writer,
            options,
            progress,
        )
        self._batch, self._work = batch_size, work
        size = working_size_of(model.spec.working_size, info, render_factor=options.render_factor)
        look_ahead = look_ahead_frames(
            info.width, info.height, info.depth, working_pixels=size[0] * size[1]
        )
        over_time = plan_over_time(options, look_ahead, saturation=model.finishing.saturation)
        begin = work.begin() if work else None
        self.colorist = FrameColorist(
            model,
            render_factor=options.render_factor or model.spec.working_size.video,
            batch_size=self._batch,
            saturation=options.saturation,
            over_time=over_time,
            rotation=info.rotation,
            sar=info.sar,
            spans=work.rules if work else None,
            begin=begin,
        )
        self._waiting = WaitingLine()
        self.read = self.written = self._released = 0
        self._done = begin.frames if begin else 0
        self._ends: deque[SpanEnd] = deque()
        self.notes = list(over_time.notes)

    def run(self, stop: threading.Event | None, halt: threading.Event) -> None:
        info = self._source.info
        self._progress.start(self._source.expected_frames, "frames", Path(info.path).name)
        if self._work is not None:
            self._tell_of(self._work)
            self._writer.keep(self._work.folder)
        chunks = _chunks(self._source, self._batch)
        Pipeline(chunks, self._color, self._write, finish=self._flush, stop=stop, halt=halt).run()
        if self.read == 0:
            raise InputError(f"{info.path}: no frame of this video could be decoded")
        if self.colorist.keys is not None:
            logger.info("the network coloured %d of %d frames", self.colorist.keys, self.read)
        if self.read != self.written:  # never silently: this would be a fault of ours
            raise InputError(f"{info.path}: {self.read} frames read but {self.written} written")

    def _tell_of(self, work: Work) -> None:
        if self._done:
            self._progress.message(f"going on: {self._done} frames were finished by an earlier run")
        elif work.folder.note:
            self._progress.message(work.folder.note)

    def _color(self, chunk: Chunk) -> Iterator[Chunk]:
        frames = chunk.frames
        self.read += len(frames)
        self._waiting.add(i for i in chunk.items if not isinstance(i, (FrameOnItsWay, SpanEnd)))
        colors = self.colorist.push(frames) if frames else None
        finished = min(self._waiting.frames, self._done - self._released)
        if finished > 0:
            yield from self._release(finished)
        yield from self._release(0 if colors is None else colors.count, colors)

    def _flush(self) -> Iterator[Chunk]:
        colors = self.colorist.flush()
        yield from self._release(colors.count, colors)

    def _release(self, count: int, colors: Colors | None = None) -> Iterator[Chunk]:
        """Pass on frames that have their colours now, and packets and ends of spans between.

        Args:
            count: how many frames may go.
            colors: of these frames; None where an earlier run has finished them.
        """
        chunk, first = Chunk(), self._released
        if colors is not None:
            self._ends += colors.ends
        for item in self._waiting.release(count):
            if isinstance(item, LumaFrame):
                # just before the next span's first frame, so that packets go the same way each time
                while self._ends and self._ends[0].frames == self._released:
                    chunk.items.append(self._ends.popleft())
                chunk.items.append(self._colored(item, colors, self._released - first))
                self._released += 1
            else:
                chunk.items.append(item)
            if chunk.is_full(self._batch):
                yield chunk
                chunk = Chunk()
        if chunk.items:
            yield chunk

    def _colored(
        self, frame: LumaFrame, colors: Colors | None, at: int
    ) -> FrameOnItsWay | LumaFrame:
        """A frame with the colours that stand at this place; without any, as it is."""
        if colors is None:
            return frame
        lightness = self.colorist.lightness(frame, colors.offsets[at])
        ab = colors.ab[at : at + 1]
        if self._options.compare:
            source = self.colorist.lightness(frame)
            info = self._source.info
            lightness, ab = side_by_side(
                source, lightness, ab, info.rotation, is_mirrored=info.is_mirrored
            )
        return color_frame(lightness, ab, self._writer.plane_format, frame)

    def _write(self, chunk: Chunk) -> None:
        for item in chunk.items:
            if isinstance(item, SpanEnd):
                self._end_span(item)
            elif isinstance(item, (FrameOnItsWay, LumaFrame)):
                self._write_frame(item)
            else:
                self._writer.write(item)

    def _write_frame(self, frame: FrameOnItsWay | LumaFrame) -> None:
        if isinstance(frame, FrameOnItsWay):
            self._writer.write(frame.wait())
            self._progress.advance(1)
        else:
            if self.written >= self._done:
                raise OutputError(f"frame {self.written} reached the writer without colours")
            self._writer.replay(frame)
            self._progress.skip(1)
        self.written += 1

    def _end_span(self, end: SpanEnd) -> None:
        if self._work is None or end.frames != self.written:
            raise OutputError(f"a span ends at frame {end.frames}, but {self.written} are written")
        self._work.add(end, self._writer.end_span())


@contextmanager
def _kept(work: Work | None, progress: Progress) -> Iterator[None]:
    """Within, a film is made; if that fails, what is finished stays, and the user is told."""
    try:
        yield
    except BaseException:
        if work is not None and work.folder.leave():
            progress.message(
                f"{work.folder.frames} finished frames are kept in {work.folder.path}:"
                " the same command goes on from there"
            )
        raise


def _chunks(source: Iterable[LumaFrame | Packet], batch_size: int) -> Iterator[Chunk]:
    chunk = Chunk()
    for item in source:
        chunk.items.append(item)
        if chunk.is_full(batch_size):
            yield chunk
            chunk = Chunk()
    if chunk.items:
        yield chunk


def _settings(source: FrameSource, options: ColorizeOptions, model: Colorizer) -> EncodeSettings:
    info = source.info
    size = None
    if options.compare:
        across = info.rotation % 180 == 0
        size = (info.width * 2, info.height) if across else (info.width, info.height * 2)
    return EncodeSettings(
        video_codec=options.video_codec, crf=options.crf, preset=options.preset,
        pix_fmt=options.pix_fmt, audio=options.audio, strict=options.strict, size=size,
        comment=credit(model),
    )  # fmt: skip
