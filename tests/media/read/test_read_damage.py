"""Broken, hostile and changing input."""

from __future__ import annotations

import gc
import io
import os
import random
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from read_helpers import frames_of, moving_luma, split, write_clip

from vidcolor.errors import InputError
from vidcolor.media.files.inputs import InputFile
from vidcolor.media.open import open_source
from vidcolor.media.read.frames.decoder import Decoder
from vidcolor.media.read.packets.container import open_container
from vidcolor.media.source import ReadSettings
from vidcolor.media.still.icc import srgb_profile


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "ffv1", "png"])
@pytest.mark.parametrize("position", [1, 2, 4, 9])
def test_damage_near_the_end_hides_nothing(tmp_path: Path, codec: str, position: int) -> None:
    """With frame threads, an error while draining used to swallow up to five good frames."""
    pix_fmt = "rgb24" if codec == "png" else "yuv420p"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = tmp_path / ("clip.mov" if codec == "png" else "clip.mkv")
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pix_fmt
        for index in range(30):
            luma = moving_luma(index)
            frame = av.VideoFrame.from_ndarray(np.repeat(luma[..., None], 3, 2), format="rgb24")
            output.mux(stream.encode(frame.reformat(format=pix_fmt)))
        output.mux(stream.encode(None))
    got = {threads: _decode_damaged(path, position, threads) for threads in (1, 4)}
    assert got[4] == got[1]
    assert len(got[1]) >= 20


def _decode_damaged(path: Path, position: int, threads: int) -> list[int | None]:
    """Decode with the packet at that position from the end replaced by garbage."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = Decoder(stream, threads=threads)
        packets = [packet for packet in container.demux(stream) if packet.size]
        victim = packets[-position]
        garbage = av.Packet(b"\0\0\0\5garbage!!")
        garbage.pts, garbage.dts = victim.pts, victim.dts
        garbage.time_base, garbage.stream = victim.time_base, stream
        packets[-position] = garbage
        frames = [frame for packet in packets for frame in decoder.feed(packet)]
        frames += decoder.flush()
        assert decoder.damaged >= 1
        return [frame.pts for frame in frames]


@pytest.mark.parametrize("share", [0.35, 0.6, 0.9])
def test_truncated(tmp_path: Path, share: float) -> None:
    """A file that was cut off yields the frames of its complete packets, in place."""
    whole = write_clip(tmp_path / "whole.mkv", frames=60, options={"g": "20", "bf": "0"})
    path = tmp_path / "cut.mkv"
    data = whole.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with open_source(path) as reader:
        stamps = [frame.pts for frame in frames_of(reader)]
    assert 5 < len(stamps) < 60  # key frames take most of the bytes
    assert stamps == [40 * index for index in range(len(stamps))]


@pytest.mark.parametrize("seed", range(6))
def test_random_damage_ends(tmp_path: Path, seed: int) -> None:
    """Whatever is broken, reading ends, in order, without anything but InputError."""
    suffix = (".ts", ".mkv", ".mp4")[seed % 3]
    data = bytearray(write_clip(tmp_path / f"w{suffix}", frames=40, audio_s=1).read_bytes())
    randomly = random.Random(seed)
    for _ in range(60):
        data[randomly.randrange(len(data))] = randomly.randrange(256)
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(data)
    try:
        with open_source(path) as reader:
            stamps = [frame.pts for frame in frames_of(reader)]
    except InputError as error:
        assert "\n" not in str(error)
        return
    assert all(a < b for a, b in zip(stamps, stamps[1:], strict=False))


def test_a_change_of_size_and_format_midway(tmp_path: Path) -> None:
    """Pictures are fitted to the first one; none is dropped, and it is said once."""
    small = write_clip(tmp_path / "a.ts", frames=10).read_bytes()
    large = write_clip(tmp_path / "b.ts", frames=10, size=(192, 128), pix_fmt="yuv422p10le")
    path = tmp_path / "both.ts"
    path.write_bytes(small + large.read_bytes())
    with open_source(path) as reader:
        frames = frames_of(reader)
        assert sum("changes" in line for line in reader.status.warnings) == 1
    assert len(frames) == 20
    assert {(frame.luma.shape, frame.luma.dtype.name, frame.depth) for frame in frames} == {
        ((64, 96), "uint8", 8)
    }
    # The larger clip's luma was written as 8-bit codes into 10-bit planes: near black there.
    assert frames[-1].luma.mean() < frames[0].luma.mean()


def test_playlists_are_refused(tmp_path: Path) -> None:
    """A playlist could make us read other files, or the network."""
    secret = write_clip(tmp_path / "secret.ts", frames=5)
    texts = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "a.mp4": f"#EXTM3U\n#EXTINF:1,\n{secret}\n",
        "a.ffconcat": f"ffconcat version 1.0\nfile {secret}\n",
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5 RTP/AVP 96\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(InputError, match="not a film"):
            open_source(path)


def test_a_hidden_playlist_opens_nothing(tmp_path: Path) -> None:
    """The same behind padding that our own check doesn't see: libav may still not open files."""
    secret = write_clip(tmp_path / "secret.ts", frames=5)
    path = tmp_path / "a.ffconcat"
    path.write_text("# comment\n" * 1000 + f"ffconcat version 1.0\nfile {secret}\n")
    with pytest.raises(InputError):
        open_source(path)


