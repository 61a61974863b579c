"""Repair and colours in one pass: files in, files out."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from engine_clips import read_times, write_clip
from engine_models import Plain

from vidcolor.engine.image import colorize_image
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.shots.plan import SpanRules
from vidcolor.engine.span_job import colorize_span
from vidcolor.engine.video import colorize_video
from vidcolor.errors import InputError, OptionError
from vidcolor.media.files.packets import read_calls

sys.path.append(str(Path(__file__).resolve().parents[1] / "repair"))
from repair_films import scene, speck

RULES = SpanRules(min_frames=8, max_frames=12, warm_up=2, run_out=2, settle=7)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames with a speck on each third."""
    frames = scene(20)
    for at in range(2, 19, 3):
        frames[at] = np.asarray(speck(frames[at], 20 + 4 * at, 60), np.uint8)
    return write_clip(tmp_path_factory.mktemp("dirty") / "dirty.mkv", frames)


def _greys(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="gray") for frame in film.decode(video=0)]


def test_film_is_repaired_and_its_masks_are_a_film(dirty: Path, tmp_path: Path) -> None:
    kept, made, masks = (tmp_path / name for name in ("kept.mkv", "made.mkv", "masks.mkv"))
    plain = ColorizeOptions(video_codec="ffv1", saturation=0.0)
    repairing = ColorizeOptions(video_codec="ffv1", saturation=0.0, repair="auto", mask=masks)
    colorize_video(dirty, kept, options=plain, model=Plain())
    colorize_video(dirty, made, options=repairing, model=Plain())
    shown = _greys(masks)
    assert len(shown) == 20
    assert {*np.unique(shown)} == {0, 255}
    assert np.allclose(read_times(masks), read_times(dirty), atol=0.001)
    with av.open(str(masks)) as film:
        assert film.streams.video[0].codec_context.name == "ffv1"
        assert film.streams.video[0].codec_context.pix_fmt == "gray"
    for before, after, mask in zip(_greys(kept), _greys(made), shown, strict=True):
        assert np.array_equal(before[mask == 0], after[mask == 0])
    assert shown[5][40:44, 60:64].mean() == 255
    assert _greys(made)[5][40:44, 60:64].max() < 230


def test_a_span_alone_is_repaired_as_in_the_whole_film(dirty: Path, tmp_path: Path) -> None:
    options = ColorizeOptions(
        video_codec="ffv1", repair="film", steady=True, stabilize="off", batch_size=3
    )
    whole = tmp_path / "whole.mkv"
    result = colorize_video(dirty, whole, options=options, model=Plain(), spans=RULES)
    assert result.plan is not None
    index = len(result.plan.spans) - 1
    assert index > 0
    span = colorize_span(
        dirty, result.plan, index, tmp_path / "alone.mkv", options=options, model=Plain()
    )
    calls = [call for file in span.files for call in read_calls(span.folder / file.name)]
    kept = [packet.data for call in calls for packet in call]
    assert kept == _packets(whole)[span.first : span.end]


def _packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(p) for p in film.demux(video=0) if p.size]


def test_photo_is_repaired_and_its_mask_can_be_given_back(tmp_path: Path) -> None:
    grey = np.asarray(scene(1)[0])
    drawn = cv2.line(np.zeros_like(grey), (10, 20), (140, 100), 255, 3)
    source, given, wrote = (tmp_path / name for name in ("in.png", "given.png", "wrote.png"))
    cv2.imwrite(str(source), np.where(drawn > 0, np.uint8(255), grey))
    cv2.imwrite(str(given), drawn)
    options = ColorizeOptions(repair="photo", repair_mask=given, mask=wrote, saturation=0.0)
    colorize_image(source, tmp_path / "out.png", options=options, model=Plain())
    mask = cv2.imread(str(wrote), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, drawn)
    made = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_GRAYSCALE)
    inside = drawn > 0
    assert np.abs(made[inside].astype(int) - grey[inside]).mean() < 25  # of 100 to white
    # Grey by way of Lab and back may round by one code.
    assert np.abs(made[~inside].astype(int) - grey[~inside]).max() <= 1


def test_film_repair_leaves_photos_alone_and_the_other_way(dirty: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), scene(1)[0])
    for name, repair in (("a.png", "off"), ("b.png", "film")):
        colorize_image(grey, tmp_path / name, options=ColorizeOptions(repair=repair), model=Plain())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    for name, repair in (("a.mkv", "off"), ("b.mkv", "photo")):
        options = ColorizeOptions(repair=repair, video_codec="ffv1", end_s=0.3)
        colorize_video(dirty, tmp_path / name, options=options, model=Plain())
    assert _packets(tmp_path / "a.mkv") == _packets(tmp_path / "b.mkv")


def test_masks_need_repair_and_a_readable_picture(tmp_path: Path) -> None:
    for name in ("mask", "repair_mask"):
        with pytest.raises(OptionError, match="goes with"):
            ColorizeOptions(**{name: tmp_path / "x.png"})
    with pytest.raises(OptionError, match="0 to 1"):
        ColorizeOptions(repair="auto", repair_strength=1.5)
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), scene(1)[0])
    options = ColorizeOptions(repair="auto", repair_mask=tmp_path / "none.png")
    with pytest.raises(InputError):
        colorize_image(grey, tmp_path / "out.png", options=options, model=Plain())
    assert not (tmp_path / "out.png").exists()


def test_a_film_that_fails_leaves_no_masks(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(b"no film")
    options = ColorizeOptions(repair="film", mask=tmp_path / "masks.mkv")
    with pytest.raises(InputError):
        colorize_video(broken, tmp_path / "out.mkv", options=options, model=Plain())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["broken.mkv"]
