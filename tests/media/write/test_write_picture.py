"""What the encoded picture says of itself: format, colour, shape, fields, captions, HDR."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from write_helpers import FAST, colorize, flat_planes, inspect, make_clip, write_all

from vidcolor.errors import OptionError, StreamLossError
from vidcolor.media.open import open_source
from vidcolor.media.pixels.alpha import is_transparent
from vidcolor.media.write.facts import CONTAINERS, ENCODERS
from vidcolor.media.write.film import VideoWriter
from vidcolor.media.write.hdr import LIGHT_LEVEL, MASTERING, hdr_options
from vidcolor.media.write.plane_choice import choose_planes
from vidcolor.types import EncodeSettings, PlanarFormat

ROTATED_90 = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
MIRRORED = (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_sample_aspect_ratio(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / f"in{suffix}", sar=Fraction(12, 11))
    colorize(source, tmp_path / f"out{suffix}")
    assert inspect(tmp_path / f"out{suffix}").sar == Fraction(12, 11)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("matrix", [ROTATED_90, MIRRORED], ids=["rotated", "mirrored"])
def test_display_matrix(tmp_path: Path, suffix: str, matrix: tuple[int, ...]) -> None:
    source = make_clip(tmp_path / f"in{suffix}", matrix=matrix)
    colorize(source, tmp_path / f"out{suffix}")
    before, after = inspect(source), inspect(tmp_path / f"out{suffix}")
    assert before.side_data[0]["DISPLAYMATRIX"] == after.side_data[0]["DISPLAYMATRIX"]
    assert np.frombuffer(after.side_data[0]["DISPLAYMATRIX"], np.int32).tolist() == list(matrix)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("fields", ["tff", "bff"])
def test_fields_stay_fields_in_their_order(tmp_path: Path, suffix: str, fields: str) -> None:
    source = make_clip(tmp_path / f"in{suffix}", fields=fields)
    colorize(source, tmp_path / f"out{suffix}")
    assert inspect(tmp_path / f"out{suffix}").interlaced
    with open_source(tmp_path / f"out{suffix}") as result:
        frame = next(item for item in result if not isinstance(item, av.Packet))
        assert (frame.interlaced, frame.top_field_first) == (True, fields == "tff")


def test_progressive_stays_progressive(tmp_path: Path) -> None:
    colorize(make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    assert not inspect(tmp_path / "out.mp4").interlaced


def test_what_was_deinterlaced_is_marked_progressive(tmp_path: Path) -> None:
    """Else players deinterlace it again."""
    source = make_clip(tmp_path / "in.mkv", fields="tff")
    colorize(source, tmp_path / "out.mkv", deinterlace=True)
    assert not inspect(tmp_path / "out.mkv").interlaced
    with open_source(tmp_path / "out.mkv") as result:
        assert result.info.field_order == "progressive"


@pytest.mark.parametrize(
    ("tags", "height", "expected"),
    [
        ((9, 16, 9, 1), 48, (9, 16, 9, 1)),
        ((1, 1, 1, 2), 48, (1, 1, 1, 2)),
        ((2, 2, 2, 0), 48, (2, 2, 6, 1)),  # unspecified: what players assume, now said
        ((2, 2, 2, 0), 720, (2, 2, 1, 1)),
    ],
)
def test_colour_tags(
    tmp_path: Path,
    tags: tuple[int, int, int, int],
    height: int,
    expected: tuple[int, int, int, int],
) -> None:
    source = make_clip(tmp_path / "in.mp4", tags=tags, size=(64, height), pts=[0, 1])
    for codec in ("libx264", "libx265", "ffv1"):
        output = tmp_path / f"{codec}.mkv"
        preset = None if codec == "ffv1" else "ultrafast"
        colorize(source, output, EncodeSettings(video_codec=codec, preset=preset))
        assert inspect(output).tags == expected, codec


def test_ten_bits_stay_ten_bits(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", pix_fmt="yuv420p10le")
    colorize(source, tmp_path / "out.mp4")
    assert inspect(tmp_path / "out.mp4").pix_fmt == "yuv420p10le"
    writer = colorize(source, tmp_path / "out.webm", EncodeSettings(preset="8"))
    assert any("8 bits" in note for note in writer.notes)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "depths"),
    [
        ("yuv420p", "libx264", None),
        ("yuv420p10le", "libx264", None),
        ("gray12le", "libx264", (10, 12)),
        ("yuv422p14le", "libx265", (10, 14)),
        ("gbrp16le", "prores_ks", (10, 16)),
        ("yuv444p10le", "libvpx-vp9", (8, 10)),
        ("yuv422p12le", "ffv1", None),
        ("gray16le", "ffv1", None),
    ],
)
def test_bits_that_are_rounded_away_are_said(
    tmp_path: Path, pix_fmt: str, codec: str, depths: tuple[int, int] | None
) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, options={}, pts=[0])
    writer = colorize(source, tmp_path / "out.mkv", EncodeSettings(video_codec=codec))
    said = [note for note in writer.notes if "bits" in note]
    if depths is None:
        assert said == []
    else:
        written, had = depths
        assert said == [
            f"{codec} writes {written} bits, the source has {had}: rounded;"
            ' video_codec="ffv1" keeps them all, in .mkv'
        ]


@pytest.mark.parametrize("size", [(1, 1), (57, 57), (64, 33), (33, 64)])
def test_odd_sizes_keep_their_size(tmp_path: Path, size: tuple[int, int]) -> None:
    source = make_clip(tmp_path / "in.mkv", size=size, codec="ffv1", pix_fmt="gray", options={})
    writer = colorize(source, tmp_path / "out.mp4")
    after = inspect(tmp_path / "out.mp4")
    assert after.size == size
    assert len(after.frames) == 12
    assert any("odd size" in note for note in writer.notes)


@pytest.mark.parametrize(
    ("pix_fmt", "codec", "expected"),
    [
        ("gray", "ffv1", "yuv444p"),
        ("gray10le", "ffv1", "yuv444p10le"),
        ("gray16le", "ffv1", "yuv444p16le"),
        ("yuv422p", "ffv1", "yuv422p"),
        ("yuv411p", "ffv1", "yuv411p"),
        ("bgr0", "ffv1", "yuv444p"),
        ("gray", "prores_ks", "yuv444p10le"),
        ("yuv420p", "prores_ks", "yuv422p10le"),
        ("yuv444p12le", "prores_ks", "yuv444p10le"),
    ],
)
def test_archival_codecs_keep_the_sources_resolution_and_depth(
    tmp_path: Path, pix_fmt: str, codec: str, expected: str
) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, options={}, pts=[0, 1])
    writer = colorize(source, tmp_path / "out.mkv", EncodeSettings(video_codec=codec))
    assert writer.plane_format.pix_fmt == expected
    assert len(inspect(tmp_path / "out.mkv").frames) == 2


@pytest.mark.parametrize(
    ("pix_fmt", "size"),
    [
        ("yuv420p", (61, 35)),  # padding at the ends of all planes' lines
        ("yuv411p", (60, 35)),
        ("gray", (61, 35)),
        ("gray10le", (61, 35)),
        ("yuv422p10le", (61, 35)),
        ("gray16le", (61, 35)),
    ],
)
def test_planes_arrive_unchanged(tmp_path: Path, pix_fmt: str, size: tuple[int, int]) -> None:
    source = make_clip(
        tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, options={}, size=size, pts=[0]
    )
    writer = colorize(source, tmp_path / "out.mkv", EncodeSettings(video_codec="ffv1"))
    with av.open(str(tmp_path / "out.mkv")) as file:
        frame = next(file.decode(video=0))
    form = writer.plane_format
    assert frame.format.name == form.pix_fmt
    for plane, wanted in zip(frame.planes, flat_planes(form, size), strict=True):
        found = np.frombuffer(bytes(plane), wanted.dtype).reshape(plane.height, -1)
        assert np.array_equal(found[:, : plane.width], wanted)


def test_full_range_is_kept_where_it_can_be_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="gray", options={}, pts=[0])
    ranges = {}
    for name, codec in (("a.mkv", "ffv1"), ("b.mov", "prores_ks"), ("c.mov", "libx264")):
        settings = EncodeSettings(video_codec=codec)
        ranges[name] = colorize(source, tmp_path / name, settings).plane_format.full_range
        assert (inspect(tmp_path / name).tags[3] == 2) is ranges[name]
    assert ranges == {"a.mkv": True, "b.mov": False, "c.mov": True}


@pytest.mark.parametrize("suffix", ["webp", "png"])
@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
def test_an_animations_transparency_is_said_to_be_lost(
    tmp_path: Path, suffix: str, mode: str
) -> None:
    first, second = (
        Image.new(mode, (32, 24), (90, 90, 90, alpha)[: len(mode)]) for alpha in (0, 99)
    )
    path = tmp_path / f"moves.{suffix}"
    first.save(path, save_all=True, append_images=[second], duration=100)
    with open_source(path) as opened:
        notes = write_all(opened, tmp_path / "out.mp4", FAST).notes
    lost = "transparency is not kept: the colorized picture is opaque"
    assert notes == ([lost] if mode == "RGBA" else [])


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "container"),
    [
        ("qtrle", "argb", "mov"),
        ("smc", "pal8", "mov"),
        ("png", "rgba", "mov"),
        ("ffv1", "yuva420p", "matroska"),
        ("ffv1", "yuva444p10le", "matroska"),
    ],
)
@pytest.mark.parametrize("alpha", [255, 128], ids=["opaque", "transparent"])
def test_transparency_is_said_to_be_lost_only_where_there_is_any(
    tmp_path: Path, codec: str, pix_fmt: str, container: str, alpha: int
) -> None:
    """One pixel of the third frame isn't opaque."""
    source = tmp_path / "in.film"
    with av.open(str(source), "w", format=container) as out:
        video = out.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, pix_fmt
        for number in range(4):
            pixels = np.full((48, 64, 4), 255, np.uint8)
            pixels[..., :3] = 40 * number
            if number == 2:
                pixels[5, 7, 3] = alpha
            if pix_fmt == "pal8":  # its colours are opaque in QuickTime
                palette = np.full((256, 4), 255, np.uint8)
                frame = av.VideoFrame.from_ndarray((pixels[..., 0], palette), "pal8")
            else:
                frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    with open_source(source) as opened:
        assert opened.info.has_alpha
        notes = write_all(opened, tmp_path / "out.mkv", FAST).notes
    lost = "transparency is not kept: the colorized picture is opaque"
    is_lost = alpha < 255 and pix_fmt != "pal8"
    assert [note for note in notes if "transparency" in note] == [lost] * is_lost


