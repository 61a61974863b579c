"""Training: what each part promises, and that a run is repeatable and resumable."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from vidcolor.errors import InputError, OptionError
from vidcolor.evaluation.ab_statistics import AbStatistics, colourfulness
from vidcolor.training.augment import film_like, random_crop
from vidcolor.training.batches import make_batch
from vidcolor.training.config import TrainConfig, load_config
from vidcolor.training.loop import Trainer, learning_rate_factor
from vidcolor.training.losses import AbBins, cross_entropy, huber
from vidcolor.training.photos import load_photos

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photos_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve colour crops and one grey picture."""
    path = tmp_path_factory.mktemp("train") / "photos.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(12):
            photo = (data.astronaut(), data.coffee(), data.chelsea())[number % 3]
            _add(tar, f"{number:02}.png", np.ascontiguousarray(photo[number : number + 200, :200]))
        grey = data.astronaut()[:160, :160].mean(axis=2).astype(np.uint8)
        _add(tar, "grey.png", np.stack([grey] * 3, axis=2))
    return path


def _add(tar: tarfile.TarFile, name: str, rgb: np.ndarray) -> None:
    blob = cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()
    info = tarfile.TarInfo(name)
    info.size = len(blob)
    tar.addfile(info, io.BytesIO(blob))


def _config(photos_tar: Path, out: Path, **changes: object) -> TrainConfig:
    base = TrainConfig(
        data=(str(photos_tar),), val=str(photos_tar), out=str(out), decoder=(32, 24, 16, 16),
        crop=64, batch_size=4, steps=6, warmup=2, validate_every=3, validate_on=2, save_every=3,
        precision="fp32",
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def test_grey_pictures_are_left_out(photos_tar: Path) -> None:
    assert len(load_photos((str(photos_tar),))) == 12


def test_missing_data_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere"):
        load_photos((str(tmp_path / "nowhere.tar"),))


def test_a_step_has_its_own_chance_whatever_came_before(photos_tar: Path, tmp_path: Path) -> None:
    config = _config(photos_tar, tmp_path)
    photos = load_photos(config.data)
    first, again, other = (make_batch(photos, config, step) for step in (5, 5, 6))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])


def test_film_never_touches_colour_and_stays_in_range(photos_tar: Path, tmp_path: Path) -> None:
    plain = _config(photos_tar, tmp_path, film=0.0)
    worn = _config(photos_tar, tmp_path, film=1.0)
    photos = load_photos(plain.data)
    a, b = make_batch(photos, plain, 0), make_batch(photos, worn, 0)
    assert torch.equal(a[1], b[1])
    assert not torch.equal(a[0], b[0])
    assert b[0].min() >= 0
    assert b[0].max() <= 1
    assert film_like(a[0], 0.0, torch.Generator()) is a[0]


def test_crops_are_whole_pictures_parts(photos_tar: Path) -> None:
    rng = np.random.default_rng(1)
    photo = load_photos((str(photos_tar),))[0]
    for _ in range(20):
        assert random_crop(photo, 64, (0.2, 3.0), rng).shape == (64, 64, 3)


def test_bins_put_colours_where_they_belong() -> None:
    bins = AbBins(CPU)
    ab = torch.tensor([[13.0, -27.0], [0.0, 4.9], [200.0, 200.0]]).view(3, 2, 1, 1)
    centres = bins.centres[bins.index(ab)].view(3, 2)
    assert centres[0].tolist() == [10.0, -30.0]
    assert centres[1].tolist() == [0.0, 0.0]
    # Zhang et al. count 313 that real photographs touch; 248 have their centre inside sRGB.
    assert 240 < len(bins) < 320


def test_rare_colours_weigh_more_and_the_mean_is_one() -> None:
    bins = AbBins(CPU)
    ab = torch.zeros(1, 2, 10, 10)
    ab[0, :, 0, 0] = torch.tensor([40.0, 40.0])
    bins.balance(ab)
    weights = bins.weight[bins.index(ab)]
    assert weights[0, 0, 0] > 10 * weights[0, 5, 5]
    assert weights.mean().item() == pytest.approx(1.0, abs=1e-4)


def test_losses_are_what_they_are_called() -> None:
    truth = torch.zeros(1, 2, 2, 2)
    assert huber(truth + 6.0, truth, 12.0).item() == pytest.approx(0.5 * 0.25)
    assert huber(truth + 36.0, truth, 12.0).item() == pytest.approx(2.5)
    bins = AbBins(CPU)
    sure = torch.full((1, len(bins), 2, 2), -20.0)
    sure.scatter_(1, bins.index(truth)[:, None], 20.0)
    assert cross_entropy(sure, truth, bins).item() == pytest.approx(0.0, abs=1e-6)


