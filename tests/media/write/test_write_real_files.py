"""Real footage: what goes in comes out, but for the picture's colours."""

from __future__ import annotations

from pathlib import Path

import pytest
from write_helpers import colorize, inspect

from vidcolor.engine.run.default_output import default_output

FILES = [
    "archival/Zulko__chaplin.mp4",  # MP3 in MP4
    "archival/Zulko__pigs_in_a_polka.gif",  # an odd height, no container of ours
    "odd/awesome'movie.mov",  # variable rate
    "odd/drewnoakes__with-gps.mov",  # rotation, two tracks of timed metadata
    "odd/google__video_desks.3gp",
    "odd/MediaArea__ffv1_test_pixfmt-gray_coder-0_level-3.mkv",
    "odd/mozilla__metadata.mp4",  # cover art
    "odd/openpreserve__dv-pal-interlaced.mov",
    "odd/Vanilagy__no-initial-keyframe.ts",  # starts at 112 s
    "odd/WyattBlue__testsrc_with_attachment.mkv",
    "odd/WyattBlue__webvtt.mkv",
    "odd/androidx__sample_with_chapters.mp4",
    "odd/androidx__sample_with_vobsub.mp4",
    "odd/androidx__sample_rotate_and_reflect.mp4",
]


@pytest.mark.parametrize("name", FILES)
def test_everything_but_the_colours_is_kept(shared_dir: Path, tmp_path: Path, name: str) -> None:
    source = shared_dir / "media" / name
    output = tmp_path / default_output(source, "video").name
    writer = colorize(source, output)
    before, after = inspect(source), inspect(output)
    # the first frames of a broadcast cut without a key frame can't be decoded
    assert after.frames == before.frames[-len(after.frames) :]
    assert list(after.packets.values()) == list(before.packets.values())
    assert list(after.starts.values()) == list(before.starts.values())
    assert (after.sar, after.size, after.interlaced) == (before.sar, before.size, before.interlaced)
    assert after.chapters == before.chapters
    for kind in ("DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA"):
        assert after.side_data[0].get(kind) == before.side_data[0].get(kind)
    assert not any("left out" in note for note in writer.notes)
