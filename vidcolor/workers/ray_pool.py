"""Workers on the nodes of a Ray cluster, one actor each; nodes may come and go."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vidcolor.errors import DependencyError, VidcolorError, WeightsError
from vidcolor.media.files.identity import FileIdentity
from vidcolor.workers.executor import Advanced, Done, Event, Failed, Lost, Ready
from vidcolor.workers.shipping import Files, Parcel, packed, unpacked
from vidcolor.workers.tasks import Setup, Task

logger = logging.getLogger(__name__)

_POLL_S: Final = 0.1
_PROGRESS_S: Final = 1.0
_NODES_S: Final = 2.0
"""How often the cluster is asked for its nodes."""

_READERS: Final = 8
"""Blocks of files that are read for workers at the same time."""

_START_S: Final = 60.0
_MAX_EARLY_DEATHS: Final = 6


class _Actor:
    """A worker in an actor's process: one thread works, another one tells how far it is."""

    def __init__(self, setup: Setup, files: Any = None) -> None:  # noqa: ANN401 - an actor
        self._setup, self._files = setup, files
        self._worker: Any = None
        self._frames = 0

    def begin(self) -> Ready | Failed:
        """Load the model."""
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from vidcolor.workers.worker import Worker

        try:
            self._worker = Worker(self._setup)
            if self._files is not None:
                from vidcolor.media.files.lent import lend
                from vidcolor.workers.shipping import ParcelWorker

                lend(_Lender(self._files))
                facts, self._worker = self._worker.facts, ParcelWorker(self._worker)
                return Ready("", facts)
        except Exception as error:  # noqa: BLE001 - the program reports it
            return Failed(None, _plain(error))
        return Ready("", self._worker.facts)

    def run(self, run: int, task: Task | Parcel) -> Done | Failed:
        """Do a task."""
        self._frames = 0
        try:
            return Done(run, self._worker.run(task, self._count))
        except (Exception, MemoryError) as error:  # noqa: BLE001 - likewise
            return Failed(run, _plain(error))

    def frames(self) -> int:
        """How many frames of the task are done."""
        return self._frames

    def pid(self) -> int:
        """The process, for checks."""
        return os.getpid()

    def _count(self, frames: int) -> None:
        self._frames += frames


class _Lender:
    """Files of the program's machine, which an actor there reads; keeps ``lent.Lender``."""

    def __init__(self, files: Any) -> None:  # noqa: ANN401 - an actor
        import ray

        self._files, self._ray = files, ray

    def identity(self, path: str) -> FileIdentity:
        found: FileIdentity = self._got(self._files.identity.remote(path))
        return found

    def read(self, path: str, start: int, size: int) -> bytes:
        data: bytes = self._got(self._files.read.remote(path, start, size))
        return data

    def _got(self, ref: Any) -> Any:  # noqa: ANN401
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            raise cause if isinstance(cause, OSError) else OSError(str(error)) from error


