"""Two processes on one run, with gloo on the CPU; once started as users do, by torchrun."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from vidcolor.errors import DeviceError, Interrupted
from vidcolor.training.config import load_config
from vidcolor.training.data.batches import batches, make_batch
from vidcolor.training.distributed import World, join_world
from vidcolor.training.run.loop import Trainer

_WORKER = """
import sys
from pathlib import Path
import torch
from vidcolor.training.distributed import join_world, leave_world
import test_train_distributed as cases

torch.set_num_threads(1)
world = join_world(torch.device("cpu"))
for name in sys.argv[1:]:
    said = getattr(cases, name)(Path(name + ".toml"), world)
    torch.save(said, name + "-" + str(world.rank) + ".pt")
leave_world()
"""


def _all_weights(trainer: Trainer) -> torch.Tensor:
    parts = (trainer.network, trainer.objective)
    return torch.cat([p.detach().flatten() for part in parts for p in part.parameters()])


def _are_same(values: torch.Tensor, world: World) -> bool:
    both = [torch.empty_like(values) for _ in range(world.size)]
    dist.all_gather(both, values)
    return torch.equal(*both)


def whole_run(config: Path, world: World) -> bool:
    """Whether networks and critics are the same in all processes afterwards."""
    trainer = Trainer(load_config(config), world)
    trainer.run()
    return _are_same(_all_weights(trainer), world)


headless = whole_run


def not_finite(config: Path, world: World) -> dict[str, bool]:
    """Three steps; in the second, one process has an infinite true colour."""
    trainer = Trainer(load_config(config), world)

    def step() -> torch.Tensor:
        batch = make_batch(
            trainer.photos, trainer.config, trainer.step, trainer.output_stride,
            world.rank, world.size,
        )  # fmt: skip
        if trainer.step == 1 and world.rank == 1:
            batch.ab[0, 0, 0, 0] = float("inf")
        trainer.train_step(batch)
        trainer.step += 1
        return _all_weights(trainer)

    before, first, second, third = _all_weights(trainer), step(), step(), step()
    return {
        "learnt": bool((first != before).any()),
        "left out": torch.equal(second, first),
        "went on": bool((third != second).any()),
        "same": _are_same(third, world),
        "finite": bool(third.isfinite().all()),
    }


def stops(config: Path, world: World) -> list[int]:
    """Steps reached and saved, where one process is stopped, and then the other."""
    reached = []
    for rank, at in ((1, 1), (0, 3)):

        def report(step: int, _: dict[str, float], rank: int = rank, at: int = at) -> None:
            if world.rank == rank and step == at:
                raise Interrupted("enough")

        trainer = Trainer(load_config(config), world)
        with contextlib.suppress(Interrupted):
            trainer.run(report)
        saved = torch.load(trainer.out / "checkpoint.pt", weights_only=True)
        reached += [trainer.step, saved["step"]]
    return reached


_CONFIG = """{more}
architecture = "unet"
data = ["{data}"]
out = "{out}"
crop = 32
batch_size = 4
steps = 4
warmup = 1
save_every = 2
sample_every = 0
precision = "fp32"
[network]
width = 4
widest = 8
"""

_WGAN = """
[losses.huber]
[losses.wgan]
weight = 0.1
critic_width = 4
critic_ratio = 2
"""


_BOTH_CRITICS = """
[losses.huber]
[losses.gan]
critic_width = 4
[losses.wgan]
critic_width = 4
critic_ratio = 1
"""

_GAN = """
[losses.huber]
[losses.gan]
weight = 0.1
critic_width = 4
"""


def gradients(config: Path, world: World) -> dict[str, torch.Tensor]:
    """Of the network and the critic after one step, in which no norm mixes the pictures."""
    trainer = Trainer(load_config(config), world)
    for module in (*trainer.network.modules(), *trainer.objective.modules()):
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
            module.train = lambda mode=True, module=module: module  # type: ignore[method-assign]
    stream = batches(
        trainer.photos, trainer.config, trainer.output_stride, rank=world.rank, world=world.size
    )
    trainer.train_step(next(stream))
    stream.close()  # type: ignore[attr-defined]
    parts = (*trainer.network.named_parameters(), *trainer.objective.named_parameters())
    return {name: p.grad.clone() for name, p in parts if p.grad is not None}


def run_two(folder: Path, *cases: str, torchrun: bool = False) -> None:
    """Run cases in two processes: by torchrun, or by the variables that torchrun sets."""
    (folder / "worker.py").write_text(_WORKER)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "worker.py", *cases]
    if torchrun:
        command[1:1] = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        each = [{}]
    else:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        all_of_them = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        each = [{**all_of_them, "RANK": rank, "LOCAL_RANK": rank} for rank in ("0", "1")]
    runs = [
        subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=env | more)
        for more in each
    ]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), said


CASES = {
    "gradients": ("clip = 1e9", _GAN),
    "not_finite": ("", _BOTH_CRITICS),
    "stops": ("", "[losses.huber]"),
    "headless": ('decoding = "annealed-mean"', "[losses.classification]"),
}
"""What each adds to the configuration: settings, losses."""


def write_config(folder: Path, photos: Path, name: str, settings: str, losses: str) -> None:
    text = _CONFIG.format(data=photos, out=folder / f"run-{name}", more=settings) + losses
    (folder / f"{name}.toml").write_text(text)


@pytest.fixture(scope="module")
def together(
    photos_tar: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[Any]]:
    """What each case gave in both processes; they start once for all cases."""
    folder = tmp_path_factory.mktemp("together")
    for name, more in CASES.items():
        write_config(folder, photos_tar, name, *more)
    run_two(folder, *CASES)
    return lambda name: [torch.load(folder / f"{name}-{rank}.pt") for rank in range(2)]


def test_two_processes_keep_the_same_weights(photos_tar: Path, tmp_path: Path) -> None:
    write_config(tmp_path, photos_tar, "whole_run", "", _WGAN)
    run_two(tmp_path, "whole_run", torchrun=True)
    # Gradients are averaged, so networks and critics of both stay the same, bit for bit.
    assert torch.load(tmp_path / "whole_run-0.pt") is True
    out = tmp_path / "run-whole_run"
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]  # one process writes
    assert (out / "unet.safetensors").exists()


def test_a_loss_that_is_not_finite_in_one_process_is_left_out_by_all(
    together: Callable[[str], list[Any]],
) -> None:
    """An infinite true colour: Huber's loss is infinite in that process, its gradient isn't."""
    for facts in together("not_finite"):
        assert all(facts.values()), facts


def test_gradients_are_the_mean_over_the_whole_batch(
    together: Callable[[str], list[Any]], photos_tar: Path, tmp_path: Path
) -> None:
    write_config(tmp_path, photos_tar, "gradients", *CASES["gradients"])
    alone = gradients(tmp_path / "gradients.toml", World(0, 1, torch.device("cpu")))
    assert any(name.startswith("losses.gan.critic.") for name in alone)
    for shared in together("gradients"):
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            # The same sums in another order.
            tolerance = 1e-3 * float(value.abs().max()) + 1e-9
            assert torch.allclose(shared[name], value, atol=tolerance, rtol=0.0), name


def test_what_stops_one_process_stops_all_after_the_same_step(
    together: Callable[[str], list[Any]],
) -> None:
    assert together("stops") == [[1, 1, 3, 3]] * 2


def test_a_head_that_no_loss_sees_holds_nobody_up(
    together: Callable[[str], list[Any]],
) -> None:
    assert together("headless") == [True, True]


def test_without_torchrun_one_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = join_world(torch.device("cpu"))
    assert world == World(0, 1, torch.device("cpu"))
    module = torch.nn.Linear(1, 1)
    assert world.wrap(module) is module


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "99"), ("RANK", "98"), ("LOCAL_RANK", "98")):
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match="process 98 of this machine has no GPU"):
        join_world(torch.device("cuda"))
