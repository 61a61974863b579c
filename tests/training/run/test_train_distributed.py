"""Two processes on one run, with gloo on the CPU; once started as users do, by torchrun."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vidcolor.errors import DeviceError
from vidcolor.training.config import load_config
from vidcolor.training.data.batches import batches
from vidcolor.training.distributed import World, join_world
from vidcolor.training.run.loop import Trainer

_WORKER = """
import sys
import torch
import torch.distributed as dist
from pathlib import Path
from vidcolor.training.config import load_config
from vidcolor.training.distributed import join_world, leave_world
from vidcolor.training.run.loop import Trainer

torch.set_num_threads(1)
world = join_world(torch.device("cpu"))
trainer = Trainer(load_config(Path(sys.argv[1])), world)
trainer.run()
weights = torch.cat([p.detach().flatten() for m in (trainer.network, trainer.objective)
                     for p in m.parameters()])
both = [torch.empty_like(weights) for _ in range(world.size)]
dist.all_gather(both, weights)
if world.leads:
    Path(sys.argv[2]).write_text(str(float((both[0] - both[1]).abs().max())))
leave_world()
"""

_GRADIENTS = """
import sys
import torch
from pathlib import Path
from test_train_distributed import gradients
from vidcolor.training.distributed import join_world, leave_world

torch.set_num_threads(1)
world = join_world(torch.device("cpu"))
torch.save(gradients(Path("c.toml"), world), f"gradients-{world.rank}.pt")
leave_world()
"""

_NOT_FINITE = """
import sys
import torch
import torch.distributed as dist
from pathlib import Path
from vidcolor.training.config import load_config
from vidcolor.training.data.batches import make_batch
from vidcolor.training.distributed import join_world, leave_world
from vidcolor.training.run.loop import Trainer

torch.set_num_threads(1)
world = join_world(torch.device("cpu"))
trainer = Trainer(load_config(Path(sys.argv[1])), world)
parts = (trainer.network, trainer.objective)

def weights():
    return torch.cat([p.detach().flatten() for part in parts for p in part.parameters()])

def step():
    batch = make_batch(trainer.photos, trainer.config, trainer.step, trainer.output_stride,
                       world.rank, world.size)
    if trainer.step == 1 and world.rank == 1:
        batch.ab[0, 0, 0, 0] = float("inf")
    trainer.train_step(batch)
    trainer.step += 1

before = weights()
step()
first = weights()
step()
second = weights()
step()
third = weights()
both = [torch.empty_like(third) for _ in range(world.size)]
dist.all_gather(both, third)
if world.leads:
    Path(sys.argv[2]).write_text(" ".join(str(bool(fact)) for fact in (
        (first != before).any(), torch.equal(second, first), (third != second).any(),
        torch.equal(*both), third.isfinite().all(),
    )))
leave_world()
"""

_STOPS = """
import sys
import torch
from pathlib import Path
from vidcolor.errors import Interrupted
from vidcolor.training.config import load_config
from vidcolor.training.distributed import join_world, leave_world
from vidcolor.training.run.loop import Trainer

torch.set_num_threads(1)
world = join_world(torch.device("cpu"))

def stop(rank, at):
    def report(step, _):
        if world.rank == rank and step == at:
            raise Interrupted("enough")
    return report

reached = []
for rank, at in ((1, 1), (0, 3)):
    trainer = Trainer(load_config(Path("c.toml")), world)
    try:
        trainer.run(stop(rank, at))
    except Interrupted:
        saved = torch.load(trainer.out / "checkpoint.pt", weights_only=True)
        reached += [trainer.step, saved["step"]]
Path(f"reached-{world.rank}").write_text(str(reached))
leave_world()
"""

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


def run_two(worker: str, folder: Path, *words: str, torchrun: bool = False) -> None:
    """Run a script in two processes: by torchrun, or by the variables that torchrun sets."""
    (folder / "worker.py").write_text(worker)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [sys.executable, "worker.py", "c.toml", *words]
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


def test_two_processes_keep_the_same_weights(photos_tar: Path, tmp_path: Path) -> None:
    config = _CONFIG.format(data=photos_tar, out=tmp_path / "run", more="") + _WGAN
    (tmp_path / "c.toml").write_text(config)
    run_two(_WORKER, tmp_path, "apart", torchrun=True)
    # Gradients are averaged, so networks and critics of both stay the same, bit for bit.
    assert float((tmp_path / "apart").read_text()) == 0.0
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]  # one process writes
    assert (tmp_path / "run" / "unet.safetensors").exists()


def test_a_loss_that_is_not_finite_in_one_process_is_left_out_by_all(
    photos_tar: Path, tmp_path: Path
) -> None:
    """An infinite true colour: Huber's loss is infinite in that process, its gradient isn't."""
    config = _CONFIG.format(data=photos_tar, out=tmp_path / "run", more="") + _BOTH_CRITICS
    (tmp_path / "c.toml").write_text(config)
    run_two(_NOT_FINITE, tmp_path, "facts")
    said = (tmp_path / "facts").read_text().split()
    learnt, left_out, went_on, same, finite = (word == "True" for word in said)
    assert learnt
    assert left_out
    assert went_on
    assert same
    assert finite


def test_gradients_are_the_mean_over_the_whole_batch(photos_tar: Path, tmp_path: Path) -> None:
    config = _CONFIG.format(data=photos_tar, out="run", more="clip = 1e9") + _GAN
    (tmp_path / "c.toml").write_text(config)
    run_two(_GRADIENTS, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        alone = gradients(tmp_path / "c.toml", World(0, 1, torch.device("cpu")))
    assert any(name.startswith("losses.gan.critic.") for name in alone)
    for rank in range(2):
        shared = torch.load(tmp_path / f"gradients-{rank}.pt", weights_only=True)
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            # The same sums in another order.
            tolerance = 1e-3 * float(value.abs().max()) + 1e-9
            assert torch.allclose(shared[name], value, atol=tolerance, rtol=0.0), name


def test_what_stops_one_process_stops_all_after_the_same_step(
    photos_tar: Path, tmp_path: Path
) -> None:
    config = _CONFIG.format(data=photos_tar, out="run", more="") + "[losses.huber]"
    (tmp_path / "c.toml").write_text(config)
    run_two(_STOPS, tmp_path)
    for rank in range(2):
        assert (tmp_path / f"reached-{rank}").read_text() == "[1, 1, 3, 3]"


def test_a_head_that_no_loss_sees_holds_nobody_up(photos_tar: Path, tmp_path: Path) -> None:
    decoding = 'decoding = "annealed-mean"'
    config = _CONFIG.format(data=photos_tar, out=tmp_path / "run", more=decoding)
    (tmp_path / "c.toml").write_text(config + "[losses.classification]")
    run_two(_WORKER, tmp_path, "apart")
    assert float((tmp_path / "apart").read_text()) == 0.0
    assert (tmp_path / "run" / "unet.safetensors").exists()


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
