"""Films and photographs in object storage: read in place, and the same bytes uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_models import BatchSensitive
from engine_reels import reel_frames, write_reel
from PIL import Image

from vidcolor.engine.image import colorize_image
from vidcolor.engine.options import ColorizeOptions
from vidcolor.engine.video import colorize_video
from vidcolor.errors import InputError, OutputError, OutputExistsError
from vidcolor.media.files.remote import RemoteFile, url_of

pytest.importorskip("fsspec", reason="fsspec is not installed")

OPTIONS = ColorizeOptions(encoder_threads=1)


class Store:
    """Somewhere to put objects, and to see what is there."""

    def __init__(self, url: str, storage: Any) -> None:  # noqa: ANN401 - a class of fsspec
        self.url, self._storage = url, storage

    def put(self, path: Path) -> str:
        self._storage.put_file(str(path), f"{self.url}/{path.name}")
        return f"{self.url}/{path.name}"

    def get(self, name: str) -> bytes:
        return bytes(self._storage.cat_file(f"{self.url}/{name}"))

    def names(self) -> list[str]:
        found = self._storage.ls(self.url, detail=False, refresh=True)
        return sorted(each.rpartition("/")[2] for each in found)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Store]:
    """A bucket of an S3 server in this process."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    server_of = pytest.importorskip("moto.server", reason="moto is not installed")
    import fsspec

    server = server_of.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        storage = fsspec.filesystem("s3", use_listings_cache=False)
        storage.mkdir("archive")
        yield Store("s3://archive", storage)
    server.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    import fsspec

    (tmp_path / "archive").mkdir()
    return Store(f"file://{tmp_path}/archive", fsspec.filesystem("file"))


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


def test_a_film_is_read_and_written(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("VIDCOLOR_HOME", str(home))
    film = write_reel(tmp_path / "film.mp4", frames=reel_frames()[:30])
    plain = tmp_path / "plain.mp4"
    colorize_video(film, plain, options=OPTIONS, model=BatchSensitive())
    source = store.put(film)
    # as a Path, which makes one slash of two
    result = colorize_video(
        Path(source), Path(f"{store.url}/out.mp4"), options=OPTIONS, model=BatchSensitive()
    )
    assert result.output == f"{store.url}/out.mp4"
    assert result.frames == 30
    assert store.get("out.mp4") == plain.read_bytes()
    with pytest.raises(OutputExistsError, match="out.mp4: exists already"):
        colorize_video(source, f"{store.url}/out.mp4", options=OPTIONS, model=BatchSensitive())
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert store.names() == ["film.mp4", "out.mp4"]


def test_a_photograph_is_read_and_written(tmp_path: Path, folder: Store) -> None:
    photo, plain = tmp_path / "photo.png", tmp_path / "plain.png"
    grey = np.random.default_rng(2).integers(0, 256, (24, 32), np.uint8)
    Image.fromarray(grey).save(photo)
    colorize_image(photo, plain, model=BatchSensitive())
    colorize_image(folder.put(photo), f"{folder.url}/out.png", model=BatchSensitive())
    assert folder.get("out.png") == plain.read_bytes()


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, folder: Store) -> None:
    with pytest.raises(InputError, match="nothing.mp4: no such file$"):
        colorize_video(f"{folder.url}/nothing.mp4", tmp_path / "out.mp4")
    film = write_reel(tmp_path / "film.mp4", frames=reel_frames()[:3])
    (tmp_path / "archive" / "taken").write_bytes(b"")
    with pytest.raises(OutputError, match="the finished result is") as caught:
        colorize_video(film, f"{folder.url}/taken/out.mp4", model=BatchSensitive())
    kept = Path(str(caught.value).rpartition(" is ")[2])
    assert kept.is_file()
    kept.unlink()
    assert len(list((tmp_path / "archive").iterdir())) == 1


def test_identity_follows_the_content(folder: Store, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.write_bytes(b"abc" * 1000)
    url = folder.put(one)
    with RemoteFile(url) as file:
        first = file.identity
        assert file.read() == one.read_bytes()
    with RemoteFile(Path(url)) as file:
        assert file.identity == first
    one.write_bytes(b"abd" * 999)
    folder.put(one)
    with RemoteFile(url) as file:
        assert file.identity != first


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("s3://bucket/a/b.mp4", "s3://bucket/a/b.mp4"),
        ("s3:/bucket/a/b.mp4", "s3://bucket/a/b.mp4"),
        ("file:///a/b.png", "file:///a/b.png"),
        ("file:/a/b.png", "file:///a/b.png"),
        ("gs://bucket/x", "gs://bucket/x"),
    ],
)
def test_slashes_that_a_path_drops_come_back(name: str, url: str) -> None:
    assert url_of(name) == url_of(Path(name)) == url
