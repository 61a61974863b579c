"""Files that mean harm: playlists, references to other files, names and tags like code."""

from __future__ import annotations

import json
import os
import shutil
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import av
import pytest
from robust_helpers import Run, frames_in, make_film, names_in

from vidcolor.errors import InputError
from vidcolor.media.open import open_source, sniff
from vidcolor.media.source import ReadSettings
from vidcolor.types import LumaFrame

ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202egpj.exe\u0085\r\nvidcolor: fine"


class Trap(BaseHTTPRequestHandler):
    """A web server that remembers who came."""

    visits: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Note the visit."""
        self.visits.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the server's name for it

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def trap() -> Iterator[str]:
    """The address of a server that must not be visited."""
    Trap.visits.clear()
    server = HTTPServer(("127.0.0.1", 0), Trap)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
    assert Trap.visits == []


def playlists(address: str, secret: Path) -> dict[str, str]:
    """Texts that name another file and another address, with and without honest extensions."""
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    mpd = (
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="video/mp4"><Representation id="0" bandwidth="1"><BaseURL>{}'
        "</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
    )
    concat = "ffconcat version 1.0\nfile {}\n"
    padding = "# nothing\n" * 1000  # longer than what we look at ourselves
    texts = {}
    for number, place in enumerate((secret.name, str(secret), f"file:{secret}", f"{address}/a.ts")):
        texts |= {
            f"a{number}.m3u8": hls.format(place),
            f"a{number}.ts": hls.format(place),
            f"b{number}.mpd": mpd.format(place),
            f"c{number}.ffconcat": concat.format(place),
            f"d{number}.ffconcat": padding + concat.format(place),
            f"e{number}.m3u8": "#EXTM3U\n" + padding + hls.format(place),
            f"f{number}.mp4": padding + hls.format(place),
        }
    texts["g.sdp"] = (
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5 RTP/AVP 96\n"
    )
    texts["h.idx"] = "# VobSub index file, v7 (do not modify this line!)\nsize: 80x48\n"
    texts["i.xml"] = f"<AssetMap><Path>{secret}</Path></AssetMap>\n"
    return texts


@pytest.mark.parametrize("decoder", ["pyav", "ffmpeg"])
def test_playlists_open_nothing(tmp_path: Path, trap: str, decoder: Any) -> None:  # noqa: ANN401
    """Whatever its name, a playlist yields no frame of another file and visits no server.

    What it names is a pipe without a writer besides, so that opening it would hang the test.
    """
    if decoder == "ffmpeg":
        if shutil.which("ffmpeg") is None:
            pytest.skip("no ffmpeg program on the PATH")
        pytest.importorskip("ffmpeg")
    secret = make_film(tmp_path / "secret.ts")
    os.mkfifo(tmp_path / "h.sub")
    for name, text in playlists(trap, secret).items():
        path = tmp_path / name
        path.write_text(text)
        if decoder == "pyav":
            assert sniff_quietly(path) not in ("video", "image")
        with (
            pytest.raises(InputError) as caught,
            open_source(path, ReadSettings(decoder=decoder)) as reader,
        ):
            list(reader)
        assert "\n" not in str(caught.value)


def sniff_quietly(path: Path) -> str:
    """The kind; "refused" where that is said."""
    try:
        return sniff(path)
    except InputError:
        return "refused"


ADDRESSES = [
    "{}/a.mp4", "concat:{f}|{f}", "file,:{f}", "pipe:0", "subfile,,start,0,end,9,,:{f}",
    "data:video/mp4;base64,AAAA", "async:{f}", "cache:{}/x", "tcp://127.0.0.1:9",
]  # fmt: skip


@pytest.mark.parametrize("word", ADDRESSES)
def test_addresses_are_only_names(run: Run, film: Path, trap: str, word: str) -> None:
    """As an input and as an output: no protocol of libav's is meant by a name.

    ``file:///name`` is the file of that name, as ``s3://`` is an object: see test_object_storage.
    """
    name = word.format(trap, f=film)
    assert run(name, "out.mp4").code == 1
    assert run("info", name).code == 1
    assert names_in(film.parent) == {"film.mp4"}


def test_an_output_like_an_address_is_a_file(colorize: Run, film: Path, trap: str) -> None:
    outcome = colorize(film, "tcp:x.mp4")
    assert outcome.code == 0
    assert frames_in(film.with_name("tcp:x.mp4")) == 10
    assert colorize(film, f"{trap}/x.mp4").code == 1


def test_quicktime_that_keeps_its_data_elsewhere(tmp_path: Path) -> None:
    """A data reference to another file: its bytes must not be read, and nothing may hang."""
    other = tmp_path / "other.mov"
    os.mkfifo(other)
    path = make_film(tmp_path / "a.mov")
    data = bytearray(path.read_bytes())
    at = data.find(b"dref") - 4
    old = struct.unpack_from(">I", data, at)[0]
    alias = _alias(other)
    new = struct.pack(
        ">I4sIII4sI", 16 + 12 + len(alias), b"dref", 0, 1, 12 + len(alias), b"alis", 0
    )
    box = bytearray(new + alias)
    data[at : at + old] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = data.find(name) - 4
        size = struct.unpack_from(">I", data, place)[0]
        struct.pack_into(">I", data, place, size + len(box) - old)
    path.write_bytes(data)
    try:
        with open_source(path) as reader:
            frames = sum(isinstance(item, LumaFrame) for item in reader)
    except InputError:
        frames = 0
    assert frames in (0, 10)  # its own data, or none


def _alias(path: Path) -> bytes:
    """A Macintosh alias record, as libav's QuickTime reader takes it apart."""
    name = path.name.encode()
    where = str(path).encode()
    fixed = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    fixed += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    fixed += struct.pack(">hh", 1, 1) + bytes(16)
    fixed += struct.pack(">hh", 2, len(where)) + where + bytes(len(where) % 2)
    return fixed + struct.pack(">hh", -1, 0)


