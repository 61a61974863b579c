"""The page in a real browser: what people do, with mouse and keyboard, wide and narrow."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import Running, short_reel

import vidcolor

WAIT_MS = 60_000
"""Loading torch on a busy machine takes most of a minute."""
STOP_MS = 120_000
"""A program gets 60 s to stop, then it is killed."""
SCREENSHOT = os.environ.get("VIDCOLOR_SCREENSHOT", "")
"""Where the picture for the README goes, if it is asked for: docs/studio.jpg."""


Page = Any
"""Playwright's, which isn't imported where there is no browser."""


@pytest.fixture
def visit(studio: Running, browser: Any) -> Iterator[Callable[[], Page]]:  # noqa: ANN401
    """Opens the page as another visitor; the test fails if a console has an error."""
    contexts, faults = [], list[str]()

    def opened() -> Page:
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, accept_downloads=True
        )
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda r: faults.append(r.url) if not _is_own(r.url, studio.address) else None,
        )
        page.goto(studio.address)
        page.wait_for_selector("body[data-ready=yes]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(visit: Callable[[], Page]) -> Page:
    """A visitor's page."""
    return visit()


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "blob:", "data:"))


def _chroma(page: Page, selector: str) -> float:  # noqa: ANN401
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


def _drawn(page: Page, panel: str, part: str = "") -> None:  # noqa: ANN401
    page.wait_for_function(
        """([panel, part]) => {
            const shown = document.querySelector(`${panel} [data-look]`);
            return shown && shown.dataset.look.includes(part)
                && !document.querySelector(`${panel} .pair.busy`);
        }""",
        arg=[panel, part],
    )


def _rgb(page: Page, selector: str, x: float, y: float) -> list[int]:
    """Mean colour of a small square of a picture on the page; places are shares of its size."""
    script = """(image, [x, y]) => {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = 1;
        const side = image.naturalWidth / 32;
        canvas.getContext('2d').drawImage(image, x * image.naturalWidth - side / 2,
            y * image.naturalHeight - side / 2, side, side, 0, 0, 1, 1);
        return [...canvas.getContext('2d').getImageData(0, 0, 1, 1).data];
    }"""
    found: list[int] = page.locator(selector).evaluate(script, [x, y])
    return found


def _hint(page: Page, panel: str, x: float, y: float) -> int:
    """Give a blue hint by a click; how much bluer the place becomes, of 255."""
    after = f"{panel} .pair .over img"
    page.locator(f"{panel} summary", has_text="Hints").click()
    page.locator(panel).get_by_label("Colour of the hint").fill("#1030e0")
    page.locator(panel).get_by_role("button", name="Click into the picture").click()
    before = _rgb(page, after, x, y)
    box = page.locator(f"{panel} .pair .stack").bounding_box()
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_selector(f"{panel} .mark")
    _drawn(page, panel, '"version":1')
    now = _rgb(page, after, x, y)
    return (now[2] - now[0]) - (before[2] - before[0])


def _setting(page: Page, panel: str, caption: str) -> Any:  # noqa: ANN401
    """A field of the form of settings."""
    field = page.locator(f"{panel} form label").filter(has_text=re.compile(f"^{caption}"))
    return field.locator("input, select")


def _tab_to(page: Page, name: str, *, key: str = "Tab") -> None:
    """Press a key until what has this caption has the focus."""
    script = """() => {
        const element = document.activeElement;
        return element.getAttribute('aria-label')
            ?? element.labels?.[0]?.firstChild.textContent ?? element.textContent;
    }"""
    for _ in range(60):
        page.keyboard.press(key)
        if page.evaluate(script).startswith(name):
            return
    raise AssertionError(f"{key} doesn't reach {name!r}")


