"""Where weights lie, when they count as installed, and how two processes share a folder."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest
from mirror_server import PAYLOAD, QUICK, MirrorServer, Recorder, Route

from vidcolor.errors import DownloadError, OptionError, WeightsError
from vidcolor.models.weights.manifest import WeightsEntry
from vidcolor.models.weights.store import (
    bundled_path,
    ensure_weights,
    find_weights,
    verify_weights,
    weights_directory,
    weights_status,
)

Install = Callable[..., WeightsEntry]
OTHER = bytes(reversed(PAYLOAD))
OTHER_HASH = hashlib.sha256(OTHER).hexdigest()
ROOT = Path(__file__).resolve().parents[3]


def test_argument_goes_before_environment_before_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDCOLOR_HOME", str(tmp_path))
    assert weights_directory(tmp_path / "w") == tmp_path / "w"
    assert weights_directory() == tmp_path / "weights"
    monkeypatch.delenv("VIDCOLOR_HOME")
    assert weights_directory() == platformdirs.user_cache_path("vidcolor", False) / "weights"


def test_missing_weights_are_fetched_with_licence_and_origin(
    server: MirrorServer, manifest: Install, tmp_path: Path, progress: Recorder
) -> None:
    server.routes["/a"] = Route()
    manifest(server.url("/a"))
    assert find_weights("tiny") is None
    path = ensure_weights("tiny", progress=progress, policy=QUICK)
    assert path == tmp_path / "home" / "weights" / "tiny.bin"
    assert path.read_bytes() == PAYLOAD
    assert "CC0-1.0" in progress.messages[0]
    assert "https://example.org/tiny" in progress.messages[0]
    assert find_weights("tiny") == path
    assert ensure_weights("tiny", offline=True) == path
    assert len(server.requests) == 1


def test_weights_put_there_by_hand_count(manifest: Install, tmp_path: Path) -> None:
    manifest("http://127.0.0.1:9/x")
    (tmp_path / "tiny.bin").write_bytes(PAYLOAD)
    assert find_weights("tiny", weights_dir=tmp_path) == tmp_path / "tiny.bin"


def test_hash_is_counted_once_and_again_after_a_change(manifest: Install, tmp_path: Path) -> None:
    """The stamp is believed while size and time fit: seen by planting a wrong hash in it."""
    manifest("http://127.0.0.1:9/x")
    path = tmp_path / "tiny.bin"
    path.write_bytes(PAYLOAD)
    assert find_weights("tiny", weights_dir=tmp_path) == path
    stamp = tmp_path / "tiny.bin.stamp.json"
    fields = json.loads(stamp.read_text())
    stamp.write_text(json.dumps({**fields, "sha256": "0" * 64}))
    assert find_weights("tiny", weights_dir=tmp_path) is None
    os.utime(path, ns=(1, 1))
    assert find_weights("tiny", weights_dir=tmp_path) == path


def test_verify_reads_the_file_whatever_the_stamp_says(manifest: Install, tmp_path: Path) -> None:
    manifest("http://127.0.0.1:9/x")
    path = tmp_path / "tiny.bin"
    path.write_bytes(PAYLOAD)
    assert verify_weights("tiny", weights_dir=tmp_path).state == "ok"
    before = path.stat()
    path.write_bytes(OTHER)  # bits that rot keep size and time
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert weights_status("tiny", weights_dir=tmp_path).state == "ok"
    status = verify_weights("tiny", weights_dir=tmp_path)
    assert (status.state, status.good) == ("wrong hash", False)
    assert OTHER_HASH in status.detail
    assert weights_status("tiny", weights_dir=tmp_path).state == "wrong hash"


@pytest.mark.parametrize("content", [OTHER, PAYLOAD[:-1], b""])
def test_wrong_file_is_warned_of_not_used_and_replaced_on_demand(
    server: MirrorServer,
    manifest: Install,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    server.routes["/a"] = Route()
    manifest(server.url("/a"))
    path = tmp_path / "tiny.bin"
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert find_weights("tiny", weights_dir=tmp_path) is None
    assert "vidcolor weights pull tiny" in caplog.text
    assert ensure_weights("tiny", weights_dir=tmp_path, policy=QUICK) == path
    assert path.read_bytes() == PAYLOAD


def test_accepted_hash_lasts(server: MirrorServer, manifest: Install, tmp_path: Path) -> None:
    server.routes["/a"] = Route(body=OTHER)
    manifest(server.url("/a"))
    with pytest.raises(DownloadError, match="accept_sha256="):
        ensure_weights("tiny", weights_dir=tmp_path, policy=QUICK)
    path = ensure_weights("tiny", weights_dir=tmp_path, accept_sha256=OTHER_HASH.upper())
    assert find_weights("tiny", weights_dir=tmp_path) == path
    assert verify_weights("tiny", weights_dir=tmp_path).state == "accepted"
    os.utime(path, ns=(1, 1))  # as a copy to another disk would
    assert find_weights("tiny", weights_dir=tmp_path) == path
    path.write_bytes(PAYLOAD[:1] + OTHER[1:])
    assert find_weights("tiny", weights_dir=tmp_path) is None


def test_file_that_is_there_can_be_accepted_without_network(
    manifest: Install, tmp_path: Path
) -> None:
    manifest("http://127.0.0.1:9/x")
    path = tmp_path / "tiny.bin"
    path.write_bytes(OTHER)
    got = ensure_weights("tiny", weights_dir=tmp_path, offline=True, accept_sha256=OTHER_HASH)
    assert got == path
    assert find_weights("tiny", weights_dir=tmp_path) == path


def test_what_is_no_hash_is_refused(manifest: Install) -> None:
    manifest("http://127.0.0.1:9/x")
    with pytest.raises(OptionError, match="64 hexadecimal digits"):
        ensure_weights("tiny", accept_sha256="yes")


@pytest.mark.parametrize("by_variable", [True, False])
def test_offline_says_what_to_get_and_where_to_put_it(
    server: MirrorServer,
    manifest: Install,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_variable: bool,
) -> None:
    entry = manifest(server.url("/a"))
    if by_variable:
        monkeypatch.setenv("VIDCOLOR_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        ensure_weights("tiny", weights_dir=tmp_path, offline=not by_variable)
    for fact in (entry.urls[0], entry.file, str(entry.size), entry.sha256, str(tmp_path)):
        assert fact in str(caught.value)
    assert server.requests == []


def test_folder_that_cannot_be_made_is_one_line(manifest: Install, tmp_path: Path) -> None:
    manifest("http://127.0.0.1:9/x")
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="can't store weights there"):
        ensure_weights("tiny", weights_dir=tmp_path / "file" / "w")


def test_two_pulls_at_once_fetch_once(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    go = threading.Event()
    server.routes["/a"] = Route(delay=go)
    manifest(server.url("/a"))
    command = [sys.executable, "-m", "vidcolor", "weights", "pull", "tiny", "--weights-dir"]
    pulls = [
        subprocess.Popen(
            [*command, str(tmp_path)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    time.sleep(1.0)  # long enough for both to start; were it not, they would merely queue up
    go.set()
    said = [pull.communicate(timeout=60)[1] for pull in pulls]
    assert [pull.returncode for pull in pulls] == [0, 0], said
    assert len(server.requests) == 1
    assert (tmp_path / "tiny.bin").read_bytes() == PAYLOAD
    assert sum("another vidcolor" in text for text in said) <= 1


def test_killed_pull_leaves_a_part_and_no_lock(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    never = threading.Event()
    server.routes["/a"] = Route(drops=[300_000])
    server.routes["/b"] = Route(delay=never)
    manifest(server.url("/a"), server.url("/b"))
    code = (
        "from vidcolor.models.weights.store import ensure_weights; from mirror_server import QUICK;"
        f"ensure_weights('tiny', weights_dir={str(tmp_path)!r}, policy=QUICK)"
    )
    server.routes["/a"].drops = [300_000, 0, 0]
    path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path})
    deadline = time.monotonic() + 60
    while "/b" not in server.paths() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "tiny.bin").exists()
    assert (tmp_path / "tiny.bin.part").stat().st_size == 300_000
    server.routes["/b"].delay = None
    never.set()
    assert ensure_weights("tiny", weights_dir=tmp_path, policy=QUICK).read_bytes() == PAYLOAD


def test_bundled_weights_are_found_in_checkout_or_wheel() -> None:
    with pytest.raises(WeightsError, match="install vidcolor again"):
        bundled_path("no-such.safetensors")
    for name in ("compact", "large"):
        path = bundled_path(f"{name}.safetensors")
        assert find_weights(name) == ensure_weights(name, offline=True) == path
        assert verify_weights(name).good
