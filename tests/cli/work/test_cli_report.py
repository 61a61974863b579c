"""Output for other programs: the JSON lines of docs/progress.md, and ``--report``."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from cli_helpers import RunHere, make_clip, make_photo

from vidcolor.cli.terminal.console import PROTOCOL
from vidcolor.cli.work.jobs import Job
from vidcolor.media.files.identity import BLOCK_BYTES, BLOCKS, file_identity

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "progress.md"


def documented_events() -> dict[str, set[str]]:
    """Event and fields, as the document's tables have them."""
    text = DOCUMENT.read_text(encoding="utf-8").split("## `--report FILE`")[0]
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    return {
        section.split("\n", 1)[0]: set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
        for section in sections
    }


def test_json_lines_are_those_of_the_document(
    run_here: RunHere, clip: Path, model_words: list[str]
) -> None:
    """Every event of a real run, good and bad, has exactly the documented fields."""
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(b"nothing")
    words = ["-o", "out", str(clip), str(broken), "--progress", "json", *model_words]
    events = [json.loads(line) for line in run_here(*words).stderr.splitlines()]
    documented = documented_events()
    for event in events:
        assert event.pop("v") == PROTOCOL == 1
        assert set(event) - {"event"} == documented[event["event"]]
    assert {event["event"] for event in events} == set(documented)
    assert f"version: **{PROTOCOL}**" in DOCUMENT.read_text(encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    report = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(report, dict)
    return report


def test_report_of_a_batch(run_here: RunHere, clip: Path, model_words: list[str]) -> None:
    """Done, failed and skipped, with identities, the model's hash, options and versions."""
    broken = clip.with_name("broken.mp4")
    broken.write_bytes(b"nothing")
    photo = make_photo(clip.with_name("taken.png"))
    folder = clip.with_name("out")
    folder.mkdir()
    (folder / "taken_color.png").write_bytes(b"earlier")
    words = ["-n", "-o", "out", str(clip), str(broken), str(photo), "--saturation", "1.5"]
    assert run_here(*words, "--report", "r.json", *model_words).returncode == 1
    report = read(clip.with_name("r.json"))
    assert (report["report"], report["exit_code"], report["error"]) == (1, 1, None)
    assert report["options"]["saturation"] == 1.5
    assert {"vidcolor", "python", "torch", "av"} <= set(report["versions"])
    done, failed, skipped = report["jobs"]
    assert [job["status"] for job in report["jobs"]] == ["done", "failed", "skipped"]
    assert done["frames"] == 6
    assert done["input"]["size"] == clip.stat().st_size
    digest = hashlib.sha256(clip.stat().st_size.to_bytes(8, "big") + clip.read_bytes())
    assert done["input"]["sampled_sha256"] == digest.hexdigest()
    assert done["output"]["size"] == (folder / "film_color.mp4").stat().st_size
    weights = Path(model_words[1])
    assert done["model"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert documented_events()["done"] <= set(done)
    assert failed["exit_code"] == 1
    assert "broken.mp4" in failed["error"]
    assert "frames" not in skipped


@pytest.mark.parametrize(
    ("words", "code"), [(["missing.mp4"], 1), (["film.mp4", "--video-codec", "no"], 2)]
)
def test_report_of_a_failure(
    run_here: RunHere, clip: Path, model_words: list[str], words: list[str], code: int
) -> None:
    run = run_here(*words, "--report", "r.json", *model_words)
    report = read(clip.with_name("r.json"))
    assert run.returncode == report["exit_code"] == code
    assert report["error"] in run.stderr
    assert [path.name for path in clip.parent.glob(".*")] == []


def test_report_replaces_nothing_but_reports(
    run_here: RunHere, clip: Path, model_words: list[str]
) -> None:
    """A mistyped name must not overwrite a film."""
    precious = make_clip(clip.with_name("precious.mp4"))
    before = precious.read_bytes()
    for path in (precious, clip, clip.with_name("no") / "r.json", clip.parent):
        run = run_here(str(clip), "--report", str(path), *model_words)
        assert run.returncode == 2
        assert "--report" in run.stderr
    assert precious.read_bytes() == before
    run = run_here(str(clip), "out.json", "--report", "out.json", *model_words)
    assert run.returncode == 2
    for _ in range(2):
        assert run_here(str(clip), "-y", "--report", "r.json", *model_words).returncode == 0


def test_identity_sees_a_change_anywhere_it_looks(tmp_path: Path) -> None:
    """Size, time, the first block, the last, and those between."""
    path = tmp_path / "large"
    data = bytearray(BLOCKS * BLOCK_BYTES * 3)
    path.write_bytes(data)
    seen = {file_identity(path)}
    for block in (0, 7, BLOCKS - 1):
        data[block * (len(data) - BLOCK_BYTES) // (BLOCKS - 1) + BLOCK_BYTES - 1] ^= 1
        path.write_bytes(data)
        seen.add(file_identity(path))
    assert len({each.sampled_sha256 for each in seen if each}) == 4
    assert file_identity(tmp_path) is None
    assert file_identity(tmp_path / "missing") is None
    assert file_identity("-") is None


def test_report_compares_no_job_with_all_others(
    run_here: RunHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed: jobs were looked up in lists, 70 s for 20,000 files."""
    names = [f"{number:03d}" for number in range(200)]
    (tmp_path / "out").mkdir()
    for name in names:
        make_photo(tmp_path / f"{name}.png", size=(2, 2))
        (tmp_path / f"out/{name}_color.png").write_bytes(b"earlier")
    compared = []
    equal = Job.__eq__
    monkeypatch.setattr(Job, "__eq__", lambda a, b: compared.append(a) or equal(a, b))
    words = ["-n", "-o", "out", *(f"{name}.png" for name in names), "--report", "report.json"]
    assert run_here(*words).returncode == 0
    jobs = read(tmp_path / "report.json")["jobs"]
    assert [job["status"] for job in jobs] == ["skipped"] * len(names)
    # Pairs are 19,900. Sets and dicts compare only where hashes meet.
    assert len(compared) < 10 * len(names)
