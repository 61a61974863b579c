"""Every other stream comes through packet for packet, or its loss is said."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image
from write_helpers import FAST, colorize, inspect, make_clip

from vidcolor.engine.run.default_output import default_output
from vidcolor.errors import StreamLossError
from vidcolor.types import EncodeSettings

SRT = ("subrip", b"Words on the screen")
MOV_TEXT = ("mov_text", b"\x00\x05Words")
STRICT = EncodeSettings(preset="ultrafast", strict=True)


def jpeg() -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width = encoder.height = 16
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
    packets = encoder.encode(av.VideoFrame(16, 16, "yuvj420p")) + encoder.encode(None)
    return bytes(packets[0])


@pytest.mark.parametrize(
    ("suffix", "subtitle"), [(".mkv", SRT), (".mp4", MOV_TEXT), (".mov", MOV_TEXT)]
)
def test_two_sound_tracks_and_subtitles(
    tmp_path: Path, suffix: str, subtitle: tuple[str, bytes]
) -> None:
    source = make_clip(tmp_path / f"in{suffix}", languages=("eng", "fra"), subtitle=subtitle)
    writer = colorize(source, tmp_path / f"out{suffix}", STRICT)
    before, after = inspect(source), inspect(tmp_path / f"out{suffix}")
    assert after.packets == before.packets
    assert after.starts == before.starts
    assert len(after.packets[1]) > 20
    assert len(after.packets[3]) >= 2
    assert after.kinds == ["video", "audio", "audio", "subtitle"]
    assert after.languages == before.languages
    assert after.dispositions == before.dispositions
    assert writer.notes == []


OLD_SOUND = [
    (".asf", "wmav2", 96000),
    (".wmv", "wmav1", 96000),
    (".avi", "adpcm_ms", 0),
    (".avi", "adpcm_ima_wav", 0),
    (".mov", "pcm_mulaw", 0),
]


def old_film(tmp_path: Path, suffix: str, codec: str, bit_rate: int) -> Path:
    return make_clip(
        tmp_path / f"in{suffix}",
        codec="mpeg4",
        options={},
        languages=("eng",),
        audio_codec=codec,
        audio_bit_rate=bit_rate,
    )


def samples(path: Path) -> bytes:
    with av.open(str(path)) as file:
        return b"".join(bytes(frame.planes[0]) for frame in file.decode(audio=0))


@pytest.mark.parametrize(("suffix", "codec", "bit_rate"), OLD_SOUND)
def test_sound_that_matroska_only_has_a_wave_number_for(
    tmp_path: Path, suffix: str, codec: str, bit_rate: int
) -> None:
    source, output = old_film(tmp_path, suffix, codec, bit_rate), tmp_path / "out.mkv"
    writer = colorize(source, output, STRICT)
    before, after = inspect(source), inspect(output)
    assert writer.notes == []
    assert after.codecs[1:] == before.codecs[1:] == [codec]
    assert after.packets == before.packets
    assert len(after.packets[1]) > 0
    assert samples(output) == samples(source)


@pytest.mark.parametrize(
    ("suffix", "codec", "bit_rate", "expected"),
    [
        (".wmv", "wmav2", 96000, "in_color.mkv"),
        (".avi", "adpcm_ms", 0, "in_color.mkv"),
        (".avi", "mp2", 0, "in_color.mp4"),
    ],
)
def test_the_default_container_holds_the_sound(
    tmp_path: Path, suffix: str, codec: str, bit_rate: int, expected: str
) -> None:
    source = old_film(tmp_path, suffix, codec, bit_rate)
    output = default_output(source, "video")
    assert output.name == expected
    assert colorize(source, output, STRICT).notes == []


def test_audio_none_drops_sound_and_nothing_else(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", languages=("eng", "fra"), subtitle=SRT)
    settings = EncodeSettings(preset="ultrafast", audio="none", strict=True)
    colorize(source, tmp_path / "out.mkv", settings)
    assert inspect(tmp_path / "out.mkv").kinds == ["video", "subtitle"]


def test_attachments_survive_in_matroska(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "in.mkv", attachment=("font.txt", b"not really a font", "text/plain")
    )
    colorize(source, tmp_path / "out.mkv", STRICT)
    with av.open(str(tmp_path / "out.mkv")) as file:
        attached = file.streams[1]
        assert (attached.name, attached.mimetype) == ("font.txt", "text/plain")
        assert attached.data == b"not really a font"


def test_what_mp4_cannot_hold_is_said_by_stream_and_codec(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", subtitle=SRT, attachment=("a.txt", b"a", "text/plain"))
    writer = colorize(source, tmp_path / "out.mp4")
    assert writer.notes == [
        "stream 1 (subtitle, subrip) is left out: mp4 can't hold it; .mkv can",
        "stream 2 (attachment, unknown) is left out: mp4 can't hold it; .mkv can",
    ]
    assert inspect(tmp_path / "out.mp4").kinds == ["video"]


def test_strict_refuses_before_any_work(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", subtitle=SRT)
    with pytest.raises(StreamLossError, match=r"stream 1 \(subtitle, subrip\)"):
        colorize(source, tmp_path / "out.mp4", STRICT)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_webm_takes_vp9_and_leaves_aac_out(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", languages=("eng",))
    writer = colorize(source, tmp_path / "out.webm", EncodeSettings(preset="8"))
    assert writer.codec == "libvpx-vp9"
    assert inspect(tmp_path / "out.webm").kinds == ["video"]
    assert any("aac" in note and ".mkv" in note for note in writer.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cover_art_stays_cover_art(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / "in.mp4", cover=jpeg(), metadata={"title": "T"})
    colorize(source, tmp_path / f"out{suffix}", STRICT)
    before, after = inspect(source), inspect(tmp_path / f"out{suffix}")
    assert after.dispositions[1] & 1024
    assert after.packets[1] == before.packets[1]
    assert after.metadata["title"] == "T"


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_cover_art_that_is_no_jpeg_stays_in_matroska(tmp_path: Path, kind: str) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 30)).save(picture, kind)
    name, mime = f"cover.{kind.lower()}", f"image/{kind.lower()}"
    source = make_clip(tmp_path / "in.mkv", attachment=(name, picture.getvalue(), mime))
    assert inspect(source).dispositions[1] & 1024
    colorize(source, tmp_path / "out.mkv", STRICT)
    after = inspect(tmp_path / "out.mkv")
    assert after.packets == inspect(source).packets
    assert after.codecs[1] == kind.lower()
    assert after.dispositions[1] & 1024


def test_cover_art_that_quicktime_would_drop_is_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", cover=jpeg())
    writer = colorize(source, tmp_path / "out.mov")
    left_out = "stream 1 (video, mjpeg) is left out: mov can't hold it; .mkv can"
    assert writer.notes == [left_out]
    assert inspect(tmp_path / "out.mov").kinds == ["video"]
    with pytest.raises(StreamLossError, match=r"stream 1 \(video, mjpeg\)"):
        colorize(source, tmp_path / "strict.mov", STRICT)


CHAPTERS = [
    {
        "id": n,
        "start": n * 200,
        "end": (n + 1) * 200,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": t},
    }
    for n, t in enumerate(("first", "second"))
]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_chapters_and_tags_survive_and_say_who_colorized(tmp_path: Path, suffix: str) -> None:
    tags = {
        "title": "A film",
        "comment": "from the vault",
        "creation_time": "2001-02-03T04:05:06.000000Z",
    }
    source = make_clip(
        tmp_path / "in.mkv",
        chapters=CHAPTERS,
        metadata=tags | {"com.example.reel": "7"},
        video_metadata={"handler_name": "Camera A", "language": "nld"},
    )
    before = inspect(source)
    colorize(source, tmp_path / f"out{suffix}")
    after = inspect(tmp_path / f"out{suffix}")
    assert after.chapters == before.chapters
    assert len(after.chapters) == 2
    for key in before.metadata.keys() - {"encoder"}:
        assert after.metadata[key] == before.metadata[key]
    assert any("vidcolor 0.0.1, model test" in value for value in after.metadata.values())
    # QuickTime has a number for Dutch, which libavformat spells in the older way
    assert after.video_metadata["language"] == ("dut" if suffix == ".mov" else "nld")
    assert after.video_metadata["handler_name"] == "Camera A"


def test_unknown_keys_of_an_mp4_survive(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", metadata={"REEL": "7", "title": "A film"})
    colorize(source, tmp_path / "out.mp4")
    found = inspect(tmp_path / "out.mp4").metadata
    assert (found["reel"], found["title"]) == ("7", "A film")
    assert found["colorized_by"] == "vidcolor 0.0.1, model test"


def test_a_comment_is_never_replaced(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "in.mp4", metadata={"comment": "mine", "description": "also mine"}
    )
    colorize(source, tmp_path / "out.mp4")
    found = inspect(tmp_path / "out.mp4").metadata
    assert found["comment"].startswith("mine; ")
    assert found["description"] == "also mine"


def test_a_time_code_survives(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mov", video_metadata={"timecode": "10:00:00:00"})
    assert inspect(source).kinds == ["video", "data"]
    for suffix in (".mov", ".mp4", ".mkv"):
        colorize(source, tmp_path / f"out{suffix}", STRICT)
        after = inspect(tmp_path / f"out{suffix}")
        assert after.video_metadata["timecode"] == "10:00:00:00"
        if suffix != ".mkv":
            assert after.packets[1] == inspect(source).packets[1]


def test_tags_that_no_program_can_decode_do_no_harm(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", metadata={"TITLE": "Cafe 1950"})
    source.write_bytes(source.read_bytes().replace(b"Cafe 1950", b"Caf\xe9 1950"))
    colorize(source, tmp_path / "out.mkv", FAST)
    assert "1950" in inspect(tmp_path / "out.mkv").metadata["title"]


@pytest.mark.parametrize(
    ("suffix", "subtitle"),
    [
        (".mp4", ("ttml", b'<tt xmlns="http://www.w3.org/ns/ttml"><body/></tt>')),
        (".ts", ("dvb_teletext", b"\x10\x02\x2c" + b"\xff" * 44)),
    ],
)
def test_subtitles_that_nothing_here_can_decode(
    tmp_path: Path, suffix: str, subtitle: tuple[str, bytes]
) -> None:
    source = make_clip(tmp_path / f"in{suffix}", subtitle=subtitle)
    colorize(source, tmp_path / f"out{suffix}", STRICT)
    before, after = inspect(source), inspect(tmp_path / f"out{suffix}")
    assert after.packets == before.packets
    assert sum(map(len, after.packets.values())) >= 2
    assert after.kinds == ["video", "subtitle"]
