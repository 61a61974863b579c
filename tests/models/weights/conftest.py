"""A local mirror, and a manifest that points to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mirror_server import PAYLOAD, MirrorServer, Recorder, make_entry

from vidcolor.models.weights.manifest import WeightsEntry


@pytest.fixture
def server() -> Iterator[MirrorServer]:
    mirror = MirrorServer()
    yield mirror
    mirror.close()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy between us and the server, and no folder of the user's own."""
    for name in ("http_proxy", "HTTP_PROXY", "VIDCOLOR_OFFLINE", "VIDCOLOR_MANIFEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("VIDCOLOR_HOME", str(tmp_path / "home"))


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., WeightsEntry]:
    """Install a manifest that holds one entry, "tiny", at these addresses."""

    def install(*urls: str, body: bytes = PAYLOAD) -> WeightsEntry:
        entry = make_entry(*urls, body=body)
        fields = {
            name: getattr(entry, name)
            for name in ("name", "kind", "file", "size", "sha256", "licence", "source", "credit")
        }
        document = {"schema": 1, "weights": [{**fields, "url": urls[0], "mirrors": urls[1:]}]}
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        monkeypatch.setenv("VIDCOLOR_MANIFEST", str(path))
        return entry

    return install


@pytest.fixture
def progress() -> Recorder:
    return Recorder()