@pytest.mark.parametrize(
    "pix_fmt",
    [
        "rgba", "bgra", "argb", "abgr", "rgba64le", "rgba64be", "bgra64le", "ya8", "ya16le",
        "ya16be", "yuva420p", "yuva422p10be", "yuva444p12le", "gbrap", "gbrap12le",
        "vuya", "ayuv64le",
    ],
)  # fmt: skip
def test_alpha_is_found_in_every_format(pix_fmt: str) -> None:
    for alpha in (255, 128):
        pixels = np.full((21, 35, 4), 255, np.uint8)
        pixels[..., :3] = 90
        pixels[20, 34, 3] = alpha  # the last pixel: padding at lines' ends doesn't count
        frame = av.VideoFrame.from_ndarray(pixels, "rgba").reformat(format=pix_fmt)
        assert is_transparent(frame) == (alpha < 255)
    assert not is_transparent(av.VideoFrame(16, 16, "yuv420p"))


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_alpha_is_found_in_floats(alpha: float) -> None:
    frame = av.VideoFrame(40, 20, "gbrapf32le")
    for plane in frame.planes:
        codes = np.frombuffer(memoryview(plane), np.float32)
        codes[:] = 1.0
    np.frombuffer(memoryview(frame.planes[3]), np.float32)[39] = alpha
    assert is_transparent(frame) == (alpha < 1)


