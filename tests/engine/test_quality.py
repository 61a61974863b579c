"""``--quality``: what one word means, and that single options still win."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from engine_clips import write_clip

from vidcolor import ColorizeOptions
from vidcolor.cli.terminal.description import description_lines
from vidcolor.engine.describe import describe
from vidcolor.engine.model_choice import chosen_model
from vidcolor.errors import OptionError
from vidcolor.media.write.encoder import encoder_options
from vidcolor.media.write.facts import encoder_facts
from vidcolor.models.families.registry import BEST, MODELS
from vidcolor.models.mixing import names_of
from vidcolor.types import EncodeSettings


def test_a_word_chooses_what_is_left_open_and_nothing_else() -> None:
    draft = ColorizeOptions(quality="draft")
    assert (draft.model, draft.distance) == ("compact", "auto")
    chosen = ColorizeOptions(quality="draft", model="large", every=1)
    assert (chosen.model, chosen.distance) == ("large", 1)
    usual = ColorizeOptions()
    assert (usual.model, usual.distance) == ("auto", 1)
    assert ColorizeOptions(quality="good").distance == usual.distance
    best = ColorizeOptions(quality="best")
    assert best.distance == 1
    assert chosen_model("video", best) == "large"  # the best of those that every installation has
    with pytest.raises(OptionError):
        ColorizeOptions(quality="superb")  # type: ignore[arg-type]


def test_best_names_models_that_there_are_and_ends_with_one_that_ships() -> None:
    for names in BEST.values():
        assert all(one in MODELS for name in names for one in names_of(name))
        assert MODELS[names[-1]].bundled


@pytest.mark.parametrize("name", ["libx264", "libx265", "libsvtav1", "libvpx-vp9"])
def test_encoders_know_a_quick_and_a_slow_preset(name: str) -> None:
    facts = encoder_facts(name)
    found = {
        effort: encoder_options(facts, EncodeSettings(effort=effort))[facts.preset_option]
        for effort in ("quick", "usual", "slow")
    }
    assert len(set(found.values())) == 3
    assert all(value in facts.presets for value in found.values())
    named = EncodeSettings(effort="slow", preset=facts.presets[0])
    assert encoder_options(facts, named)[facts.preset_option] == facts.presets[0]
    without = encoder_facts("ffv1")
    assert encoder_options(without, EncodeSettings(effort="slow")) == encoder_options(
        without, EncodeSettings()
    )


def test_info_says_what_a_word_means_and_how_long_it_takes(tmp_path: Path) -> None:
    grey = np.tile(np.linspace(20, 230, 64, dtype=np.uint8), (48, 1))
    clip = write_clip(tmp_path / "film.mkv", [grey] * 60)
    options = ColorizeOptions(quality="draft", device="cpu", render_factor=2)
    found = describe(clip, options)
    assert found.plan.seconds is not None and found.plan.seconds > 0.0
    lines = description_lines(found, options)
    assert "  model: using compact" in lines
    assert "  quality: draft, a quick encoder preset" in lines
    assert any(line.startswith("  time: about ") for line in lines)
    assert not any("time: " in line.split("over")[0] for line in _lines_without_a_word(clip))


def _lines_without_a_word(clip: Path) -> list[str]:
    options = ColorizeOptions(device="cpu")
    return description_lines(describe(clip, options), options)