def test_learning_rate_rises_stays_and_falls() -> None:
    config = TrainConfig(steps=100, warmup=10, decay=0.2)
    rates = [learning_rate_factor(step, config) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert set(rates[10:80]) == {1.0}
    assert rates[90] == pytest.approx(0.5)
    assert rates[100] == 0.0


def test_a_resumed_run_ends_where_an_unbroken_one_does(photos_tar: Path, tmp_path: Path) -> None:
    whole = Trainer(_config(photos_tar, tmp_path / "whole"), CPU)
    whole.run()
    broken = _config(photos_tar, tmp_path / "broken")
    first = Trainer(broken, CPU)
    with pytest.raises(KeyboardInterrupt):
        first.run(_break_at(4))
    second = Trainer(broken, CPU)
    second.run()
    for name, value in whole.network.state_dict().items():
        # The same sums in the same order; threads may split them differently.
        assert torch.allclose(
            value.float(), second.network.state_dict()[name].float(), atol=1e-5
        ), name


def _break_at(step: int):  # noqa: ANN202
    def report(reached: int, _: dict[str, float]) -> None:
        if reached == step:
            raise KeyboardInterrupt

    return report


def test_training_learns(photos_tar: Path, tmp_path: Path) -> None:
    config = _config(photos_tar, tmp_path, steps=60, film=0.0, scale=(1.0, 1.0), validate_every=100)
    losses: list[float] = []
    Trainer(config, CPU).run(lambda _, m: losses.append(m["huber"]))
    # Three photographs over and over: from a loss above one to well below.
    assert np.mean(losses[-8:]) < 0.6 * np.mean(losses[:8])


def test_the_encoders_weights_go_where_they_belong(shared_dir: Path) -> None:
    from vidcolor.models.networks.compact import EdgeEncoder
    from vidcolor.training.pretrained import load_edge_encoder

    encoder = EdgeEncoder()
    load_edge_encoder(encoder, shared_dir / "pretrained" / "mobilenet_edgetpu_075.safetensors")
    grey = torch.from_numpy(data.chelsea().mean(axis=2)[None, None, :256, :256]).float()
    with torch.inference_mode():
        features = encoder((grey - 123.0) * 0.01157)
    assert [tuple(f.shape[1:]) for f in features] == [
        (24, 64, 64),
        (40, 32, 32),
        (72, 16, 16),
        (144, 8, 8),
    ]
    # Wired wrongly, activations die out or explode within a few layers.
    assert all(1.0 < f.std() < 40.0 for f in features)


def test_unknown_and_senseless_settings_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("stepz = 3")
    with pytest.raises(OptionError, match="stepz"):
        load_config(path)
    path.write_text("crop = 100")
    with pytest.raises(OptionError, match="multiple of 32"):
        load_config(path)
    with pytest.raises(InputError, match="none.toml"):
        load_config(tmp_path / "none.toml")


def test_statistics_agree_with_their_definitions() -> None:
    rng = np.random.default_rng(3)
    statistics, ps, ts = AbStatistics(), [], []
    for size in ((20, 30), (41, 17)):
        t = rng.normal(3, 15, (2, *size))
        p = 0.5 * t + rng.normal(0, 5, t.shape)
        statistics.add(torch.from_numpy(p), torch.from_numpy(t))
        ps.append(p)
        ts.append(t)
    scores = statistics.scores()
    p, t = (np.concatenate([x.ravel() for x in xs]) for xs in (ps, ts))
    assert scores.rmse_ratio == pytest.approx(np.sqrt(((p - t) ** 2).mean() / (t**2).mean()))
    best = (p * t).sum() / (p * p).sum()
    assert scores.best_saturation == pytest.approx(best)
    assert scores.rmse_ratio_best == pytest.approx(
        np.sqrt(((best * p - t) ** 2).mean() / (t**2).mean())
    )
    centred = [
        np.concatenate([(x - x.mean((1, 2), keepdims=True)).ravel() for x in xs]) for xs in (ps, ts)
    ]
    want = (centred[0] * centred[1]).sum() / np.sqrt(
        (centred[0] ** 2).sum() * (centred[1] ** 2).sum()
    )
    assert scores.correlation == pytest.approx(want)


def test_colourfulness_of_known_pictures() -> None:
    assert colourfulness(torch.full((3, 4, 4), 90.0)) == 0.0
    red = torch.zeros(3, 4, 4)
    red[0] = 255.0
    # rg = 255, yb = 127.5 everywhere: no spread, 0.3 * |mean|.
    assert colourfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5))
