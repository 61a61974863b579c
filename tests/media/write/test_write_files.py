"""The output appears under its name when it is whole, and never over the input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import av
import pytest
from write_helpers import FAST, colorize, flat_planes, inspect, make_clip

from vidcolor.engine.run.default_output import default_output
from vidcolor.errors import OptionError, OutputError
from vidcolor.media.files.patterns import is_pattern
from vidcolor.media.open import open_source
from vidcolor.media.write.film import VideoWriter
from vidcolor.types import ColorFrame, EncodeSettings, LumaFrame

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("start", [False, True], ids=["before a frame", "after frames"])
def test_abort_leaves_nothing(tmp_path: Path, start: bool) -> None:
    source = make_clip(tmp_path / "in.mp4", languages=("eng",))
    with open_source(source) as opened, VideoWriter(tmp_path / "out.mp4", opened, FAST) as writer:
        planes = flat_planes(writer.plane_format, (64, 48))
        for item in opened if start else ():
            writer.write(ColorFrame(planes, item) if isinstance(item, LumaFrame) else item)
    assert names(tmp_path) == ["in.mp4"]


def test_an_error_on_the_way_leaves_the_old_file_alone(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    (tmp_path / "out.mp4").write_bytes(b"what was there")
    with (
        open_source(source) as opened,
        pytest.raises(RuntimeError, match="network"),
        VideoWriter(tmp_path / "out.mp4", opened, FAST) as writer,
    ):
        for item in opened:
            assert isinstance(item, LumaFrame)
            writer.write(ColorFrame(flat_planes(writer.plane_format, (64, 48)), item))
            raise RuntimeError("the network failed")
    assert names(tmp_path) == ["in.mp4", "out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"what was there"


def test_nothing_is_there_before_commit_and_the_old_file_is_replaced_at_once(
    tmp_path: Path,
) -> None:
    source = make_clip(tmp_path / "in.mp4")
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    with open_source(source) as opened, VideoWriter(output, opened, FAST) as writer:
        for item in opened:
            assert isinstance(item, LumaFrame)
            writer.write(ColorFrame(flat_planes(writer.plane_format, (64, 48)), item))
        assert output.read_bytes() == b"old"
        writer.commit()
    assert len(inspect(output).frames) == 12
    assert names(tmp_path) == ["in.mp4", "out.mp4"]


def test_no_frames_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    with (
        open_source(source) as opened,
        pytest.raises(OutputError, match="no frames"),
        VideoWriter(tmp_path / "out.mp4", opened, FAST) as writer,
    ):
        writer.commit()
    assert names(tmp_path) == ["in.mp4"]


@pytest.mark.parametrize("kind", ["itself", "symlink", "hard link", "relative"])
def test_the_input_is_never_the_output(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "in.mp4")
    content = source.read_bytes()
    output = tmp_path / "other.mp4"
    if kind == "itself":
        output = source
    elif kind == "symlink":
        output.symlink_to(source)
    elif kind == "hard link":
        os.link(source, output)
    else:
        monkeypatch.chdir(tmp_path)
        output = Path("../") / tmp_path.name / "in.mp4"
    with pytest.raises(OptionError, match="is the input itself"):
        colorize(source, output)
    assert source.read_bytes() == content


def test_a_symbolic_link_stays_a_link(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    (tmp_path / "real.mp4").write_bytes(b"old")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    colorize(source, tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").is_symlink()
    assert len(inspect(tmp_path / "real.mp4").frames) == 12


def test_strange_names_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_clip(tmp_path / "in.mp4")
    monkeypatch.chdir(tmp_path)
    for name in ("-dash.mp4", "pipe:1.mp4", "it's 100%.mp4", "a\udce9b.mkv", "file:x.mov"):
        colorize(source, Path(name))
        assert Path(name).stat().st_size > 0


def test_unusable_places_are_refused_before_any_work(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match="doesn't exist"):
        colorize(source, tmp_path / "missing" / "out.mp4")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="no regular file"):
        colorize(source, tmp_path / "folder.mp4")
    with pytest.raises(OptionError, match=r"as \.xyz"):
        colorize(source, tmp_path / "out.xyz")
    with pytest.raises(OptionError, match=r"\.avi"):
        colorize(source, tmp_path / "out.avi")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="no permission"):
        colorize(source, tmp_path / "locked" / "out.mp4")


def run(code: str, *args: object) -> subprocess.Popen[bytes]:
    """Start a Python program that can import the helpers."""
    paths = os.pathsep.join([str(ROOT), str(HERE)])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size fails as a full disk does: a write comes back short."""
    source = make_clip(tmp_path / "in.mkv", codec="ffv1", options={}, size=(320, 240))
    program = run(
        """
        import resource, sys
        from write_helpers import colorize
        from vidcolor.errors import OutputError
        from vidcolor.types import EncodeSettings
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            colorize(sys.argv[1], sys.argv[2], EncodeSettings(video_codec="ffv1"))
        except OutputError as error:
            print(error)
        """,
        source,
        tmp_path / "out.mkv",
    )
    out, _ = program.communicate(timeout=60)
    assert out.decode().startswith(f"{tmp_path / 'out.mkv'}: can't be written: ")
    assert out.count(b"\n") == 1
    assert names(tmp_path) == ["in.mkv"]


