"""Ctrl-C and other signals, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PROGRAM = """
import sys, time
from vidcolor.cli.terminal import signals

signals._DEBOUNCE_S = {debounce_s}
stop = signals.Stop()
with stop:
    try:
        if {patient}:
            with stop.patience() as event:
                print("ready", flush=True)
                while not event.is_set() or {deaf}:
                    time.sleep(0.01)
                sys.exit(stop.exit_code)
        print("ready", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        sys.exit(stop.exit_code)
"""


def start(*, patient: bool, deaf: bool = False, debounce_s: float = 0.5) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM.format(patient=patient, deaf=deaf, debounce_s=debounce_s)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    with process:
        try:
            return process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()  # or leaving the block would wait for ever
            raise


@pytest.mark.parametrize("patient", [True, False])
@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_first_signal_stops(number: signal.Signals, exit_code: int, patient: bool) -> None:
    process = start(patient=patient)
    process.send_signal(number)
    assert ended(process) == exit_code


def test_second_signal_ends_what_does_not_listen() -> None:
    process = start(patient=True, deaf=True, debounce_s=0.0)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        time.sleep(0.1)  # two that wait at once are one to the system
        process.send_signal(signal.SIGINT)
    assert ended(process) == -signal.SIGINT


_WHILE_TEXT_IS_RUN = """
import os, signal, sys
from vidcolor.cli.terminal.signals import Stop

stop = Stop()
with stop:
    try:
        exec("os.kill(os.getpid(), signal.SIGTERM)")
    except KeyboardInterrupt:
        pass
sys.exit(stop.exit_code)
"""


def test_signal_while_python_runs_text(tmp_path: Path) -> None:
    """As loading libraries do: ``python -m`` then died of SIGINT, not with the exit code."""
    (tmp_path / "program.py").write_text(_WHILE_TEXT_IS_RUN, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    outcome = subprocess.run(
        [sys.executable, "-m", "program"], env={**os.environ, "PYTHONPATH": paths}, check=False
    )
    assert outcome.returncode == 143


_WHILE_A_MODULE_LOADS = """
import sys, time
from vidcolor.cli.terminal.signals import Stop

stop = Stop()
with stop:
    try:
        import slow
        time.sleep(60)
    except KeyboardInterrupt:
        print("whole" if slow.END else "")
sys.exit(stop.exit_code)
"""


def test_import_is_not_interrupted(tmp_path: Path) -> None:
    """An exception there made torch abort the process: exit code -6 in place of 143."""
    body = (
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(0.2)\nEND = 1\n"
    )
    (tmp_path / "slow.py").write_text(body, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    outcome = subprocess.run(
        [sys.executable, "-c", _WHILE_A_MODULE_LOADS],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (outcome.returncode, outcome.stdout) == (143, "whole\n"), outcome.stderr


def test_one_request_delivered_twice_counts_once() -> None:
    process = start(patient=True, deaf=True, debounce_s=60.0)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.kill()
    ended(process)
