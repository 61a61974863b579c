"""The page in a real browser: what people do, with mouse and keyboard, wide and narrow."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import Running

WAIT_MS = 90_000
"""Loading torch on a busy machine takes most of a minute."""
SCREENSHOT = os.environ.get("VIDCOLOR_SCREENSHOT", "")
"""Where the picture for the README goes, if it is asked for: docs/studio.jpg."""


@pytest.fixture
def page(studio: Running, browser: Any) -> Iterator[Any]:  # noqa: ANN401 - playwright's
    """A visitor's page; the test fails if the console has an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request", lambda r: faults.append(r.url) if not _is_own(r.url, studio.address) else None
    )
    page.goto(studio.address)
    page.wait_for_selector("body[data-ready=yes]")
    yield page
    context.close()
    assert faults == []


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "blob:", "data:"))


def _chroma(page: Any, selector: str) -> float:  # noqa: ANN401
    """Mean difference of the largest and smallest channel of a picture on the page."""
    script = """(image) => {
        const canvas = document.createElement('canvas');
        canvas.width = 64; canvas.height = 64;
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0, 64, 64);
        const data = context.getImageData(0, 0, 64, 64).data;
        let sum = 0;
        for (let i = 0; i < data.length; i += 4) {
            const pixel = [data[i], data[i + 1], data[i + 2]];
            sum += Math.max(...pixel) - Math.min(...pixel);
        }
        return sum / (64 * 64);
    }"""
    return float(page.locator(selector).evaluate(script))


def _drawn(page: Any, panel: str, part: str = "") -> None:  # noqa: ANN401
    page.wait_for_function(
        """([panel, part]) => {
            const shown = document.querySelector(`${panel} [data-look]`);
            return shown && shown.dataset.look.includes(part)
                && !document.querySelector(`${panel} .pair.busy`);
        }""",
        arg=[panel, part],
    )


def test_a_photograph_from_drop_to_download(page: Any, samples_dir: Path) -> None:  # noqa: ANN401
    page.set_input_files("#photos input[type=file]", samples_dir / "portrait.jpg")
    page.locator("#photos form select").first.select_option("compact")
    _drawn(page, "#photos", '"compact"')
    plain = _chroma(page, "#photos .pair .over img")
    # JPEG stores grey exactly: all three channels are equal
    assert _chroma(page, "#photos .pair .stack > img") == 0 < plain
    slider = page.get_by_label("Saturation").first
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")  # steps of 0.05
    _drawn(page, "#photos", '"saturation":1.5')
    assert _chroma(page, "#photos .pair .over img") > 1.2 * plain  # 1.5, less what gamut takes
    if SCREENSHOT:
        page.set_viewport_size({"width": 1180, "height": 760})
        page.locator("#photos .columns").screenshot(path=SCREENSHOT, type="jpeg", quality=85)
    split = page.locator("#photos .pair + input[type=range]")
    split.focus()
    page.keyboard.press("Home")
    clip = page.locator("#photos .pair .over").evaluate("(e) => e.style.clipPath")
    assert clip.replace("0px", "0%").endswith("0%)")
    page.get_by_role("button", name="Colour this one").press("Enter")
    with page.expect_download() as download:
        page.locator("#photos a[download]").click()
    assert download.value.suggested_filename == "portrait_color.jpg"
    assert download.value.path().read_bytes()[:2] == b"\xff\xd8"


def test_a_film_from_folder_to_clip_with_a_hint(page: Any, studio: Running) -> None:  # noqa: ANN401
    page.get_by_role("tab", name="Photographs").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#films").is_visible()
    page.locator("#films summary", has_text="folders").press("Enter")
    page.locator("#films li button", has_text=studio.folder.name).press("Enter")
    page.locator("#films li button", has_text="reel.mp4").first.press("Enter")
    page.locator("#films form select").first.select_option("compact")
    page.locator("#films form").get_by_label("Working size").fill("2")
    page.locator("#films .strip button").nth(2).click()  # third shot
    _drawn(page, "#films", '"render_factor":2')
    page.locator("#films summary", has_text="Hints").click()
    page.get_by_role("button", name="Click into the frame").click()
    box = page.locator("#films .pair .stack").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    page.wait_for_selector("#films .mark")
    hint = tomllib.loads((studio.folder / "reel.colors.toml").read_text())["hint"][0]
    # the sample has 480 x 360 pixels; a pixel on the page is up to two of them
    assert hint["at"] == pytest.approx([240, 90], abs=2)
    page.get_by_role("button", name="Remove hint 1").click()
    page.wait_for_selector("#films .mark", state="detached")
    page.get_by_role("button", name="Estimate").click()
    page.wait_for_selector("#films video >> nth=1", state="attached")
    assert "whole film: about" in page.locator("#films").inner_text()
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#films video')].every((v) => v.currentTime > 0.2)"
    )
    apart = page.evaluate(
        """() => {
            const [before, after] = document.querySelectorAll('#films video');
            return Math.abs(before.currentTime - after.currentTime);
        }"""
    )
    assert apart < 0.15  # one frame of 24 per second, and the time between the two readings
    coloured = page.locator("#films video").nth(1)
    assert coloured.evaluate("(video) => video.webkitAudioDecodedByteCount") > 0


def test_narrow_screens_scroll_down_only(page: Any) -> None:  # noqa: ANN401
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("Photographs", "Films", "Jobs", "Quality"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_names_are_text(page: Any, tmp_path: Path, samples_dir: Path) -> None:  # noqa: ANN401
    name = "<img src=x onerror=alert(1)>.png"
    (tmp_path / name).write_bytes((samples_dir / "cat.png").read_bytes())
    page.set_input_files("#photos input[type=file]", tmp_path / name)
    page.wait_for_selector("#photos h2:has-text('onerror')")
    assert page.locator("#photos img[src=x]").count() == 0
