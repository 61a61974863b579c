"""Downloads from a real local server: what goes wrong on real networks, one thing at a time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from mirror_server import PAYLOAD, QUICK, MirrorServer, Recorder, Route, make_entry

from vidcolor.errors import DownloadError
from vidcolor.models.weights.download import RetryPolicy, download

HASH = hashlib.sha256(PAYLOAD).hexdigest()
OTHER = bytes(reversed(PAYLOAD))
OTHER_HASH = hashlib.sha256(OTHER).hexdigest()


def leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_whole_file_arrives_and_nothing_else_stays(
    server: MirrorServer, tmp_path: Path, progress: Recorder
) -> None:
    server.routes["/a"] = Route()
    target = tmp_path / "tiny.bin"
    assert download(make_entry(server.url("/a")), target, progress=progress, policy=QUICK) == HASH
    assert target.read_bytes() == PAYLOAD
    assert leftovers(target) == []
    assert progress.starts == [(len(PAYLOAD), "bytes", "tiny.bin")]
    assert (progress.done, progress.closed) == (len(PAYLOAD), 1)


def test_dropped_connections_are_resumed_where_they_broke(
    server: MirrorServer, tmp_path: Path, progress: Recorder
) -> None:
    server.routes["/a"] = Route(drops=[200_000, 100_000])
    target = tmp_path / "tiny.bin"
    download(make_entry(server.url("/a")), target, progress=progress, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert [asked for _, asked in server.requests] == ["", "bytes=200000-", "bytes=300000-"]
    assert len(progress.starts) == 1
    assert progress.done == len(PAYLOAD)


def test_too_many_drops_keep_the_part_for_the_next_process(
    server: MirrorServer, tmp_path: Path
) -> None:
    server.routes["/a"] = Route(drops=[100_000] * 3)
    target, entry = tmp_path / "tiny.bin", make_entry(server.url("/a"))
    with pytest.raises(DownloadError, match=r"connection closed after 300000.*0\.3 MB are kept"):
        download(entry, target, policy=QUICK)
    assert not target.exists()
    assert (tmp_path / "tiny.bin.part").stat().st_size == 300_000
    download(entry, target, policy=QUICK)
    assert server.requests[-1][1] == "bytes=300000-"
    assert target.read_bytes() == PAYLOAD


def test_file_changed_on_the_server_is_fetched_anew(server: MirrorServer, tmp_path: Path) -> None:
    server.routes["/a"] = Route(body=OTHER, drops=[100_000])
    target, entry = tmp_path / "tiny.bin", make_entry(server.url("/a"))
    with pytest.raises(DownloadError):
        download(entry, target, policy=RetryPolicy(retries=0))
    server.routes["/a"] = Route()
    download(entry, target, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    # what was resumed has the wrong hash
    assert [asked for _, asked in server.requests] == ["", "bytes=100000-", ""]


def test_server_without_ranges_sends_all_again(
    server: MirrorServer, tmp_path: Path, progress: Recorder
) -> None:
    server.routes["/a"] = Route(ranges=False, drops=[300_000])
    target = tmp_path / "tiny.bin"
    download(make_entry(server.url("/a")), target, progress=progress, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert len(progress.starts) == 2  # the display went back to 0
    assert progress.done == len(PAYLOAD)


def test_next_mirror_takes_over_the_part(server: MirrorServer, tmp_path: Path) -> None:
    server.routes["/a"] = Route(drops=[200_000, 0, 0])
    server.routes["/b"] = Route()
    target = tmp_path / "tiny.bin"
    download(make_entry(server.url("/a"), server.url("/b")), target, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert server.requests[-1] == ("/b", "bytes=200000-")


def test_bad_part_is_noticed_and_fetched_anew(
    server: MirrorServer, tmp_path: Path, progress: Recorder
) -> None:
    server.routes["/a"] = Route()
    target = tmp_path / "tiny.bin"
    (tmp_path / "tiny.bin.part").write_bytes(OTHER[:1000])
    download(make_entry(server.url("/a")), target, progress=progress, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert [asked for _, asked in server.requests] == ["bytes=1000-", ""]
    assert any("starting anew" in text for text in progress.messages)


@pytest.mark.parametrize("extra", [0, 5])
def test_part_of_full_size_or_longer(server: MirrorServer, tmp_path: Path, extra: int) -> None:
    server.routes["/a"] = Route()
    target = tmp_path / "tiny.bin"
    (tmp_path / "tiny.bin.part").write_bytes(PAYLOAD + b"x" * extra)
    download(make_entry(server.url("/a")), target, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert len(server.requests) == (1 if extra else 0)  # a whole good part needs no network


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Route(status=404, body=b"gone"), "HTTP 404"),
        (Route(status=502, body=b"bad gateway"), "HTTP 502"),
        (Route(body=PAYLOAD[:-1]), "has 599999 bytes where 600000 were expected"),
        (Route(body=PAYLOAD + b"x", length=False), "sends more than"),
        (Route(content_type="text/html; charset=utf-8"), "a web page"),
        (Route(body=OTHER), f"SHA-256 {OTHER_HASH}"),
        (Route(extra={"Content-Encoding": "gzip"}), "encoded as gzip"),
        (Route(status=302, extra={"Location": "ftp://127.0.0.1/x"}), "not followed"),
        (Route(status=302, extra={"Location": "file:///etc/passwd"}), "not allowed"),
        (Route(status=204, body=b""), "HTTP 204"),
    ],
    ids=lambda value: value.replace(" ", "_")[:24] if isinstance(value, str) else "",
)
def test_bad_mirror_is_named_and_the_next_one_serves(
    server: MirrorServer, tmp_path: Path, progress: Recorder, bad: Route, reason: str
) -> None:
    server.routes["/bad"], server.routes["/good"] = bad, Route()
    target = tmp_path / "tiny.bin"
    entry = make_entry(server.url("/bad"), server.url("/good"))
    download(entry, target, progress=progress, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert leftovers(target) == []
    assert server.paths() == ["/bad", "/good"]
    said = [text for text in progress.messages if reason in text]
    assert len(said) == 1
    assert "127.0.0.1" in said[0]


def test_smaller_file_on_a_mirror_does_not_cost_the_part(
    server: MirrorServer, tmp_path: Path
) -> None:
    """The server answers 416, since the part is longer than its file; the next mirror resumes."""
    server.routes["/small"], server.routes["/good"] = Route(body=PAYLOAD[:1000]), Route()
    target = tmp_path / "tiny.bin"
    (tmp_path / "tiny.bin.part").write_bytes(PAYLOAD[:5000])
    download(make_entry(server.url("/small"), server.url("/good")), target, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert server.requests[-1] == ("/good", "bytes=5000-")


def test_redirect_is_followed_and_keeps_the_range(server: MirrorServer, tmp_path: Path) -> None:
    server.routes["/a"] = Route(status=307, extra={"Location": server.url("/b")}, body=b"")
    server.routes["/b"] = Route()
    target = tmp_path / "tiny.bin"
    (tmp_path / "tiny.bin.part").write_bytes(PAYLOAD[:5000])
    download(make_entry(server.url("/a")), target, policy=QUICK)
    assert target.read_bytes() == PAYLOAD
    assert server.requests[-1] == ("/b", "bytes=5000-")


def test_redirect_from_https_to_http_is_refused() -> None:
    import urllib.request
    from email.message import Message

    from vidcolor.models.weights import http as _http

    handler = _http._CarefulRedirects()
    request = urllib.request.Request("https://example.org/a")
    with pytest.raises(_http.MirrorError, match="not followed"):
        handler.redirect_request(request, None, 302, "", Message(), "http://example.org/a")  # type: ignore[arg-type]


def test_silent_server_times_out(server: MirrorServer, tmp_path: Path) -> None:
    never = threading.Event()
    server.routes["/a"] = Route(delay=never)
    try:
        with pytest.raises(DownloadError, match="no answer in time, 1 tries"):
            download(
                make_entry(server.url("/a")),
                tmp_path / "tiny.bin",
                policy=RetryPolicy(retries=0, timeout_s=0.2),
            )
    finally:
        never.set()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(
        DownloadError, match=r"connection refused.*by other means and put it as tiny.bin into"
    ):
        download(make_entry("http://127.0.0.1:9/x"), tmp_path / "tiny.bin", policy=QUICK)
    assert list(tmp_path.iterdir()) == []


def test_wrong_hash_everywhere_names_both_and_can_be_accepted(
    server: MirrorServer, tmp_path: Path
) -> None:
    server.routes["/a"] = server.routes["/b"] = Route(body=OTHER)
    target, entry = tmp_path / "tiny.bin", make_entry(server.url("/a"), server.url("/b"))
    with pytest.raises(DownloadError) as caught:
        download(entry, target, policy=QUICK)
    assert HASH in str(caught.value)
    assert f'accept_sha256="{OTHER_HASH}"' in str(caught.value)
    assert not target.exists()
    requests = len(server.requests)
    assert download(entry, target, accept_sha256=OTHER_HASH, policy=QUICK) == OTHER_HASH
    assert target.read_bytes() == OTHER
    assert len(server.requests) == requests  # the whole file was kept


def test_too_little_space_is_said_before_asking_anybody(
    server: MirrorServer, tmp_path: Path
) -> None:
    size = shutil.disk_usage(tmp_path).total * 2
    entry = make_entry(server.url("/a"), size=size)
    with pytest.raises(DownloadError, match=r"needs .* MB more, but .* has only .* MB free"):
        download(entry, tmp_path / "tiny.bin", policy=QUICK)
    assert server.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_disk_full_midway_is_one_line_and_keeps_what_fits(
    server: MirrorServer, tmp_path: Path
) -> None:
    """A process that may not write files above 300 kB stands for a disk that fills up."""
    server.routes["/a"] = Route()
    program = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from mirror_server import QUICK, make_entry
        from vidcolor.errors import DownloadError
        from vidcolor.models.weights.download import download
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            download(make_entry(sys.argv[1]), Path(sys.argv[2]), policy=QUICK)
        except DownloadError as error:
            print(error)
    """)
    root = Path(__file__).resolve().parents[3]
    path = os.pathsep.join([str(root), str(Path(__file__).parent)])
    target = tmp_path / "tiny.bin"
    result = subprocess.run(
        [sys.executable, "-c", program, server.url("/a"), str(target)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the disk is full" in result.stdout
    assert "0.3 MB are kept" in result.stdout
    assert not target.exists()
    assert (tmp_path / "tiny.bin.part").read_bytes() == PAYLOAD[:300_000]
    download(make_entry(server.url("/a")), target, policy=QUICK)
    assert server.requests[-1][1] == "bytes=300000-"
    assert target.read_bytes() == PAYLOAD


def test_part_that_cannot_be_written_is_one_line(server: MirrorServer, tmp_path: Path) -> None:
    server.routes["/a"] = Route()
    (tmp_path / "tiny.bin.part").mkdir()
    with pytest.raises(DownloadError, match=r"can't write .*tiny\.bin\.part"):
        download(make_entry(server.url("/a")), tmp_path / "tiny.bin", policy=QUICK)
