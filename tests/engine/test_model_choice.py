"""Films, photographs and previews get the model that "auto" means, and one line says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_clips import write_clip

from vidcolor import ColorizeOptions, colorize_image, colorize_video
from vidcolor.cli.terminal.description import description_lines
from vidcolor.engine.describe import describe
from vidcolor.engine.model_choice import auto_line
from vidcolor.engine.preview import preview
from vidcolor.engine.progress import NullProgress

AUTO = ColorizeOptions(device="cpu", render_factor=4)


class Heard(NullProgress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        """Keep one line."""
        self.lines.append(text)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three grey frames."""
    grey = np.tile(np.linspace(20, 230, 64, dtype=np.uint8), (48, 1))
    return write_clip(tmp_path_factory.mktemp("clips") / "film.mkv", [grey] * 3)


def test_a_photograph_gets_large(samples_dir: Path, tmp_path: Path) -> None:
    heard = Heard()
    result = colorize_image(
        samples_dir / "cat.png", tmp_path / "cat.png", options=AUTO, progress=heard
    )
    assert result.model == "large"
    assert heard.lines == [auto_line("image", "large")]


def test_a_film_on_a_cpu_gets_compact(clip: Path, tmp_path: Path) -> None:
    heard = Heard()
    result = colorize_video(clip, tmp_path / "out.mkv", options=AUTO, progress=heard)
    assert result.model == "compact"
    assert auto_line("video", "compact") in heard.lines


def test_previews_take_what_the_real_run_would(
    clip: Path, samples_dir: Path, tmp_path: Path
) -> None:
    for source, line in (
        (clip, auto_line("video", "compact")),
        (samples_dir / "cat.png", auto_line("image", "large")),
    ):
        heard = Heard()
        preview(source, tmp_path / f"{source.stem}.png", options=AUTO, count=1, progress=heard)
        assert heard.lines[0] == line


@pytest.mark.parametrize(("device", "model"), [("cpu", "compact"), ("cuda:0", "large")])
def test_info_says_it_for_devices_that_are_not_here_too(
    clip: Path, device: str, model: str
) -> None:
    options = ColorizeOptions(device=device)
    found = describe(clip, options)
    assert found.plan.model == model
    lines = description_lines(found, options)
    assert f"  model: {auto_line('video', model)}" in lines
    assert (found.plan.problem == "") == (found.plan.devices == ("cpu",))


def test_the_line_says_how_to_get_deoldify_where_one_of_ours_is_used() -> None:
    for name in ("compact", "large"):
        assert auto_line("image", name).endswith("vidcolor weights pull deoldify-artistic")
        assert f"'{name}'" in auto_line("image", name)
    assert auto_line("video", "deoldify-video") == "using deoldify-video"
