"""Every example of docs/python.md runs as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python.md"
RECIPES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the page says is there: a second of film, a photograph, three scans."""
    import av
    import cv2

    target = tmp_path_factory.mktemp("recipes")
    picture = cv2.imread(str(ROOT / "samples" / "portrait.jpg"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    shutil.copy(ROOT / "samples" / "portrait.jpg", target)
    for number in range(3):
        cv2.imwrite(str(target / f"scan_{number:03d}.png"), picture[:64, number : number + 96])
    with av.open(str(target / "film.mp4"), "w") as film:
        stream = film.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(20):
            part = cv2.resize(picture[40:240, 40 + 4 * number : 340 + 4 * number], (96, 64))
            film.mux(stream.encode(av.VideoFrame.from_ndarray(part, format="gray")))
        film.mux(stream.encode(None))
    return target


@pytest.mark.parametrize("recipe", RECIPES, ids=range(len(RECIPES)))
def test_recipe_runs(
    recipe: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    exec(compile(recipe, str(PAGE), "exec"), {"__name__": "recipe"})  # noqa: S102 - our own page


def test_the_page_has_recipes() -> None:
    assert len(RECIPES) >= 8