def test_linked_segments_are_not_looked_for(tmp_path: Path) -> None:
    """Matroska may name the file that comes next; only the given one is read."""
    os.mkfifo(tmp_path / "next.mkv")
    path = make_film(tmp_path / "a.mkv")
    data = path.read_bytes()
    void = data.find(b"\xec", 40)  # room that the muxer left for an index
    name = b"next.mkv"
    element = b"\x3e\x83\xbb" + bytes([0x80 | len(name)]) + name
    info = data.find(b"\x15\x49\xa9\x66")
    assert void > 0
    assert info > 0
    # over the title of the writing program, which is as long at least
    app = data.find(b"\x4d\x80", info)
    length = data[app + 2] & 0x7F
    room = 3 + length
    rest = room - len(element)
    assert rest >= 2
    filler = b"\xec" + bytes([0x80 | (rest - 2)]) + bytes(rest - 2)
    path.write_bytes(data[:app] + element + filler + data[app + room :])
    with open_source(path) as reader:
        assert sum(isinstance(item, LumaFrame) for item in reader) == 10


NAMES = [
    "with space.mp4", "quo'te\".mp4", "new\nline.mp4", "-rf.mp4", "--overwrite.mp4",
    "$(touch owned).mp4", "`touch owned`.mp4", "; touch owned;.mp4", "a|b&c>d.mp4", "%n%s%d.mp4",
    "*.mp4", "~.mp4", "\\.mp4", "100%.mp4", "caf\udce9.mp4", "\x1b[31mred.mp4", "{}.mp4", "#.mp4",
    "a:b.mp4", "日本 語.mp4", ".hidden.mp4",
]  # fmt: skip


def test_names_reach_no_shell_and_no_terminal(colorize: Run, run: Run, film: Path) -> None:
    """Every name gives its result, and is shown harmlessly on one line."""
    folder = film.parent / "names"
    folder.mkdir()
    made = []
    for name in NAMES:
        try:
            shutil.copy(film, folder / name)
        except OSError:  # a file system that takes only UTF-8
            continue
        made.append(name)
    outcome = colorize("-o", "results/", *(f"names/{name}" for name in made), "--end", "0.08")
    assert outcome.code == 0, outcome.err
    wanted = {f"{Path(name).stem}_color.mp4".replace("%d", "_d") for name in made}
    assert names_in(film.parent / "results") == wanted
    assert "owned" not in names_in(film.parent) | names_in(folder)
    said = [line for line in outcome.err.splitlines() if line.startswith("wrote ")]
    assert len(said) == len(made)
    assert is_harmless(outcome.err)
    os.chdir(folder)
    assert is_harmless(run("info", "--", *made).out)


def is_harmless(text: str) -> bool:
    """No escapes, no other controls, nothing that turns text around."""
    return not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 or c == "\u202e" for c in text)


def test_tags_cannot_drive_the_terminal(colorize: Run, run: Run, tmp_path: Path) -> None:
    """Titles of film, stream and chapter, languages and handlers: in no line that we say."""
    path = tmp_path / "tags.mkv"
    with av.open(str(make_film(tmp_path / "plain.mkv"))) as film, av.open(str(path), "w") as output:
        stream = output.add_stream_from_template(film.streams.video[0])
        stream.metadata.update({"title": ESCAPES, "language": "\x1b[2", "handler_name": ESCAPES})
        output.metadata.update({"title": ESCAPES, "artist": ESCAPES, ESCAPES: "key"})
        from fractions import Fraction

        output.set_chapters(
            [{"id": 1, "start": 0, "end": 100, "time_base": Fraction(1, 1000),
              "metadata": {"title": ESCAPES}}]
        )  # fmt: skip
        for packet in film.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    hostile = path.with_name(f"{ESCAPES.replace('/', '')}.mkv".replace("\n", ""))
    path.rename(hostile)
    words = ("-vv", "--log-file", "log.txt", "--report", "report.json")
    for extra in ((), ("--progress", "plain"), ("--progress", "json")):
        outcome = colorize(hostile, "out.mkv", "-y", *words, *extra)
        assert outcome.code == 0, outcome.err
        assert is_harmless(outcome.err)
    info = run("info", hostile)
    assert info.code == 0
    assert is_harmless(info.out)
    assert is_harmless(run("info", "--json", hostile).out)
    assert is_harmless((tmp_path / "log.txt").read_text())
    assert is_harmless((tmp_path / "report.json").read_text())
    json.loads((tmp_path / "report.json").read_text())
    broken = tmp_path / f"{ESCAPES}.mp4".replace("\n", "")
    broken.write_bytes(b"no film")
    assert is_harmless(colorize(broken).error)
