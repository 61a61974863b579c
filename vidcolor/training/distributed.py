"""Several processes on one run, as ``torchrun`` starts them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from vidcolor.errors import DeviceError, Option


@dataclass(frozen=True, slots=True)
class World:
    """This process among all.

    Attributes:
        rank: its number; 0 writes files and messages.
        size: how many there are.
        device: where it works.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over all processes."""
        if self.size == 1:
            return module
        ids = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(module, device_ids=ids)

    def any(self, flag: bool) -> bool:  # noqa: FBT001 - one fact
        """Whether it holds in any process; all must ask."""
        return any_process(flag, self.device)


def join_world(device: torch.device) -> World:
    """Join the processes that torchrun started; alone without it.

    On GPUs each process takes the one of its local number; else they work with gloo on the CPU.

    Raises:
        DeviceError: if there are fewer GPUs than processes.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        return World(0, 1, device)
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            raise DeviceError(
                f"process {local} of this machine has no GPU: there are "
                f"{torch.cuda.device_count()}; start fewer, or use ",
                Option("device", "cpu"),
            )
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(rank, size, device)


def leave_world() -> None:
    """End what ``join_world`` began."""
    if _is_shared():
        dist.destroy_process_group()


def any_process(flag: bool, device: torch.device) -> bool:  # noqa: FBT001 - one fact
    """Whether ``flag`` holds in any process that shares the run; all must ask."""
    if not _is_shared():
        return flag
    holds = torch.tensor(float(flag), device=device)
    dist.all_reduce(holds, dist.ReduceOp.MAX)
    return bool(holds.item())


def average_gradients(module: nn.Module) -> None:
    """Average a module's gradients over all processes; nothing to do for one."""
    if not _is_shared():
        return
    for parameter in module.parameters():
        if parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= dist.get_world_size()


def _is_shared() -> bool:
    return dist.is_available() and dist.is_initialized()
