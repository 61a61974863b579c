"""A system ffmpeg as a pipe of frames; command lines are built by ffmpeg-python."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, Final, cast

from vidcolor.errors import DependencyError, Option
from vidcolor.media.files.inputs import InputFile, InputView
from vidcolor.media.files.pipes import ended_by
from vidcolor.media.read.packets.container import REFUSED_FORMATS

PROGRAM: Final = "ffmpeg"
_WANTED: Final = Option("decoder", "ffmpeg")
_FEED_BYTES: Final = 1 << 16
_FEEDER_TIMEOUT_S: Final = 1
"""Where a pipe can't be polled (Windows), its reader may stay blocked; it ends with the program."""
SHIFT_S: Final = 1000
"""Seconds (times the time base's numerator) that are added to stamps: NUT can't go below zero."""


def require_ffmpeg() -> Any:  # noqa: ANN401 - an untyped package
    """Import ffmpeg-python and find the program.

    Raises:
        DependencyError: one of them is missing.
    """
    try:
        import ffmpeg
    except ImportError:
        raise DependencyError(
            _WANTED, " needs the package ffmpeg-python: pip install 'vidcolor[ffmpeg]'"
        ) from None
    if not hasattr(ffmpeg, "input"):
        raise DependencyError(
            _WANTED,
            " needs ffmpeg-python, but another package named ffmpeg is installed: "
            "pip uninstall ffmpeg; pip install --force-reinstall ffmpeg-python",
        )
    if shutil.which(PROGRAM) is None:
        raise DependencyError(_WANTED, " needs the program ffmpeg, which isn't on the PATH")
    return ffmpeg


def nut_video(path: str | Path, *, index: int, shift_s: int) -> list[str]:
    """Return the command that decodes one stream to raw frames with the source's stamps.

    Args:
        path: the film.
        index: the stream's number in the file.
        shift_s: seconds to add to all stamps.
    """
    ffmpeg = require_ffmpeg()
    node = ffmpeg.input(_url(path), **_only_this_file())
    node = ffmpeg.output(
        node[str(index)],
        "pipe:1",
        format="nut",
        vcodec="rawvideo",
        output_ts_offset=shift_s,
        **_keep_stamps(),
    )
    return _command(node)


def matroska_all(path: str | Path) -> list[str]:
    """Return the command that decodes the film losslessly and copies sound and subtitles."""
    ffmpeg = require_ffmpeg()
    source = ffmpeg.input(_url(path), **_only_this_file())
    keywords = {"c:v": "ffv1", "c:a": "copy", "c:s": "copy", "map_chapters": "0"}
    node = ffmpeg.output(
        source["V:0"],
        source["a?"],
        source["s?"],
        "pipe:1",
        format="matroska",
        **keywords,
        **_keep_stamps(),
    )
    return _command(node)


def _command(node: Any) -> list[str]:  # noqa: ANN401 - an untyped package
    ffmpeg = require_ffmpeg()
    node = node.global_args("-nostdin", "-hide_banner", "-v", "error", "-copyts")
    return cast("list[str]", ffmpeg.compile(node, cmd=PROGRAM))


def _url(path: str | Path) -> str:
    # With "file:" neither a leading dash nor a colon means anything.
    return "pipe:0" if str(path) == "-" else f"file:{os.fspath(path)}"


def _only_this_file() -> dict[str, str]:
    """Options that keep ffmpeg from opening anything but its input.

    It needs the protocol "file" for that, so playlists are shut out by their formats: those that
    this ffmpeg says it has, less the refused ones.
    """
    said = subprocess.run(
        [PROGRAM, "-hide_banner", "-demuxers"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    ).stdout  # fmt: skip
    names = re.findall(r"^ D[ E.][ d.]? *(\S+) ", said, re.MULTILINE)
    allowed = [name for name in names if REFUSED_FORMATS.isdisjoint(name.split(","))]
    return {"protocol_whitelist": "file,pipe", "format_whitelist": ",".join(allowed)}


def _keep_stamps() -> dict[str, str]:
    """Options for "every frame once, with its own stamp", by ffmpeg's version."""
    output = subprocess.run(
        [PROGRAM, "-version"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    ).stdout
    match = re.search(r"version n?(\d+)\.(\d+)", output)
    old = match is not None and (int(match.group(1)), int(match.group(2))) < (6, 1)
    if old:
        return {"vsync": "passthrough", "enc_time_base": "-1"}
    return {"fps_mode": "passthrough", "enc_time_base": "demux"}


class FfmpegProcess:
    """A running ffmpeg and the pipe of what it writes.

    Args:
        command: its arguments.
        feed: what it gets as standard input; None for nothing.

    Raises:
        InputError: ``feed`` is a pipe that was read before.
    """

    def __init__(self, command: list[str], *, feed: InputFile | None = None) -> None:
        self._end_of_feeding = threading.Event()
        with ended_by(self._end_of_feeding):
            source = None if feed is None else feed.view()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if source is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=1 << 20,
        )
        self.pipe = cast(io.BufferedIOBase, self._process.stdout)
        self._feeder: threading.Thread | None = None
        if source is not None:
            target = cast("IO[bytes]", self._process.stdin)
            self._feeder = threading.Thread(target=_feed, args=(source, target), daemon=True)
            self._feeder.start()

    def error(self) -> str:
        """Return the first line that ffmpeg said, "" where it said nothing."""
        with contextlib.suppress(OSError, ValueError):
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").strip().splitlines()
            return re.sub(r"^(\[[^\]]*\]\s*)+", "", lines[0]).strip() if lines else ""
        return ""

    def finish(self) -> str:
        """Wait for the end; return what went wrong, "" for nothing."""
        code = self._process.wait()
        return self.error() or f"exit status {code}" if code else ""

    def close(self) -> None:
        """Stop it if it still runs; safe to call twice."""
        self._end_of_feeding.set()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._feeder is not None and self._feeder.ident != threading.get_ident():
            self._feeder.join(_FEEDER_TIMEOUT_S)
        self.pipe.close()
        self._errors.close()


def _feed(source: InputView, target: IO[bytes]) -> None:
    """Pass on an input to a process, until either ends."""
    with contextlib.suppress(OSError), target:  # the process may end before its input does
        while data := source.read(_FEED_BYTES):
            target.write(data)
