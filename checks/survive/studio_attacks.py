"""Attacks on a studio that runs here: paths, hosts, sizes, bombs, scripts, others' ids.

::

    python checks survive/studio_attacks

Only this machine's loopback address is used. An attack succeeds if the answer gives what it must
not, is a 5xx that isn't "too long", or if the server doesn't answer afterwards. A table; exit code
1 if any succeeds.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
from shared.studio import Server, job_of, put
from survive import studio_bombs as bombs
from survive.studio_raw import raw

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SECRET = b"nobody may read this"


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes:
        group: what kind.
        name: what is tried.
        run: tries it; what came back: status and body.
        allowed: status codes that are a defence.
        forbidden: what the body must not hold.
    """

    group: str
    name: str
    run: Callable[[], tuple[int, bytes]]
    allowed: tuple[int, ...]
    forbidden: tuple[bytes, ...] = (SECRET, b"root:x:", b"Traceback")


class Attacker:
    """A user with a session, beside a victim with an upload and a job."""

    def __init__(self, server: Server, work: Path) -> None:
        """Prepare the victim."""
        self.server, self.work = server, work
        self.me, self.victim = server.user(), server.user()
        sent = put(self.victim, "mine.jpg", (SAMPLES / "portrait.jpg").read_bytes())
        self.source = sent.json()["source"]
        self.job = job_of(self.victim, "photos", self.source, model="compact", render_factor=2)[
            "id"
        ]
        self.own = put(self.me, "own.png", (SAMPLES / "cat.png").read_bytes()).json()["source"]

    def get(self, path: str, **query: object) -> tuple[int, bytes]:
        """A plain request."""
        return told(self.me.get(path, params=query or None))  # type: ignore[arg-type]

    def call(self, method: str, path: str, **more: object) -> tuple[int, bytes]:
        """Any request."""
        return told(self.me.request(method, path, **more))  # type: ignore[arg-type]

    def raw(self, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
        """Bytes as no client would send them."""
        return raw(self.server.address, head, body)


def told(answer: httpx.Response) -> tuple[int, bytes]:
    """Status and body."""
    return answer.status_code, answer.content


def paths(a: Attacker) -> list[Attack]:
    """Files outside."""
    keys = [
        "folder:0/../secret.txt",
        "folder:0/sub/../../secret.txt",
        "folder:0/link.txt",
        "folder:0/linked/secret.txt",
        "folder:0//etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "folder:0/%2e%2e/secret.txt",
        "folder:0/..%2fsecret.txt",
        "folder:0/..\\secret.txt",
        "folder:0/reel.mp4\x00.txt",
        "folder:0/.hidden.txt",
        "folder:9/reel.mp4",
        "folder:-1/reel.mp4",
        "folder:1e0/x",
        "upload:../studio.sqlite",
        "upload:%",
        "folder:0",
        "folder:0/" + "a/" * 900,
    ]
    found = [
        Attack(
            "path",
            f"media of {key[:32]!r}",
            lambda k=key: a.get("/api/media", source=k),
            (404, 422),
        )
        for key in keys
    ]
    found += [
        Attack(
            "path", f"listing of {key!r}", lambda k=key: a.get("/api/folders", folder=k), (404, 422)
        )
        for key in ("folder:0/..", "folder:0/linked", "/", "folder:0/.")
    ]
    for target in (
        b"/page/../app.py",
        b"/page/%2e%2e/app.py",
        b"/page/..%5capp.py",
        b"//etc/passwd",
        b"/page/%00",
        b"/../../etc/passwd",
    ):
        head = b"GET " + target + b" HTTP/1.1\r\nHost: {host}\r\n"
        found.append(Attack("path", target.decode(), lambda h=head: a.raw(h), (400, 404)))
    return found


def callers(a: Attacker) -> list[Attack]:
    """Who asks: hosts, origins, methods."""
    found = [
        Attack(
            "host",
            repr(host),
            lambda h=host: a.call("GET", "/api/jobs", headers={"host": h}),
            (421, 400),
        )
        for host in (
            "evil.example",
            "127.0.0.1.nip.io",
            "localhost.evil.example",
            "0.0.0.0",
            "127.1:80",
        )
    ]
    two = b"GET /api/jobs HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n"
    found.append(Attack("host", "two Host headers", lambda: a.raw(two), (400, 421)))
    job = {"kind": "photos", "sources": [a.own]}
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
        {"sec-fetch-site": "cross-site"},
    ):
        name = f"job from a page with {headers}"
        found.append(
            Attack(
                "origin",
                name,
                lambda h=headers: a.call("POST", "/api/jobs", json=job, headers=h),
                (403,),
            )
        )
    simple = {"content-type": "text/plain", "origin": "https://evil.example"}
    found.append(
        Attack(
            "origin",
            "job as a form of another site",
            lambda: a.call("POST", "/api/jobs", content=b"{}", headers=simple),
            (403,),
        )
    )
    for method in ("TRACE", "OPTIONS", "PATCH", "PROPFIND"):
        found.append(Attack("method", method, lambda m=method: a.call(m, "/api/jobs"), (405,)))
    found.append(
        Attack("method", "DELETE of the list", lambda: a.call("DELETE", "/api/jobs"), (405,))
    )
    return found