ENDLESS = """
import sys, time
from write_helpers import *
with open_source(sys.argv[1]) as source, VideoWriter(sys.argv[2], source, FAST) as writer:
    for item in source:
        writer.write(ColorFrame(flat_planes(writer.plane_format, (64, 48)), item))
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_kill_leaves_nothing_under_the_final_name(tmp_path: Path, how: signal.Signals) -> None:
    source = make_clip(tmp_path / "in.mp4")
    program = run(ENDLESS, source, tmp_path / "out.mp4")
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    program.send_signal(how)
    program.communicate(timeout=60)
    assert "out.mp4" not in names(tmp_path)
    if how is signal.SIGINT:
        assert names(tmp_path) == ["in.mp4"]


def test_standard_output_gets_matroska(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", languages=("eng",))
    program = run(
        "import sys; from write_helpers import colorize; colorize(sys.argv[1], '-')", source
    )
    data, errors = program.communicate(timeout=60)
    assert errors == b""
    (tmp_path / "piped.mkv").write_bytes(data)
    found = inspect(tmp_path / "piped.mkv")
    assert found.kinds == ["video", "audio"]
    assert len(found.frames) == 12


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1", "libvpx-vp9", "prores_ks"])
def test_encoders_keep_quiet(tmp_path: Path, codec: str) -> None:
    source = make_clip(tmp_path / "in.mp4")
    program = run(
        """
        import sys
        from write_helpers import colorize
        from vidcolor.types import EncodeSettings
        colorize(sys.argv[1], sys.argv[2], EncodeSettings(video_codec=sys.argv[3]))
        """,
        source,
        tmp_path / "out.mkv",
        codec,
    )
    assert program.communicate(timeout=60) == (b"", b"")


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_the_index_stands_before_the_pictures(tmp_path: Path, suffix: str) -> None:
    colorize(make_clip(tmp_path / "in.mp4"), tmp_path / f"out{suffix}")
    content = (tmp_path / f"out{suffix}").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_many_streams_make_no_file_handles_leak(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", languages=("eng", "fra"))
    colorize(source, tmp_path / "out.mkv")
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for number in range(5):
        colorize(source, tmp_path / f"out{number}.mp4", EncodeSettings(preset="ultrafast"))
    after = len(os.listdir("/proc/self/fd")) if before else 0
    assert after <= before


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("film.mp4", "video", "film_color.mp4"),
        ("FILM.MKV", "video", "FILM_color.MKV"),
        ("film.webm", "video", "film_color.webm"),
        ("film.mov", "video", "film_color.mov"),
        ("film.gif", "video", "film_color.mp4"),
        ("film.264", "video", "film_color.mp4"),
        ("film.avi", "video", "film_color.mp4"),
        ("film", "video", "film_color.mp4"),
        ("a.b.c.mpg", "video", "a.b.c_color.mp4"),
        ("photo.jpg", "image", "photo_color.jpg"),
        ("scan_%06d.dpx", "sequence", "scan_color.mp4"),
        ("-", "video", "-"),
    ],
)
def test_default_names(name: str, kind: str, expected: str) -> None:
    folder = Path("x") if name != "-" else Path()
    assert default_output(folder / name, kind) == folder / expected  # type: ignore[arg-type]


def test_patterns_are_recognised() -> None:
    assert is_pattern("a/scan_%06d.dpx")
    assert is_pattern("%d.png")
    assert not is_pattern("100%.mp4")
    assert not is_pattern("plain.png")


def test_the_container_is_closed_after_an_error(tmp_path: Path) -> None:
    """A muxer that stays open writes its trailer later, into a file that was given up."""
    source = make_clip(tmp_path / "in.mp4")
    with open_source(source) as opened:
        writer = VideoWriter(tmp_path / "out.mp4", opened, FAST)
        frame = next(item for item in opened if not isinstance(item, av.Packet))
        writer.write(ColorFrame(flat_planes(writer.plane_format, (64, 48)), frame))
        with pytest.raises(OutputError, match="expected a plane"):
            writer.write(ColorFrame(flat_planes(writer.plane_format, (32, 48)), frame))
        writer.abort()
        writer.abort()
    assert names(tmp_path) == ["in.mp4"]