def test_a_photograph_is_coloured_and_put_right_by_a_click(page: Page, samples_dir: Path) -> None:
    page.set_input_files("#photos input[type=file]", samples_dir / "portrait.jpg")
    _setting(page, "#photos", "Model").select_option("compact")
    _drawn(page, "#photos", '"compact"')
    plain = _chroma(page, "#photos .pair .over img")
    # JPEG stores grey exactly: all three channels are equal
    assert _chroma(page, "#photos .pair .stack > img") == 0 < plain
    box = page.locator("#photos .pair .stack").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + 20)
    clip = page.locator("#photos .pair .over").evaluate("(e) => e.style.clipPath")
    assert "25%" in clip
    _setting(page, "#photos", "Saturation").fill("1.5")
    _drawn(page, "#photos", '"saturation":1.5')
    assert _chroma(page, "#photos .pair .over img") > 1.2 * plain  # 1.5, less what gamut takes
    # the suit, 40 % from the left: a clear blue is at least 10 codes bluer than orange or grey
    assert _hint(page, "#photos", 0.4, 0.85) > 10
    if SCREENSHOT:
        _draw_for_the_readme(page)
    _choose_the_best(page, "#photos")
    _setting(page, "#photos", "Model").select_option("mix")
    _drawn(page, "#photos", '"compact+large:0.5"')


def _draw_for_the_readme(page: Page) -> None:
    """The suit is orange: said so by a hint."""
    page.get_by_role("button", name="Remove hint 1").click()
    page.locator("#photos").get_by_label("Colour of the hint").fill("#c2622f")
    _setting(page, "#photos", "Saturation").fill("1.2")
    for x, y in ((0.35, 0.75), (0.62, 0.6)):
        box = page.locator("#photos .pair .stack").bounding_box()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    _drawn(page, "#photos", '"version":4')
    page.set_viewport_size({"width": 1180, "height": 760})
    picture = page.locator("#photos .columns").screenshot(type="jpeg", quality=85)
    Path(SCREENSHOT).write_bytes(picture)  # not by path=: a thread of playwright's would be left


