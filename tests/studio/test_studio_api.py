"""A running studio by its API: results are the program's own."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from studio_helpers import Running, wait_for

import vidcolor

SMALL = {"model": "compact", "render_factor": 2}
"""The network at 32 pixels: quick, and its colours still depend on every setting."""


def test_photographs_come_back_as_the_program_makes_them(
    studio: Running, samples_dir: Path, tmp_path: Path
) -> None:
    names = ["launch_16bit.png", "portrait.jpg"]
    with studio.user() as user:
        sent = [
            user.put(
                "/api/uploads", params={"name": n}, content=(samples_dir / n).read_bytes()
            ).json()
            for n in names
        ]
        assert sent[0]["facts"][0][1].endswith("16 bit, in colour") or "16 bit" in str(sent[0])
        sources = [each["source"] for each in sent]
        settings = {**SMALL, "saturation": 1.5}
        made = user.post(
            "/api/jobs", json={"kind": "photos", "sources": sources, "settings": settings}
        )
        job = wait_for(user, made.json()["id"])
        assert job["state"] == "done" and [r["of"] for r in job["results"]] == names, job
        options = vidcolor.ColorizeOptions(
            model="compact", render_factor=2, saturation=1.5, device="cpu"
        )
        for result in job["results"]:  # in this process, where torch is loaded already
            vidcolor.colorize_image(
                samples_dir / result["of"], tmp_path / result["name"], options=options
            )
        archive = zipfile.ZipFile(io.BytesIO(user.get(f"/api/jobs/{job['id']}/zip").content))
        for result in job["results"]:
            own = (tmp_path / result["name"]).read_bytes()
            assert user.get(result["address"]).content == own == archive.read(result["name"])
        with studio.user() as other:
            for path in ("", "/files/0", "/zip", "/report", "/picture"):
                assert other.get(f"/api/jobs/{job['id']}{path}").status_code == 404
            assert other.post(f"/api/jobs/{job['id']}/cancel").status_code == 404
            assert other.get("/api/info", params={"source": sources[0]}).status_code == 404


def test_pictures_follow_the_settings(studio: Running) -> None:
    def picture(**settings: object) -> np.ndarray:
        query = {"source": "folder:0/reel.mp4", "at_s": 7.0, "max_px": 160, "format": "png"}
        with studio.user() as user:
            answer = user.get("/api/films/frame", params={**query, **settings})
        assert answer.status_code == 200, answer.text
        found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert found is not None
        return found.astype(int)

    def chroma(bgr: np.ndarray) -> float:
        return float(np.ptp(bgr, axis=2).mean())

    grey, plain, strong = picture(side="before"), picture(**SMALL), picture(**SMALL, saturation=2)
    assert chroma(grey) == 0 < chroma(plain) < chroma(strong)
    assert np.abs(grey - plain).max() > 0


def test_shots_sweep_and_refusals(studio: Running) -> None:
    with studio.user() as user:
        source = {"source": "folder:0/reel.mp4"}
        while (found := user.get("/api/films/shots", params=source).json())["shots"] is None:
            pass
        assert [round(shot["start_s"], 1) for shot in found["shots"]][:2] == [0.0, 1.5]
        cells = user.get(
            "/api/films/sweep", params={**source, "models": ["compact"], "saturations": [1, 2]}
        ).json()
        assert [cell["settings"]["saturation"] for cell in cells] == [1.0, 2.0]
        for query, words in [
            ({"saturation": 99}, "saturation"),
            ({"render_factor": 1}, "render_factor"),
            ({"model": "/etc/passwd"}, "no known model"),
            ({"model": "compact+/etc/passwd:0.5"}, "no known model"),
            ({"model": "weights:x"}, "no such upload"),
        ]:
            answer = user.get("/api/films/frame", params={**source, **query})
            assert answer.status_code in (404, 422) and words in answer.json()["error"]


def test_a_hint_changes_what_it_points_at(studio: Running) -> None:
    """A cup, at x = 240, y = 180, becomes bluer, and a corner of the picture less so."""

    def frame(**query: object) -> np.ndarray:
        where = {"source": "folder:0/reel.mp4", "at_s": 7.0, "max_px": 480, "format": "png"}
        answer = user.get("/api/films/frame", params={**where, **SMALL, **query})
        assert answer.status_code == 200, answer.text
        found = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)
        assert found is not None
        return found.astype(int)

    def blueness(bgr: np.ndarray) -> float:
        return float((bgr[..., 0] - bgr[..., 2]).mean())

    with studio.user() as user:
        hint = {"x": 240, "y": 180, "time_s": 7.0, "color": "#1030e0"}
        address = "/api/direction?source=folder:0/reel.mp4"
        assert user.put(address, json={"hints": [hint]}).status_code == 200
        plain, hinted = frame(), frame(directed=True, shot=4)
        assert user.put(address, json={}).status_code == 200
    place, corner = np.s_[172:188, 232:248], np.s_[:16, :16]
    change = blueness(hinted[place]) - blueness(plain[place])
    assert change > 10  # of 255: well above what one sees
    assert abs(blueness(hinted[corner]) - blueness(plain[corner])) < change / 2


def test_a_shot_shows_the_model_that_is_said_of_it(studio: Running) -> None:
    def frame(**query: object) -> bytes:
        where = {"source": "folder:0/reel.mp4", "at_s": 7.0, "max_px": 160, "format": "png"}
        answer = user.get("/api/films/frame", params={**where, "render_factor": 2, **query})
        assert answer.status_code == 200, answer.text
        return answer.content

    with studio.user() as user:
        address = "/api/direction?source=folder:0/reel.mp4"
        part = {"shot": 4, "model": "large", "smoothing": 0.5}
        assert user.put(address, json={"parts": [part]}).status_code == 200
        shown = {"model": "compact", "directed": True}
        assert frame(model="large") == frame(**shown, shot=4) != frame(model="compact")
        assert frame(**shown, shot=3) == frame(model="compact")
        for model in ("weights:x", "/etc/passwd"):
            answer = user.put(address, json={"parts": [{"shot": 1, "model": model}]})
            assert answer.status_code in (404, 422), answer.text
        # what people wrote by hand stays, whatever it is
        file = studio.folder / "reel.colors.toml"
        file.write_text('[[part]]\nshot = 4\nmodel = "mine.safetensors"\n')
        kept = {"shot": 4, "model": "mine.safetensors", "saturation": 0.5}
        assert user.put(address, json={"parts": [kept]}).status_code == 200
        assert 'model = "mine.safetensors"' in file.read_text()
        assert user.put(address, json={}).status_code == 200


def test_what_is_no_picture_is_refused_in_one_line(studio: Running) -> None:
    with studio.user() as user:
        answer = user.put("/api/uploads", params={"name": "<b>.png"}, content=b"no picture at all")
        assert answer.status_code == 422 and "\n" not in answer.json()["error"]
        assert str(studio.store) not in answer.text
        assert user.get("/api/uploads").json() == []


def test_direction_file_is_written_beside_the_film(studio: Running) -> None:
    file = studio.folder / "reel.colors.toml"
    with studio.user() as user:
        address = "/api/direction?source=folder:0/reel.mp4"
        hint = {"x": 10, "y": 20, "time_s": 4.2, "color": "#23406b"}
        assert user.put(address, json={"hints": [hint]}).status_code == 200
        assert tomllib.loads(file.read_text())["hint"][0]["color"] == "#23406b"
        assert user.get(address).json()["hints"][0]["time_s"] == pytest.approx(4.2)
        bad = user.put(address, json={"hints": [{**hint, "color": "no colour"}]})
        assert bad.status_code == 422 and "colo" in bad.json()["error"]
        assert user.put(address, json={}).status_code == 200
        assert not file.exists()
        file.write_text("# grandfather's wedding\nversion = 1\n")
        assert user.put(address, json={"hints": [hint]}).status_code == 200
        assert user.put(address, json={}).status_code == 200
    assert file.read_text() == "# grandfather's wedding\nversion = 1\n"
    file.unlink()
