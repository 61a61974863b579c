"""``balance``: photographs as often as their list says."""

from __future__ import annotations

from pathlib import Path

import torch
from run_config import MakeConfig

from vidcolor.training.distributed import World
from vidcolor.training.run.loop import Trainer


def test_a_run_sees_photographs_by_weight(
    config: MakeConfig, photos_tar: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.tar").write_bytes(photos_tar.read_bytes())
    rows = [f"{n:02}.png,{3 if n == 4 else 1}\n" for n in range(5)]
    (tmp_path / "list.csv").write_text("member,weight\n" + "".join(rows))
    c = config(data=(str(tmp_path / "list.csv"),), balance=True)
    photos = list(Trainer(c, World(0, 1, torch.device("cpu"))).photos)
    assert len(photos) == 10
    assert sum(photo is photos[-1] for photo in photos) == 4  # 3 of 7 parts of 10, rounded