def _plain(error: BaseException) -> Exception:
    """An error that any process can unpickle."""
    if isinstance(error, VidcolorError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


@dataclass(eq=False, slots=True)
class _Member:
    """One worker, as the program sees it."""

    name: str
    node: str
    actor: Any
    is_ready: bool = False
    run: int | None = None
    task: Task | None = None
    told: int = 0
    refs: dict[str, Any] = field(default_factory=dict)
    asked: float = 0.0


class RayWorkers:
    """Actors of a cluster; keeps ``Executor``."""

    def __init__(
        self, address: str, setup: Setup, *, jobs: int | None = None, ship: bool = False,
    ) -> None:  # fmt: skip
        """Connect to the cluster.

        Args:
            address: of its head, "host:6379", or "auto" for the one that this machine is part of.
            setup: of each worker; with the device "auto" they use GPUs where nodes have some.
            jobs: workers on each node; None is one for each GPU, or for each ``setup.threads``
                CPUs, as the cluster counts them.
            ship: nodes needn't see the files: inputs are sent to them, and results back.

        Raises:
            DependencyError: Ray isn't installed.
            VidcolorError: there is no cluster at this address.
        """
        self._ray = _connected(address)
        self._setup, self._jobs = setup, jobs
        self._members: list[_Member] = []
        self._known: set[str] = set()
        self._asked_nodes = 0.0
        self._early_deaths = 0
        self._is_alone = False
        self._class = self._ray.remote(_Actor)
        self._files = self._lending() if ship else None

    @property
    def capacity(self) -> int:
        """How many workers there are now."""
        return len(self._members)

    @property
    def free(self) -> int:
        """How many of them wait for a task."""
        return sum(each.is_ready and each.run is None for each in self._members)

    @property
    def members(self) -> list[tuple[str, Any]]:
        """Node and actor of each worker, for checks."""
        return [(each.node, each.actor) for each in self._members]

    def start(self) -> None:
        """Start a worker for each share of each node."""
        self._look_for_nodes()

    def submit(self, run: int, task: Task) -> str:
        """Give a task to a free worker."""
        member = next(each for each in self._members if each.is_ready and each.run is None)
        member.run, member.task, member.told = run, task, 0
        sent = task if self._files is None else packed(task)
        member.refs["run"] = member.actor.run.remote(run, sent)
        return member.name

    def cancel(self, run: int) -> None:
        """End the worker that has a run; another one takes its place."""
        for member in [each for each in self._members if each.run == run]:
            self._drop(member)
            self._add(member.node, member.name)

    def events(self, timeout_s: float) -> list[Event]:
        """What has happened."""
        if time.monotonic() - self._asked_nodes > _NODES_S:
            self._look_for_nodes()
        self._ask_for_progress()
        refs = {
            ref: (member, what) for member in self._members for what, ref in member.refs.items()
        }
        if not refs:
            time.sleep(min(timeout_s, _POLL_S))
            return []
        ready, _ = self._ray.wait(
            list(refs), num_returns=1, timeout=min(timeout_s, _POLL_S), fetch_local=False
        )
        found = [self._heard(*refs[ref], ref) for ref in ready]
        return [event for event in found if event is not None]

    def wake(self) -> None:
        """Nothing to do: ``events`` never waits for long."""

    def close(self) -> None:
        """End all workers; the cluster stays."""
        for member in list(self._members):
            self._drop(member)
        if self._files is not None:
            self._ray.kill(self._files)
            self._files = None

    def _lending(self) -> Any:  # noqa: ANN401
        """An actor that reads files of this machine."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = self._ray.get_runtime_context().get_node_id()
        return (
            self._ray.remote(Files)
            .options(
                num_cpus=0, max_concurrency=_READERS, max_restarts=-1, max_task_retries=-1,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote()
        )  # fmt: skip

    def _look_for_nodes(self) -> None:
        """Start workers on nodes that have come."""
        self._asked_nodes = time.monotonic()
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node.get("Alive", False)}
        self._known &= set(alive)
        self._say_if_alone(alive.values())
        for node_id, node in alive.items():
            if node_id in self._known:
                continue
            self._known.add(node_id)
            for number in range(places(node, self._setup.device, self._jobs)):
                self._add(node_id, f"{node.get('NodeManagerAddress', node_id)}/{number + 1}")

    def _say_if_alone(self, nodes: Iterable[Mapping[str, Any]]) -> None:
        """Say, once each time, that no node is left on which a worker could be."""
        is_alone = not any(places(node, self._setup.device, self._jobs) for node in nodes)
        if is_alone and not self._is_alone:
            logger.warning("no node of the cluster takes a worker: waiting for one to join")
        self._is_alone = is_alone

    def _add(self, node: str, name: str) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        uses_gpu = self._setup.device.startswith("cuda") or (
            self._setup.device == "auto" and self._has_gpu(node)
        )
        setup = self._setup
        if self._setup.device == "auto":
            setup = replace(setup, device="cuda" if uses_gpu else "cpu")
        actor = self._class.options(
            num_cpus=setup.threads, num_gpus=1 if uses_gpu else 0,
            max_concurrency=2, max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        ).remote(setup, self._files)  # fmt: skip
        member = _Member(name, node, actor)
        member.refs["begin"] = actor.begin.remote()
        self._members.append(member)

    def _has_gpu(self, node_id: str) -> bool:
        return any(
            node["NodeID"] == node_id and node.get("Resources", {}).get("GPU", 0) >= 1
            for node in self._ray.nodes()
        )

    def _drop(self, member: _Member) -> None:
        self._members.remove(member)
        try:
            self._ray.kill(member.actor)
        except Exception as error:  # noqa: BLE001 - it may be gone with its node
            logger.debug("worker %s couldn't be ended: %s", member.name, error)

    def _ask_for_progress(self) -> None:
        now = time.monotonic()
        for member in self._members:
            if member.run is not None and now - member.asked > _PROGRESS_S:
                member.asked = now
                member.refs.setdefault("frames", member.actor.frames.remote())

    def _heard(self, member: _Member, what: str, ref: Any) -> Event | None:  # noqa: ANN401
        """What a finished call says."""
        if member.refs.get(what) is not ref or member not in self._members:
            return None
        del member.refs[what]
        try:
            said = self._ray.get(ref, timeout=_START_S)
        except self._ray.exceptions.RayError as error:
            return self._lost(member, error)
        if what == "frames":
            more, member.told = max(said - member.told, 0), max(said, member.told)
            return Advanced(member.run, more) if member.run is not None else None
        if what == "begin":
            if isinstance(said, Ready):
                member.is_ready, self._early_deaths = True, 0
                return Ready(member.name, said.facts)
            self._drop(member)
            fatal = isinstance(said.error, WeightsError) or not self._members
            return said if fatal else Lost(None, f"worker {member.name}: {said.error}")
        task, member.run, member.task = member.task, None, None
        event: Event = said
        return self._taken(event, task)

    def _taken(self, event: Event, task: Task | None) -> Event:
        """An event with the files that came with it put in their places."""
        if not isinstance(event, Done) or task is None or self._files is None:
            return event
        returned: Any = event.result
        try:
            return Done(event.run, unpacked(returned, task))
        except VidcolorError as error:
            return Failed(event.run, error)

    def _lost(self, member: _Member, error: Exception) -> Event:
        """The worker, its node, or what it gave back is gone."""
        run, was_ready = member.run, member.is_ready
        reason = f"worker {member.name} is lost ({type(error).__name__})"
        self._drop(member)
        alive = {node["NodeID"] for node in self._ray.nodes() if node.get("Alive", False)}
        self._early_deaths += not was_ready
        if self._early_deaths >= _MAX_EARLY_DEATHS:
            return Failed(None, VidcolorError(f"{reason}, while it loaded its model: {error}"))
        if member.node in alive:
            self._add(member.node, member.name)
        return Lost(run, reason)


def places(node: Mapping[str, Any], device: str, jobs: int | None) -> int:
    """How many workers a node gets.

    Args:
        node: as ``ray.nodes`` describes it.
        device: of the options.
        jobs: asked for on each node; None is one for each GPU, or for each CPU. A node without
            either gets none.
    """
    resources = node.get("Resources", {})
    cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if jobs is not None:
        return jobs if cpus else 0
    return gpus if gpus and device != "cpu" else cpus


def workers_of(address: str, device: str, jobs: int | None) -> int:
    """How many workers a cluster would have.

    Raises:
        DependencyError, VidcolorError: see ``RayWorkers``.
    """
    nodes = _connected(address).nodes()
    return sum(places(node, device, jobs) for node in nodes if node.get("Alive", False))


def _connected(address: str) -> Any:  # noqa: ANN401 - a module
    """Ray, connected to the cluster at an address.

    Raises:
        DependencyError: it isn't installed.
        VidcolorError: there is no such cluster.
    """
    ray = _ray()
    try:
        ray.init(
            address=address, log_to_driver=False, logging_level=logging.ERROR,
            ignore_reinit_error=True,
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        reason = str(error).partition("\n")[0]
        raise VidcolorError(
            f"no Ray cluster at {address!r} ({reason}); 'ray start --head' begins one"
        ) from error
    return ray


def _ray() -> Any:  # noqa: ANN401 - a module
    os.environ.setdefault("RAY_DEDUP_LOGS", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise DependencyError(
            "a cluster needs Ray: pip install 'vidcolor[cluster]', on every node"
        ) from error
    return ray
