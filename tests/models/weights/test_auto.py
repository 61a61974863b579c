"""What ``--model auto`` means: by what is installed, by what is to be coloured, by the device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mirror_server import PAYLOAD, make_entry

import vidcolor
from vidcolor.models.loading import choose_model
from vidcolor.models.running.device import device_type, resolve_device
from vidcolor.models.spec import Kind


@pytest.mark.parametrize(
    ("kind", "device", "wanted"),
    [
        ("image", "cpu", "large"),
        ("image", "cuda", "large"),
        ("video", "cpu", "compact"),
        ("video", "cuda", "large"),
        ("video", "cuda:1", "large"),
        ("video", "cuda:0,cuda:1", "large"),
        ("video", "mps", "large"),
    ],
)
def test_of_our_own_the_large_one_where_time_allows(kind: Kind, device: str, wanted: str) -> None:
    """Nothing of it needs the device to be there."""
    assert choose_model(kind, device) == wanted


def test_auto_device_counts_as_the_one_that_is_taken() -> None:
    here = resolve_device("auto").type
    assert device_type("auto") == here
    assert choose_model("video", "auto") == choose_model("video", here)


def test_deoldify_goes_first_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stand-ins of the right hash: choosing looks no further into the files."""
    entries = []
    for name in ("deoldify-video", "deoldify-artistic"):
        entry = make_entry("https://example.org/x", name=name, file=f"{name}.pth")
        fields = ("name", "kind", "file", "size", "sha256", "licence", "source", "credit")
        entries.append({**{f: getattr(entry, f) for f in fields}, "url": entry.urls[0]})
    listed = tmp_path / "manifest.json"
    listed.write_text(json.dumps({"schema": 1, "weights": entries}), encoding="utf-8")
    monkeypatch.setenv("VIDCOLOR_MANIFEST", str(listed))
    (tmp_path / "deoldify-video.pth").write_bytes(PAYLOAD)
    for device in ("cpu", "cuda"):
        assert choose_model("video", device, weights_dir=tmp_path) == "deoldify-video"
        assert choose_model("image", device, weights_dir=tmp_path) == "large"
    (tmp_path / "deoldify-artistic.pth").write_bytes(PAYLOAD)
    assert choose_model("image", "cpu", weights_dir=tmp_path) == "deoldify-artistic"
    (tmp_path / "deoldify-video.pth").write_bytes(PAYLOAD[:-1])
    assert choose_model("video", "cpu", weights_dir=tmp_path) == "compact"


@pytest.mark.parametrize(("kind", "wanted"), [("image", "large"), ("video", "compact")])
def test_load_model_takes_what_auto_means(kind: Kind, wanted: str) -> None:
    assert vidcolor.load_model("auto", "cpu", kind=kind).spec.name == wanted
