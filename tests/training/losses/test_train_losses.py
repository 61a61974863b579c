"""Losses: what each is, what it learns, and that all can be named in a configuration."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vidcolor.color import lab_to_rgb
from vidcolor.errors import OptionError, WeightsError
from vidcolor.models.networks.layers.ab_bins import AbBins, annealed_mean
from vidcolor.training.data.batches import Batch
from vidcolor.training.losses.adversarial import Gan, PatchCritic, Wgan, gradient_penalty
from vidcolor.training.losses.backbones import Vgg, load_backbone
from vidcolor.training.losses.objective import LOSSES, Objective, needs
from vidcolor.training.losses.perceptual import join
from vidcolor.training.losses.terms import (
    CLASS_EVERY,
    LossContext,
    NetworkOutput,
    cross_entropy,
    huber,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def context() -> LossContext:
    return LossContext(CPU, AbBins(CPU), ab_side=32)


def batch_of(ab: Tensor, side: int = 32) -> Batch:
    grey = torch.linspace(0.2, 0.8, side).expand(len(ab), 1, side, side).contiguous()
    return Batch(grey, grey, torch.zeros_like(grey), ab)


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


def test_annealed_mean_lies_between_mean_and_mode() -> None:
    bins = AbBins(CPU)
    red, grey = (
        int(bins.index(torch.tensor(c).view(1, 2, 1, 1))) for c in ((60.0, 40.0), (0.0, 0.0))
    )
    logits = torch.full((1, len(bins), 1, 1), -50.0)
    logits[0, red], logits[0, grey] = torch.log(torch.tensor(0.6)), torch.log(torch.tensor(0.4))
    mean, annealed, mode = (
        annealed_mean(logits, bins.centres, t).flatten() for t in (1.0, 0.38, 0.01)
    )
    assert mean[0].item() == pytest.approx(36.0, abs=0.01)
    assert mode[0].item() == pytest.approx(60.0, abs=0.01)
    # Shares to the power of 1 / 0.38, made to sum to one again: 0.744 of red.
    share = 0.6 ** (1 / 0.38) / (0.6 ** (1 / 0.38) + 0.4 ** (1 / 0.38))
    assert annealed[0].item() == pytest.approx(60.0 * share, abs=0.01)


def test_losses_are_what_they_are_called(context: LossContext) -> None:
    truth = torch.zeros(1, 2, 2, 2)
    assert huber(truth + 6.0, truth, 12.0).item() == pytest.approx(0.5 * 0.25)
    assert huber(truth + 36.0, truth, 12.0).item() == pytest.approx(2.5)
    straight = LOSSES["l1"](context, unit=12.0)(NetworkOutput(truth + 36.0), batch_of(truth), None)
    assert straight.item() == pytest.approx(3.0)
    bins = context.bins
    sure = torch.full((1, len(bins), 2, 2), -20.0)
    sure.scatter_(1, bins.index(truth)[:, None], 20.0)
    assert cross_entropy(sure, truth, bins).item() == pytest.approx(0.0, abs=1e-6)


def test_a_teacher_is_followed(context: LossContext) -> None:
    ab = torch.randn(1, 2, 8, 8) * 20
    logits = torch.randn(1, len(context.bins), 8, 8)
    teacher, student = NetworkOutput(ab, logits), NetworkOutput(ab, logits[..., ::4, ::4])
    follow = {n: LOSSES[n](context) for n in ("teacher-ab", "teacher-bins")}
    batch = batch_of(torch.zeros_like(ab))
    for loss in follow.values():
        assert loss(student, batch, teacher).item() == pytest.approx(0.0, abs=1e-6)
    other = NetworkOutput(ab + 5.0, torch.randn(1, len(context.bins), 2, 2))
    for loss in follow.values():
        assert loss(other, batch, teacher).item() > 0.01
    # A teacher of another stride is brought to the student's.
    fine = NetworkOutput(ab.repeat_interleave(2, 2).repeat_interleave(2, 3), logits)
    assert follow["teacher-ab"](student, batch, fine).item() == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(OptionError, match="classification head"):
        follow["teacher-bins"](student, batch, NetworkOutput(ab))


@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("features", [3, 5, 6, 8, 24])
def test_classes_are_compared_where_the_logits_are(
    context: LossContext, features: int, factor: int
) -> None:
    side = features * factor
    ab = (torch.rand(1, 2, side, side) - 0.5) * 120
    # Each of the features knows the colour of its first place.
    seen = context.bins.index(ab[..., ::factor, ::factor])
    sure = torch.full((1, len(context.bins), features, features), -20.0)
    sure.scatter_(1, seen[:, None], 20.0)
    output = NetworkOutput(ab, sure[..., ::CLASS_EVERY, ::CLASS_EVERY])
    found = LOSSES["classification"](context)(output, batch_of(ab), None)
    assert found.item() == pytest.approx(0.0, abs=1e-6)
    taught = LOSSES["teacher-bins"](context)(output, batch_of(ab), NetworkOutput(ab, sure))
    assert taught.item() == pytest.approx(0.0, abs=1e-6)


def test_joined_pictures_are_ours_and_gradients_reach_ab() -> None:
    lightness = torch.rand(2, 1, 16, 16) * 0.6 + 0.2
    ab = (torch.randn(2, 2, 16, 16) * 8).requires_grad_(True)
    rgb = join(lightness, ab)
    ours = lab_to_rgb(torch.cat((lightness * 100, ab.detach()), dim=1)).clamp(0, 1)
    # The same formula; ours takes its power by exp and log.
    assert torch.allclose(rgb.detach(), ours, atol=1e-4)
    rgb.sum().backward()
    assert ab.grad is not None
    assert torch.isfinite(ab.grad).all()
    assert join(lightness, torch.zeros(2, 2, 4, 4)).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("norm", [False, True])
def test_perceptual_loss_takes_torchvisions_vgg(
    context: LossContext, tmp_path: Path, norm: bool
) -> None:
    torch.manual_seed(1)
    vgg = Vgg("vgg16", norm=norm)
    # Layers of torchvision's vgg16 and vgg16_bn: ReLUs of conv1_2 and conv5_3.
    assert isinstance(vgg.features[5 if norm else 3], torch.nn.ReLU)
    assert len(vgg.features) == (43 if norm else 30)
    state = {f"features.{k}": v for k, v in vgg.features.state_dict().items()}
    path = tmp_path / "vgg.pth"
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path)
    loss = LOSSES["perceptual"](context, backbone="vgg16", weights=str(path))
    truth = torch.randn(1, 2, 8, 8) * 20
    assert loss(NetworkOutput(truth), batch_of(truth), None).item() == 0.0
    ab = torch.zeros_like(truth).requires_grad_(True)
    loss(NetworkOutput(ab), batch_of(truth), None).backward()
    assert ab.grad is not None
    assert ab.grad.abs().sum() > 0
    assert not loss.state_dict()
    with pytest.raises(WeightsError, match="not the weights of vgg19"):
        load_backbone("vgg19", path)


def test_perceptual_loss_takes_an_encoder_of_ours(context: LossContext, shared_dir: Path) -> None:
    weights = shared_dir / "pretrained" / "mobilenet_edgetpu_075.safetensors"
    loss = LOSSES["perceptual"](context, backbone="mobilenet", weights=str(weights))
    truth = torch.full((1, 2, 16, 16), 30.0)
    wrong = [
        loss(NetworkOutput(truth * f), batch_of(truth, 64), None).item()
        for f in (1.0, 0.5, 0.0, -1.0)
    ]
    assert wrong[0] == 0.0
    assert wrong == sorted(wrong)


@pytest.mark.parametrize("kind", [Gan, Wgan])
def test_a_critic_learns_to_tell_true_from_grey(kind: type, context: LossContext) -> None:
    torch.manual_seed(2)
    critic = kind(context, critic_width=8, critic_lr=2e-3)
    truth = torch.full((4, 2, 32, 32), 40.0)
    made = NetworkOutput(torch.zeros_like(truth))
    steps = [critic.learn(made, batch_of(truth), step) for step in range(25)]
    assert steps[-1]["critic_gap"] > steps[0]["critic_gap"] + 0.1
    # What is near the truth costs the network less, and it feels in which direction to go.
    ab = torch.full_like(truth, 10.0).requires_grad_(True)
    worse = critic(NetworkOutput(ab), batch_of(truth), None)
    assert worse > critic(NetworkOutput(truth), batch_of(truth), None)
    worse.backward()
    assert ab.grad is not None
    assert ab.grad.mean() < 0
    assert all(p.grad is None or not p.requires_grad for p in critic.critic.parameters())


def test_critic_and_network_take_turns(context: LossContext) -> None:
    often, seldom = Wgan(context, critic_width=4), Gan(context, critic_width=4, critic_ratio=0.5)
    assert [often.network_turn(s) for s in range(6)] == [True] + [False] * 4 + [True]
    truth = torch.zeros(1, 2, 32, 32)
    learnt = [bool(seldom.learn(NetworkOutput(truth), batch_of(truth), s)) for s in range(4)]
    assert learnt == [True, False, True, False]
    assert seldom.network_turn(1)


def test_gradient_penalty_is_that_of_the_formula() -> None:
    class Linear(torch.nn.Module):
        def forward(self, grey: Tensor, ab: Tensor) -> Tensor:
            return (3.0 * ab[:, :1] / 110.0).sum(dim=(2, 3), keepdim=True)

    ab = torch.rand(2, 2, 4, 4)
    # The score's gradient in ab / 110 is 3 in sixteen places: its norm is 12.
    assert gradient_penalty(Linear(), ab[:, :1], ab, ab + 1).item() == pytest.approx(11.0**2)


def test_critics_know_no_batch_norm_under_a_penalty(context: LossContext) -> None:
    norms = [m for m in Wgan(context).modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not norms
    assert (
        PatchCritic(64, 3, norm=True)(
            torch.zeros(1, 1, 256, 256), torch.zeros(1, 2, 256, 256)
        ).shape[-1]
        == 30
    )


def test_an_adversarial_loss_goes_on_where_it_stopped(context: LossContext) -> None:
    truth = torch.full((2, 2, 32, 32), 20.0)
    output, tables = NetworkOutput(truth * 0), {"gan": {"critic_width": 4}}
    first, second = (Objective(tables, context) for _ in range(2))
    first.learn(output, batch_of(truth), 0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    a, b = (o.learn(output, batch_of(truth), 1) for o in (first, second))
    assert a == b
    for x, y in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(x, y)


def test_losses_are_weighted_and_unknown_ones_refused(context: LossContext) -> None:
    objective = Objective({"huber": {"weight": 2.0, "delta": 10.0}, "l1": {"weight": 0.5}}, context)
    truth = torch.zeros(1, 2, 32, 32)
    total, parts = objective(NetworkOutput(truth + 24.0), batch_of(truth), None)
    assert total.item() == pytest.approx(2.0 * parts["huber"].item() + 0.5 * parts["l1"].item())
    with pytest.raises(OptionError, match="no loss 'hubert'"):
        needs({"hubert": {}}, "needs_classes")
    with pytest.raises(OptionError, match=r"\[losses.huber\]: no setting 'detla'"):
        Objective({"huber": {"detla": 1}}, context)
    with pytest.raises(OptionError, match="weights"):
        Objective({"perceptual": {}}, context)
    for table, said in (
        ({"huber": {"delta": "12"}}, r"\[losses.huber\]: delta should be a valid number, got '12'"),
        ({"huber": {"delta": 0}}, r"\[losses.huber\]: delta should be greater than 0"),
        ({"l1": {"weight": -1.0}}, r"\[losses.l1\]: weight should be greater than or equal to 0"),
        ({"gan": {"critic_width": 4.5}}, "critic_width should be a valid integer"),
        ({"gan": {"critic_ratio": 0}}, "critic_ratio should be greater than 0"),
        ({"gan": {"critic_ratio": 0.7}}, "critic_ratio must be a whole number n or 1 / n, got 0.7"),
        ({"wgan": {"critic_ratio": 2.5}}, "critic_ratio must be a whole number n"),
    ):
        with pytest.raises(OptionError, match=said):
            Objective(table, context)
    with pytest.raises(OptionError, match="critic_layers = 5 is too many"):
        Objective({"gan": {"critic_layers": 5}}, context)
    assert needs({"huber": {}, "teacher-bins": {}}, "needs_classes")