def test_huge_dimensions_allocate_nothing(tmp_path: Path) -> None:
    """A header of 65500 x 65500 is refused before anything is decoded."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 65500, 65500, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(InputError):
        open_source(path)


@pytest.mark.parametrize(
    "name", ["-dash.mkv", "quo'te\".mkv", "50%d off.mkv", "a%06d.mkv", "new\nline.mkv", "c:on.mkv"]
)
def test_strange_names(tmp_path: Path, name: str) -> None:
    """Names mean nothing but themselves."""
    path = tmp_path / name
    write_clip(tmp_path / "plain.mkv", frames=3).rename(path)
    with open_source(path) as reader:
        assert len(frames_of(reader)) == 3


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """Old archives have names in old encodings."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mkv"))
    try:
        write_clip(tmp_path / "plain.mkv", frames=3).rename(path)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    with open_source(path) as reader:
        assert len(frames_of(reader)) == 3
    path.write_bytes(b"nothing")
    with pytest.raises(InputError) as caught:
        open_source(path)
    str(caught.value).encode()  # printable


def test_missing_and_folder(tmp_path: Path) -> None:
    """The two commonest mistakes."""
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "nothing.mp4")
    with pytest.raises(InputError, match="is a folder"):
        open_source(tmp_path)


def test_files_are_closed(tmp_path: Path) -> None:
    """Neither reading to the end, nor stopping midway, nor failing leaves a file open."""
    path = write_clip(tmp_path / "a.mkv", frames=30, audio_s=1)
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    if before is None:
        pytest.skip("no /proc to count open files by")
    for _ in range(3):
        with open_source(path) as reader:
            frames_of(reader)
        with open_source(path) as reader:
            next(iter(reader))
        with pytest.raises(InputError):
            open_source(path, ReadSettings(start_s=50))
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_libav_says_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its complaints about damage don't reach the terminal; we count."""
    # key frames all along, and packets that don't hang on the number of encoder threads
    options = {"g": "5", "threads": "1"}
    data = bytearray(write_clip(tmp_path / "a.mkv", frames=60, options=options).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 100] = bytes(100)
    path = tmp_path / "b.mkv"
    path.write_bytes(data)
    capfd.readouterr()
    with open_source(path) as reader:
        split(reader)
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""


def test_pipe_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input: one pass, the same frames and packets as from the file."""
    path = write_clip(tmp_path / "a.mkv", frames=30, audio_s=1)
    with open_source(path) as reader:
        frames, packets = split(reader)

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    class Stdin:
        buffer = Pipe(path.read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin())
    with open_source("-") as reader:
        piped_frames, piped_packets = split(reader)
        assert reader.info.path == "-"
    assert [f.luma.tobytes() for f in piped_frames] == [f.luma.tobytes() for f in frames]
    assert [bytes(p) for p in piped_packets] == [bytes(p) for p in packets]


def test_container_is_refused_by_kind(tmp_path: Path) -> None:
    """Libav would "play" text files as terminal animations."""
    path = tmp_path / "notes.txt"
    path.write_text("just words\n" * 100)
    with pytest.raises(InputError):
        open_container(InputFile(path))


def test_metadata_that_is_no_utf8(tmp_path: Path) -> None:
    """A tag in an old encoding must not keep the film from being read."""
    path = tmp_path / "tag.mkv"
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "caf\u00e9 XXXX"
        stream: Any = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height = 96, 64
        frame = av.VideoFrame(96, 64, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace("caf\u00e9".encode(), b"caf\xe9\xe9"))
    with open_source(path) as reader:
        assert "XXXX" in reader.info.metadata["title"]


READ_AND_COLLECT = """
import gc, sys
from fractions import Fraction
from vidcolor.media.open import open_source
from vidcolor.media.source import ReadSettings
with open_source(sys.argv[1], ReadSettings(fps=Fraction(24))) as source:
    print(sum(1 for _ in source))
del source
gc.collect()
heap = [[] for _ in range(100_000)]
gc.collect()
"""


def test_scans_with_a_colour_profile_end_no_process(tmp_path: Path) -> None:
    """PyAV frees the profile's name, and libav does so again."""
    for number in range(4):
        picture = Image.new("L", (64, 48), 40 * number)
        picture.save(tmp_path / f"scan_{number}.png", icc_profile=srgb_profile())
    program = [sys.executable, "-c", READ_AND_COLLECT, str(tmp_path / "scan_%d.png")]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "4\n")
