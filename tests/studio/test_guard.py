"""What the guard lets in; no job runs here."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from vidcolor.errors import OptionError
from vidcolor.studio.app import make_app
from vidcolor.studio.settings import Limits, StudioSettings
from vidcolor.studio.studio import Studio

HERE = "http://127.0.0.1:7865"


def client(tmp_path: Path, **settings: object) -> TestClient:
    studio = Studio(StudioSettings(store=tmp_path / "store", **settings))  # type: ignore[arg-type]
    return TestClient(make_app(studio), base_url=HERE, follow_redirects=False)


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[TestClient]:
    folder = tmp_path / "reels"
    folder.mkdir()
    (folder / "reel.mp4").write_bytes(b"film")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.txt")
    (folder / ".hidden.mp4").write_bytes(b"x")
    limits = Limits(upload_mb=1, uploads=2, body_kb=10)
    yield client(tmp_path, folders=(folder,), limits=limits)


def test_page_comes_with_a_policy_that_allows_nothing_from_elsewhere(visitor: TestClient) -> None:
    answer = visitor.get("/")
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200 and "default-src 'none'" in policy and "http" not in policy
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost:1", "127.0.0.1@evil.example", ""]
)
def test_other_names_of_the_server_are_refused(visitor: TestClient, host: str) -> None:
    """A page elsewhere can have its own name pointed at this machine."""
    assert visitor.get("/api/jobs", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["localhost:7865", "127.0.0.1:7865", "[::1]:7865"])
def test_own_names_are_taken(visitor: TestClient, host: str) -> None:
    assert visitor.get("/api/jobs", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"},
    ],
)
def test_pages_of_other_sites_can_do_nothing(visitor: TestClient, headers: dict[str, str]) -> None:
    body = {"kind": "photos", "sources": ["upload:x"]}
    assert visitor.post("/api/jobs", json=body, headers=headers).status_code == 403
    assert visitor.get("/api/jobs", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "key",
    [
        "folder:0/../secret.txt",
        "folder:0/link.mp4",
        "folder:0/.hidden.mp4",
        "folder:0//etc/passwd",
        "folder:0/reel.mp4/..",
        "folder:0/..\\secret.txt",
        "folder:0/reel.mp4\x00.png",
        "folder:0/%2e%2e/secret.txt",
        "folder:1/reel.mp4",
        "folder:-1/reel.mp4",
        "folder:٠/reel.mp4",
        "/etc/passwd",
        "file:///etc/passwd",
        "upload:../studio.sqlite",
        "upload:",
        "",
    ],
)
def test_files_outside_can_not_be_had(visitor: TestClient, key: str) -> None:
    answer = visitor.get("/api/media", params={"source": key})
    assert answer.status_code == 404 and b"secret" not in answer.content


def test_files_inside_can_be_had_in_parts(visitor: TestClient) -> None:
    part = visitor.get(
        "/api/media", params={"source": "folder:0/reel.mp4"}, headers={"range": "bytes=1-2"}
    )
    assert (part.status_code, part.content) == (206, b"il")
    listing = visitor.get("/api/folders", params={"folder": "folder:0"}).json()
    assert [entry["name"] for entry in listing] == ["reel.mp4"]


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page//etc/passwd"])
def test_page_gives_its_own_files_only(visitor: TestClient, path: str) -> None:
    assert visitor.get(path).status_code in (400, 404)


def test_limits_of_size_and_length(visitor: TestClient) -> None:
    big = visitor.put("/api/uploads?name=a.png", content=b"x" * 1_000_001)
    assert (big.status_code, big.json()["error"]) == (413, "larger than 1 MB")
    assert visitor.put("/api/uploads?name=a.png", content=b"").status_code == 413
    assert visitor.post("/api/jobs", content=b"x" * 10_001).status_code == 413
    assert visitor.request("TRACE", "/").status_code == 405
    assert visitor.put("/api/weights?name=a.pth", content=b"x").status_code == 403


def test_others_need_the_password_or_the_token(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--auth"):
        StudioSettings(store=tmp_path, host="0.0.0.0")
    guarded = client(tmp_path, auth="anna:geheim", token="t" * 32)
    assert guarded.get("/").status_code == 401
    assert guarded.get("/?token=wrong").status_code == 401
    words = base64.b64encode(b"anna:geheim").decode()
    assert guarded.get("/", headers={"authorization": f"Basic {words}"}).status_code == 200
    entry = guarded.get(f"/?token={'t' * 32}")
    assert entry.status_code == 303 and entry.headers["location"] == "/"
    assert guarded.get("/").status_code == 200  # by the cookie


def test_endpoints_are_documented(visitor: TestClient) -> None:
    paths = visitor.get("/api/openapi.json").json()["paths"]
    assert {"/api/uploads", "/api/jobs", "/api/films/frame", "/api/direction"} <= set(paths)
    recipes = visitor.get("/recipes").text
    for line in ("/jobs/JOB/pause", "/films/shots", "/photos/picture", "/direction?"):
        assert line in recipes