def others(a: Attacker) -> list[Attack]:
    """What belongs to somebody else."""
    base = f"/api/jobs/{a.job}"
    found = [
        Attack(
            "other user",
            f"{method} {path or 'job'}",
            lambda m=method, p=path: a.call(m, base + p),
            (404,),
        )
        for method, path in (
            ("GET", ""),
            ("GET", "/files/0"),
            ("GET", "/zip"),
            ("GET", "/report"),
            ("GET", "/picture"),
            ("GET", "/evaluation"),
            ("POST", "/cancel"),
            ("POST", "/pause"),
            ("POST", "/resume"),
            ("DELETE", ""),
        )
    ]
    key = a.source.removeprefix("upload:")
    tries = {
        "photograph": lambda: a.get("/api/media", source=a.source),
        "its picture": lambda: a.get("/api/photos/picture", source=a.source),
        "its direction": lambda: a.call("PUT", f"/api/direction?source={a.source}", json={}),
        "its removal": lambda: a.call("DELETE", f"/api/uploads/{key}"),
        "a job on it": lambda: a.call(
            "POST", "/api/jobs", json={"kind": "photos", "sources": [a.source]}
        ),
        "as reference": lambda: a.call(
            "PUT",
            f"/api/direction?source={a.own}",
            json={"references": [{"source": a.source}]},
        ),
        "its id with SQL": lambda: a.get("/api/media", source=f"{a.source}' or '1'='1"),
        "a forged session": lambda: a.call(
            "GET", base, headers={"cookie": "vidcolor_session=" + "A" * 43}
        ),
    }
    return found + [Attack("other user", name, run, (404,)) for name, run in tries.items()]


