"""The manifest's facts, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from mirror_server import make_entry

from vidcolor.errors import WeightsError
from vidcolor.models.weights.manifest import get_entry, load_manifest

FACTS = Path(__file__).resolve().parents[3] / "../shared/facts/weights.md"


def test_builtin_manifest_has_the_official_networks_and_ours() -> None:
    entries = load_manifest()
    official = ["deoldify-artistic", "deoldify-stable", "deoldify-video"]
    zhang = ["zhang-eccv16", "zhang-siggraph17"]
    ddcolor = ["ddcolor", "ddcolor-artistic", "ddcolor-tiny"]
    assert list(entries) == [*official, *zhang, *ddcolor, "compact", "large"]
    assert entries["compact"].kind == entries["large"].kind == "bundled"
    for name in official:
        entry = entries[name]
        assert entry.licence == "MIT"
        assert len(entry.urls) >= 3
        assert all(url.startswith("https://") and entry.file in url for url in entry.urls)
        assert "not hashed by us" in entry.evidence
    for name in (*zhang, *ddcolor):
        licence = "BSD-2-Clause" if name in zhang else "Apache-2.0"
        assert entries[name].licence == licence
        assert len(entries[name].urls) >= 2
        assert "not hashed by us" in entries[name].evidence


def test_sizes_and_hashes_are_those_of_the_collected_facts() -> None:
    if not FACTS.exists():
        pytest.skip("../shared isn't there: nothing to compare the manifest with")
    text = FACTS.read_text(encoding="utf-8")
    rows = set(re.findall(r"\| (\d+ \| [0-9a-f]{64})\b", text))
    for entry in load_manifest().values():
        assert not entry.size or f"{entry.size} | {entry.sha256}" in rows, entry.name


def test_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(WeightsError, match="did you mean deoldify-video"):
        get_entry("deoldify-vidoe")
    with pytest.raises(WeightsError, match="there are deoldify-artistic, "):
        get_entry("zzz")


@pytest.mark.parametrize(
    "changes",
    [
        {"urls": ("ftp://example.org/x",)},
        {"urls": ("file:///etc/passwd",)},
        {"urls": ()},
        {"file": "../x"},
        {"sha256": "abc"},
        {"size": 0},
    ],
)
def test_entries_that_could_do_harm_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="tiny"):
        make_entry("https://example.org/x", **{**{"urls": ("https://example.org/x",)}, **changes})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 9, "weights": []}', '{"schema": 1}'])
def test_own_manifest_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    path = tmp_path / "own.json"
    path.write_text(text)
    monkeypatch.setenv("VIDCOLOR_MANIFEST", str(path))
    with pytest.raises(WeightsError, match=r"own\.json: not a manifest"):
        load_manifest()
    path.unlink()
    with pytest.raises(WeightsError, match=r"own\.json: can't read"):
        load_manifest()