def test_a_photograph_by_the_keyboard_alone(page: Page, samples_dir: Path, tmp_path: Path) -> None:
    """Upload, setting, job, download; the result is that of the program, byte by byte."""
    with page.expect_file_chooser() as chooser:
        # many questions to the browser: it surely has heard of the expectation before Enter comes
        _tab_to(page, "Choose files")
        page.keyboard.press("Enter")
    chooser.value.set_files(samples_dir / "cat.png")
    _drawn(page, "#photos")
    page.wait_for_selector("#photos option[value=compact]", state="attached")
    _tab_to(page, "Model")
    page.keyboard.press("c")  # compact
    _tab_to(page, "Saturation")
    for _ in range(10):
        page.keyboard.press("ArrowRight")  # steps of 0.05
    _drawn(page, "#photos", '"compact","saturation":1.5')
    _tab_to(page, "Colour this one")
    page.keyboard.press("Enter")
    page.wait_for_selector("#photos a[download]")
    _tab_to(page, "Download cat_color.png", key="Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    options = vidcolor.ColorizeOptions(model="compact", saturation=1.5, device="cpu")
    vidcolor.colorize_image(samples_dir / "cat.png", tmp_path / "own.png", options=options)
    assert download.value.path().read_bytes() == (tmp_path / "own.png").read_bytes()


def test_a_film_with_sound_from_upload_to_playback(
    page: Page, samples_dir: Path, tmp_path: Path
) -> None:
    reel = short_reel(samples_dir / "newsreel.mp4", tmp_path / "reel.mp4", start_s=5.25, end_s=6.75)
    page.get_by_role("tab", name="Films").click()
    page.set_input_files("#films input[type=file]", reel)
    _setting(page, "#films", "Model").select_option("compact")
    _setting(page, "#films", "Working size").fill("2")
    page.locator("#films .strip button").nth(1).click()  # the second shot: a cup
    _drawn(page, "#films", '"render_factor":2')
    assert _hint(page, "#films", 0.5, 0.25) > 10
    page.get_by_label("Saturation of the shot").fill("1.2")
    page.wait_for_selector("#films li:has-text('saturation 1.2: shot 2')")
    page.get_by_label("Model of the shot").select_option("large")
    page.get_by_label("Colours of the shot are smoothed").select_option("0.5")
    page.wait_for_selector(
        "#films li:has-text('saturation 1.2, smoothing 0.5, model large: shot 2')"
    )
    _choose_the_best(page, "#films")
    page.get_by_role("button", name="Estimate").click()
    page.wait_for_selector("#films video >> nth=1", state="attached")
    assert "whole film: about" in page.locator("#films").inner_text()
    page.get_by_role("button", name="Render film").click()
    page.get_by_role("button", name="Play before and after").first.click()
    videos = "dialog video"
    page.locator("dialog").get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(
        "(each) => [...document.querySelectorAll(each)].every((v) => v.currentTime > 0.2)",
        arg=videos,
    )
    # paused they show the same time, but for a frame of sound that one of them may be longer
    page.locator(videos).nth(1).evaluate("(video) => video.pause()")
    page.wait_for_function(
        """(each) => {
            const [before, after] = document.querySelectorAll(each);
            return before.paused && Math.abs(before.currentTime - after.currentTime) < 0.05;
        }""",
        arg=videos,
    )
    coloured = page.locator(videos).nth(1)
    assert coloured.evaluate("(video) => video.webkitAudioDecodedByteCount") > 0
    page.keyboard.press("Escape")
    _is_narrow(page)


def _choose_the_best(page: Page, panel: str) -> None:
    """A sweep over two saturations; a click takes the second."""
    tab = page.locator(panel)
    tab.get_by_role("button", name="sweep").click()
    tab.locator("fieldset").get_by_label("large", exact=True).uncheck()
    tab.get_by_label("Working sizes").fill("2")
    tab.get_by_label("Saturations").fill("0.5, 1.5")
    tab.get_by_role("button", name="Show").click()
    page.wait_for_selector(f"{panel} .grid[data-ready='2']")
    tab.locator(".tile").nth(1).click()
    _drawn(page, panel, '"saturation":1.5')
    assert tab.locator(".tile").count() == 2 and not tab.locator(".tile").nth(0).is_visible()


def _is_narrow(page: Page) -> None:
    """On a screen of 390 pixels all tabs, with what is in them now, scroll down only."""
    page.set_viewport_size({"width": 390, "height": 800})
    for name in ("Photographs", "Films", "Jobs", "Quality"):
        page.get_by_role("tab", name=name).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_a_job_is_paused_goes_on_and_is_cancelled(page: Page, studio: Running) -> None:
    """The film is from a folder. The network has half a minute to do, and stops after a batch."""
    page.get_by_role("tab", name="Photographs").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#films summary", has_text="folders").press("Enter")
    page.locator("#films li button", has_text=studio.folder.name).press("Enter")
    page.locator("#films li button", has_text="reel.mp4").first.press("Enter")
    _setting(page, "#films", "Model").select_option("compact")
    _setting(page, "#films", "Working size").fill("16")
    page.get_by_role("button", name="Render film").click()
    page.get_by_role("tab", name="Jobs").click()
    card = page.locator(".job")
    page.wait_for_selector(".job[data-state=running]")
    card.get_by_role("button", name="Pause").click()
    page.wait_for_selector(".job[data-state=paused]", timeout=STOP_MS)
    card.get_by_role("button", name="Go on").click()
    page.wait_for_selector(".job[data-state=running]")
    card.get_by_role("button", name="Cancel").click()
    page.wait_for_selector(".job[data-state=cancelled]", timeout=STOP_MS)
    card.get_by_role("button", name="Remove from list").click()
    page.wait_for_selector(".job", state="detached")
    assert [path.name for path in studio.folder.iterdir()] == ["reel.mp4"]


def test_two_users_at_once_see_their_own_files_as_text(
    visit: Callable[[], Page], tmp_path: Path, samples_dir: Path
) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    (tmp_path / name).write_bytes((samples_dir / "cat.png").read_bytes())
    anna, ben = visit(), visit()
    anna.set_input_files("#photos input[type=file]", tmp_path / name)
    ben.set_input_files("#photos input[type=file]", samples_dir / "portrait.jpg")
    anna.wait_for_selector("#photos h2:has-text('onerror')")
    ben.wait_for_selector("#photos h2:has-text('portrait.jpg')")
    assert anna.locator("#photos img[src=x]").count() == 0
    for each, own in ((anna, "onerror"), (ben, "portrait")):
        each.reload()  # now the list comes from the server
        each.wait_for_selector("#photos .strip button")
        assert each.locator("#photos .strip button").count() == 1
        assert own in each.locator("#photos .strip").inner_text()
