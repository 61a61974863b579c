"""``vidcolor weights`` as a user meets it."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mirror_server import PAYLOAD, MirrorServer, Route

from vidcolor.cli.commands.weights import weights
from vidcolor.errors import DownloadError, WeightsError
from vidcolor.models.weights.manifest import WeightsEntry

Install = Callable[..., WeightsEntry]
OTHER = bytes(reversed(PAYLOAD))
OTHER_HASH = hashlib.sha256(OTHER).hexdigest()
ROOT = Path(__file__).resolve().parents[3]


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(weights, [str(word) for word in words])


def test_list_shows_names_sizes_licences_and_what_is_installed(tmp_path: Path) -> None:
    result = invoke("list", "--weights-dir", tmp_path)
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert re.search(r"874 MB\s+MIT\s+no$", rows["deoldify-video"])
    assert re.search(r"255 MB\s+MIT\s+no$", rows["deoldify-artistic"])
    for name in ("compact", "large"):
        assert re.search(rf"\d MB\s+MIT\s+shipped\s+.*{name}\.safetensors$", rows[name])


def test_list_follows_a_file_from_part_to_checked(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    server.routes["/a"] = Route()
    manifest(server.url("/a"))
    place = ("--weights-dir", tmp_path)
    (tmp_path / "tiny.bin.part").write_bytes(PAYLOAD[:300_000])
    assert "no, 50 % there" in invoke("list", *place).stdout
    assert invoke("pull", "tiny", *place).exit_code == 0
    assert re.search(rf"yes\s+{re.escape(str(tmp_path))}", invoke("list", *place).stdout)
    os.utime(tmp_path / "tiny.bin", ns=(1, 1))
    assert "yes, unchecked" in invoke("list", *place).stdout
    (tmp_path / "tiny.bin").write_bytes(b"short")
    assert "wrong size" in invoke("list", *place).stdout


def test_pull_talks_on_stderr_and_path_prints_the_file(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    server.routes["/b"] = Route()
    manifest(server.url("/gone"), server.url("/b"))
    pulled = invoke("pull", "tiny", "--weights-dir", tmp_path)
    assert (pulled.exit_code, pulled.stdout) == (0, "")
    assert "licence CC0-1.0" in pulled.stderr
    assert "HTTP 404" in pulled.stderr
    assert f"installed, {tmp_path / 'tiny.bin'}" in pulled.stderr
    found = invoke("path", "tiny", "--weights-dir", tmp_path)
    assert found.stdout == f"{tmp_path / 'tiny.bin'}\n"
    assert invoke("path", "--weights-dir", tmp_path).stdout == f"{tmp_path}\n"


def test_pull_with_a_bar_and_with_json(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    server.routes["/a"] = Route()
    manifest(server.url("/a"))
    bar = invoke("pull", "tiny", "--weights-dir", tmp_path / "1", "--progress", "bar")
    assert re.search(r"tiny\.bin: +\d+%\|", bar.stderr)
    lines = invoke("pull", "tiny", "--weights-dir", tmp_path / "2", "--progress", "json").stderr
    assert '"event": "start"' in lines
    assert f'"done": {len(PAYLOAD)}, "total": {len(PAYLOAD)}' in lines


def test_verify_says_ok_then_wrong_with_exit_code_3(
    server: MirrorServer, manifest: Install, tmp_path: Path
) -> None:
    manifest("http://127.0.0.1:9/x")
    place = ("--weights-dir", tmp_path)
    assert invoke("verify", *place).exit_code == 0  # nothing is installed, so nothing is wrong
    missing = invoke("verify", "tiny", *place)
    assert (missing.exit_code, "MISSING" in missing.stdout) == (3, True)
    (tmp_path / "tiny.bin").write_bytes(PAYLOAD)
    assert "tiny: OK" in invoke("verify", "tiny", *place).stdout
    (tmp_path / "tiny.bin").write_bytes(OTHER)
    wrong = invoke("verify", *place)
    assert wrong.exit_code == 3
    assert f"WRONG HASH (has SHA-256 {OTHER_HASH}" in wrong.stdout


def test_accepting_a_hash_by_name(server: MirrorServer, manifest: Install, tmp_path: Path) -> None:
    server.routes["/a"] = Route(body=OTHER)
    manifest(server.url("/a"))
    refused = invoke("pull", "tiny", "--weights-dir", tmp_path)
    assert isinstance(refused.exception, DownloadError)
    advice = re.search(r'pull tiny, with accept_sha256="(\w+)"', str(refused.exception))
    assert advice is not None
    given = ("--accept-sha256", advice[1])
    done = invoke("pull", "tiny", *given, "--weights-dir", tmp_path)
    assert done.exit_code == 0
    assert "OK (accepted by you" in invoke("verify", "--weights-dir", tmp_path).stdout


def test_misspelt_name_costs_no_download(server: MirrorServer, manifest: Install) -> None:
    manifest(server.url("/a"))
    result = invoke("pull", "tiny", "tinny")
    assert isinstance(result.exception, WeightsError)
    assert "did you mean tiny" in str(result.exception)
    assert server.requests == []


def test_program_ends_with_3_and_one_line(manifest: Install, tmp_path: Path) -> None:
    manifest("http://127.0.0.1:9/x")
    command = [sys.executable, "-m", "vidcolor", "weights", "pull", "tiny", "--offline"]
    result = subprocess.run(
        [*command, "--weights-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "downloads are off; get http://127.0.0.1:9/x" in result.stderr


@pytest.mark.parametrize("command", ["list", "path", "verify"])
def test_no_torch_is_loaded(command: str) -> None:
    """Torch alone takes a second or more to load, and none of this needs it."""
    code = (
        "import sys; from vidcolor.cli.commands.weights import weights;"
        f"weights.main([{command!r}], standalone_mode=False);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