def values(a: Attacker) -> list[Attack]:
    """Settings that are none, sizes, wrong lengths."""

    def job(**settings: object) -> tuple[int, bytes]:
        return a.call(
            "POST", "/api/jobs", json={"kind": "photos", "sources": [a.own], "settings": settings}
        )

    look = "/api/photos/picture"
    tries: dict[str, tuple[Callable[[], tuple[int, bytes]], tuple[int, ...]]] = {
        "model is a path": (lambda: job(model="/etc/passwd"), (422,)),
        "model is a flag": (lambda: job(model="--weights-dir=/"), (422,)),
        "encoder is a flag": (lambda: job(video_codec="-y"), (422,)),
        "unknown setting": (lambda: job(weights_dir="/tmp"), (422,)),
        "saturation is not a number": (lambda: job(saturation="NaN"), (422,)),
        "container is a path": (
            lambda: a.call(
                "POST",
                "/api/jobs",
                json={"kind": "photos", "sources": [a.own], "suffix": "/../x.mp4"},
            ),
            (422,),
        ),
        "picture of 10**9 pixels": (lambda: a.get(look, source=a.own, max_px=10**9), (422,)),
        "body of 2 MB": (lambda: a.call("POST", "/api/jobs", content=b" " * 2_000_000), (413,)),
        "upload larger than the limit": (
            lambda: told(put(a.me, "big.mkv", b"\0" * 3_000_000)),
            (413,),
        ),
        "said to be larger": (
            lambda: a.raw(
                b"PUT /api/uploads?name=x HTTP/1.1\r\nHost: {host}\r\n"
                b"Content-Length: 99999999999999\r\n"
            ),
            (413,),
        ),
        "length is no number": (
            lambda: a.raw(
                b"PUT /api/uploads?name=x HTTP/1.1\r\nHost: {host}\r\nContent-Length: -5\r\n"
            ),
            (400,),
        ),
        "weights, though not allowed": (
            lambda: a.call("PUT", "/api/weights?name=x.pth", content=b"x"),
            (403,),
        ),
        "header of 1 MB": (
            lambda: a.raw(b"GET / HTTP/1.1\r\nHost: {host}\r\nX: " + b"a" * 1_000_000 + b"\r\n"),
            (400, 431),
        ),
        "500 files of one job that are none": (
            lambda: a.call(
                "POST", "/api/jobs", json={"kind": "photos", "sources": ["upload:x"] * 600}
            ),
            (404, 422),
        ),
    }
    return [Attack("value", name, run, allowed) for name, (run, allowed) in tries.items()]


def files(a: Attacker) -> list[Attack]:
    """Files that aren't what they say."""
    found = []
    for name, data in bombs.all_of(a.work).items():
        found.append(
            Attack("file", name, lambda n=name, d=data: told(put(a.me, n, d)), (413, 422, 503))
        )
    for name, data in bombs.with_scripts(SAMPLES).items():
        found.append(
            Attack(
                "script",
                name[:40],
                lambda n=name, d=data: shown(a, n, d),
                (200,),
                (b"Traceback", b"text/html", b"image/svg"),
            )
        )
    return found


def shown(a: Attacker, name: str, data: bytes) -> tuple[int, bytes]:
    """Upload, then fetch it again; the answer's type stands in front."""
    sent = put(a.me, name, data)
    if sent.status_code != 201:
        return 200, b""  # refused: as good
    answer = a.me.get("/api/media", params={"source": sent.json()["source"]})
    return answer.status_code, answer.headers["content-type"].encode() + b" " + answer.content[:0]


def main() -> int:
    """Command line."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    ).parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place).resolve()
        reels = work / "reels"
        (reels / "sub").mkdir(parents=True)
        shutil.copy(SAMPLES / "newsreel.mp4", reels / "reel.mp4")
        for name in ("secret.txt", "reels/.hidden.txt"):
            (work / name).write_bytes(SECRET)
        (reels / "link.txt").symlink_to(work / "secret.txt")
        (reels / "linked").symlink_to(work)
        server = Server(reels, work / "store", "--max-upload", "2", "--max-uploads", "40")
        attacker = Attacker(server, work)
        faults, count = 0, 0
        for make in (paths, callers, others, values, files):
            for attack in make(attacker):
                count += 1
                faults += not report(attack, attacker)
        server.stop()
        print(f"{count} attacks, {faults} succeed")
        return min(1, faults)


def report(attack: Attack, attacker: Attacker) -> bool:
    """Try one; whether it was repelled, and the server still answers the victim."""
    try:
        status, body = attack.run()
    except (httpx.HTTPError, OSError) as error:
        status, body = 0, type(error).__name__.encode()
    fine = status in (*attack.allowed, 0) and not any(word in body for word in attack.forbidden)
    fine = fine and attacker.victim.get(f"/api/jobs/{attacker.job}").status_code == 200
    text = body[:90].decode("utf-8", "replace").replace("\n", " ")
    print(
        f"{'ok  ' if fine else 'BAD '} {attack.group:11} {attack.name:44} {status}  {text}",
        flush=True,
    )
    return fine


if __name__ == "__main__":
    sys.exit(main())