@pytest.mark.parametrize("used", [True, False])
def test_a_palette_s_unused_colours_are_not_seen(used: bool) -> None:
    palette = np.full((256, 4), 255, np.uint8)
    palette[7, 0] = 0  # A, R, G, B
    indices = np.full((10, 12), 7 if used else 8, np.uint8)
    assert is_transparent(av.VideoFrame.from_ndarray((indices, palette), "pal8")) == used


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9"])
def test_transparency_beside_the_pictures_is_said_to_be_lost(tmp_path: Path, codec: str) -> None:
    """WebM has it in a second stream, which libav's own decoders don't look at."""
    source = make_clip(
        tmp_path / "in.webm",
        codec=codec,
        pix_fmt="yuva420p",
        options={"auto-alt-ref": "0"},
        video_metadata={"alpha_mode": "1"},
    )
    assert inspect(source).pix_fmt == "yuv420p"
    assert inspect(source).video_metadata["alpha_mode"] == "1"
    for suffix in (".mkv", ".webm"):
        output = tmp_path / f"out{suffix}"
        settings = FAST if suffix == ".mkv" else EncodeSettings(preset="8")
        notes = colorize(source, output, settings).notes
        assert notes == ["transparency is not kept: the colorized picture is opaque"]
        assert "alpha_mode" not in inspect(output).video_metadata

    opaque = make_clip(tmp_path / "copied_tag.mkv", video_metadata={"alpha_mode": "1"})
    assert colorize(opaque, tmp_path / "opaque.mkv").notes == []


