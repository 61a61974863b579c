"""Files that want to do harm: bombs, playlists that name other files, scripts in names and tags."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image, PngImagePlugin

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def all_of(work: Path) -> dict[str, bytes]:
    """Name and content of each; none may be accepted."""
    secret = str(work / "secret.txt").encode()
    return {
        "zip_bomb.zip": _zip(),
        "zip_bomb.png": _zip(),
        "image_bomb.png": _png(60_000, 60_000),
        "wide_bomb.png": _png(2**31 - 1, 1),
        "tiff_bomb.tif": _tiff(100_000, 100_000),
        "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n"
        + secret
        + b"\n#EXT-X-ENDLIST\n",
        "list.ffconcat": b"ffconcat version 1.0\nfile '" + secret + b"'\n",
        "playlist.avi": b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/x.ts\n",
        "page.html": b"<script>alert(1)</script>",
        "picture.svg": SVG,
        "picture.png": SVG,
        "empty.mp4": b"",
        "noise.mp4": bytes(range(256)) * 200,
        "pickle.pth": b"\x80\x04c__builtin__\nexec\n.",
        "gif_of_html.gif": b"GIF89a/*<script>alert(1)</script>*/",
    }


def with_scripts(samples: Path) -> dict[str, bytes]:
    """Real pictures with scripts in their names and tags; these may be accepted, as text."""
    picture = Image.open(samples / "cat.png").convert("L").resize((64, 64))
    tags = PngImagePlugin.PngInfo()
    tags.add_text("Title", "<script>alert(1)</script>")
    tagged = io.BytesIO()
    picture.save(tagged, "PNG", pnginfo=tags)
    plain = io.BytesIO()
    picture.save(plain, "PNG")
    names = [
        "<img src=x onerror=alert(1)>.png",
        '"><svg onload=alert(1)>.png',
        "../../../x.png",
        "a\r\nSet-Cookie: x=y.png",
        "x.html",
        "y.svg",
        "-y.png",
        "%s%n%06d.png",
    ]
    return {"tagged.png": tagged.getvalue(), **{name: plain.getvalue() for name in names}}


def _zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", b"\0" * 200_000_000)
    return data.getvalue()


def _png(width: int, height: int) -> bytes:
    """A small PNG whose header, and data, are of a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    row = zlib.compress(b"\0" * 50_000_000, 9)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", row) + chunk(b"IEND", b"")


def _tiff(width: int, height: int) -> bytes:
    """A TIFF of one strip that claims to be huge."""
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 200),
        (277, 3, 1, 1),
        (278, 4, 1, height),
        (279, 4, 1, 100),
    ]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + body + b"\0" * 4
    return head.ljust(200, b"\0") + b"\x80" * 100