def test_compare_mode_writes_another_size(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    colorize(source, tmp_path / "out.mp4", replace(FAST, size=(128, 48)))
    assert inspect(tmp_path / "out.mp4").size == (128, 48)


CAPTIONS = b"\xfc\x94\x2c\xfc\x48\x49"


def test_closed_captions_survive_frame_by_frame(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", captions=CAPTIONS)
    assert inspect(source).side_data[3]["A53_CC"] == CAPTIONS
    for codec in ("libx264", "libx265"):
        settings = EncodeSettings(video_codec=codec, preset="ultrafast", strict=True)
        colorize(source, tmp_path / "out.mkv", settings)
        after = inspect(tmp_path / "out.mkv")
        assert [data.get("A53_CC") for data in after.side_data] == [CAPTIONS] * 12, codec


def test_captions_that_are_lost_are_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", captions=CAPTIONS)
    writer = colorize(source, tmp_path / "out.webm", EncodeSettings(preset="8"))
    assert any("closed captions" in note for note in writer.notes)
    with pytest.raises(StreamLossError, match="closed captions"):
        colorize(source, tmp_path / "other.webm", EncodeSettings(preset="8", strict=True))


def _hdr_clip(path: Path) -> Path:
    params = (
        "log-level=none:master-display=G(13250,34500)B(7500,3000)R(34000,16000)"
        "WP(15635,16450)L(10000000,50):max-cll=1000,400"
    )
    return make_clip(
        path,
        codec="libx265",
        pix_fmt="yuv420p10le",
        tags=(9, 16, 9, 1),
        options={"x265-params": params, "preset": "ultrafast"},
    )


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_hdr_metadata_survives(tmp_path: Path, codec: str) -> None:
    source = _hdr_clip(tmp_path / "in.mp4")
    before = inspect(source).side_data[0]
    preset = "12" if codec == "libsvtav1" else "ultrafast"
    colorize(source, tmp_path / "out.mp4", EncodeSettings(video_codec=codec, preset=preset))
    after = inspect(tmp_path / "out.mp4")
    assert after.tags == (9, 16, 9, 1)
    assert after.side_data[0][LIGHT_LEVEL] == before[LIGHT_LEVEL]
    old = np.frombuffer(before[MASTERING], np.int32)[:20].reshape(-1, 2)
    new = np.frombuffer(after.side_data[0][MASTERING], np.int32)[:20].reshape(-1, 2)
    # AV1 stores chromaticities in 1/65536 and luminance in 1/256 and 1/16384 cd/m2
    tolerance = 1 / 256 if codec == "libsvtav1" else 0
    assert np.abs(old[:, 0] / old[:, 1] - new[:, 0] / new[:, 1]).max() <= tolerance


def test_hdr_metadata_that_is_lost_is_said() -> None:
    options, notes = hdr_options(ENCODERS["libvpx-vp9"], {LIGHT_LEVEL: bytes(8)})
    assert options == {}
    assert "HDR" in notes[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (EncodeSettings(video_codec="mpeg2video"), "video_codec 'mpeg2video' is unknown"),
        (EncodeSettings(crf=99), "0 (best) to 51"),
        (EncodeSettings(video_codec="ffv1", crf=10), "lossless"),
        (EncodeSettings(preset="warp"), "ultrafast"),
        (EncodeSettings(video_codec="ffv1", preset="fast"), "no presets"),
        (EncodeSettings(pix_fmt="rgb24"), "choose one of yuv420p"),
        (EncodeSettings(pix_fmt="gray"), "choose one of yuv420p"),
        (EncodeSettings(video_codec="libvpx-vp9", pix_fmt="yuv420p10le"), "libvpx-vp9"),
        (EncodeSettings(video_codec="libsvtav1", size=(2, 2)), "libx264"),
        (EncodeSettings(pix_fmt="yuv420p", size=(63, 48)), "yuv444p"),
    ],
)
def test_options_that_make_no_sense_are_refused_in_one_line(
    tmp_path: Path, settings: EncodeSettings, words: str
) -> None:
    source = make_clip(tmp_path / "in.mkv", pts=[0])
    with pytest.raises(OptionError) as caught:
        colorize(source, tmp_path / "out.mkv", settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


@pytest.mark.parametrize(("name", "codec"), [("out.webm", "libx264"), ("out.3gp", "ffv1")])
def test_codec_and_container_must_go_together(tmp_path: Path, name: str, codec: str) -> None:
    source = make_clip(tmp_path / "in.mp4", pts=[0])
    with pytest.raises(OptionError, match=r"use \.mkv"):
        colorize(source, tmp_path / name, EncodeSettings(video_codec=codec))


@pytest.mark.parametrize("codec", ["h264_nvenc", "hevc_nvenc"])
def test_nvenc_without_a_card_says_so(tmp_path: Path, codec: str) -> None:
    if Path("/dev/nvidia0").exists():
        pytest.skip("there is an NVIDIA card")
    source = make_clip(tmp_path / "in.mp4", pts=[0])
    with pytest.raises(OptionError, match="NVIDIA"):
        colorize(source, tmp_path / "out.mp4", EncodeSettings(video_codec=codec))


def test_without_a_card_auto_is_the_usual_encoder_and_says_so(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    with open_source(clip) as source:
        with VideoWriter(tmp_path / "a.mp4", source, EncodeSettings(video_codec="auto")) as writer:
            if writer.codec != "libx264":
                pytest.skip("there is a graphics card that encodes")
            assert [note for note in writer.notes if "encoded by libx264" in note]
        with VideoWriter(tmp_path / "b.mp4", source, EncodeSettings()) as usual:
            assert usual.plane_format == writer.plane_format


def test_nvenc_gets_ten_bits_in_the_upper_bits(tmp_path: Path) -> None:
    """P010 interleaves chroma; checked on the frame, because the encoder needs a card."""
    from vidcolor.media.write.frames import fill_planes

    form = PlanarFormat("p010le", depth=10)
    frame = av.VideoFrame(62, 34, "p010le")
    fill_planes(frame, flat_planes(form, (62, 34)), form)
    back = frame.reformat(format="yuv420p10le")
    for plane, wanted in zip(back.planes, flat_planes(form, (62, 34)), strict=True):
        found = np.frombuffer(bytes(plane), np.uint16).reshape(plane.height, -1)
        assert np.array_equal(found[:, : plane.width], wanted)


def test_nvenc_formats_are_chosen_by_depth(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", pix_fmt="yuv420p10le", pts=[0])
    with open_source(source) as opened:
        chosen, _ = choose_planes(
            opened.info, ENCODERS["hevc_nvenc"], CONTAINERS[0], EncodeSettings()
        )
    assert (chosen.pix_fmt, chosen.depth, chosen.chroma_shift) == ("p010le", 10, (1, 1))
