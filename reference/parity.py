"""Proves that our DeOldify networks equal the original package's. Runs in vidcolor's environment.

Usage::

    python reference/parity.py [--python REFERENCE_PYTHON] [--keep DIR] [NAME ...]

The reference environment (``build_env.py``; default ``reference/.venv``, or what the environment
variable VIDCOLOR_REFERENCE_PYTHON names) draws weights, runs the original on photographs and saves
both (``record.py full``). Here the saved weights are read by vidcolor's own loader, strictly, and
run, as published and folded. Exit code 1 if an output differs by more than 1e-3 anywhere, or if
entries, parameters or the file's size are not the published ones'. Takes minutes and 3 GB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from synthetic import SEEDS
from torch import nn

from vidcolor.models.families.deoldify import load_deoldify
from vidcolor.models.networks.published.deoldify import build_deoldify
from vidcolor.models.weights.safe_load import load_checkpoint

HERE = Path(__file__).resolve().parent

TOLERANCE = 1e-3
"""Largest difference allowed, in the raw output's unit (it spans -3 to 3)."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is known of a published file: entries of its state_dict, parameters, bytes.

    The bytes are those of a file with this state_dict alone: the published ones are 7 to 13 kB
    longer.
    """

    entries: int
    parameters: int
    size: int


ARTISTIC = Published(378, 63_646_881, 255_137_701)
WIDE = Published(754, 218_222_197, 874_052_994)
PUBLISHED = {"artistic": ARTISTIC, "stable": WIDE, "video": WIDE}


def reference_python() -> Path | None:
    """The interpreter of the reference environment, or None where there is none."""
    named = os.environ.get("VIDCOLOR_REFERENCE_PYTHON")
    path = Path(named) if named else HERE / ".venv" / "bin" / "python"
    return path if path.is_file() else None


def main() -> int:
    """Command line."""
    layout = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    parser.add_argument("names", nargs="*", metavar="NAME", help="artistic, stable, video; all")
    parser.add_argument("--python", type=Path, default=reference_python())
    parser.add_argument("--keep", type=Path, help="folder for the recordings; reused if they exist")
    options = parser.parse_args()
    if options.python is None:
        sys.exit("no reference environment: build it with reference/build_env.py")
    torch.set_grad_enabled(False)
    names = options.names or list(SEEDS)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        return 0 if all([prove(options.python, folder, name) for name in names]) else 1


def prove(python: Path, folder: Path, name: str) -> bool:
    """Records one network if need be, compares, says what was found; True if all is equal."""
    weights, recording = folder / f"{name}.pth", folder / f"{name}.npz"
    if not recording.is_file():
        subprocess.run([python, HERE / "record.py", "full", folder, name], check=True)
    good = True
    for line, passed in compare(name, weights, recording):
        sys.stdout.write(f"{name}: {line}: {'ok' if passed else 'WRONG'}\n")
        sys.stdout.flush()
        good = good and passed
    return good


def compare(name: str, weights: Path, recording: Path) -> Iterator[tuple[str, bool]]:
    """Each finding as a line, and whether it is as it must be."""
    published = PUBLISHED[name]
    size = weights.stat().st_size
    yield f"file of {size} bytes", size == published.size
    state = load_checkpoint(weights).state_dict
    yield f"{len(state)} entries", len(state) == published.entries
    with torch.device("meta"):
        network: nn.Module = build_deoldify(name)
    network.load_state_dict(state, strict=True, assign=True)
    count = sum(parameter.numel() for parameter in network.parameters())
    yield f"{count} parameters, loaded strictly", count == published.parameters
    with np.load(recording) as arrays:
        yield from differences("as published", network, arrays)
        folded = load_deoldify(state).network
        yield from differences("folded, channels last", folded, arrays)


def differences(
    label: str, network: nn.Module, arrays: np.lib.npyio.NpzFile
) -> Iterator[tuple[str, bool]]:
    """The largest and the mean difference to each recorded output."""
    for key in sorted(key for key in arrays.files if key.startswith("input_")):
        expected = arrays[key.replace("input_", "output_")]
        inputs = torch.from_numpy(arrays[key])
        found = torch.cat([network(item[None]) for item in inputs]).numpy()
        error = np.abs(found - expected)
        size = f"{len(inputs)} photos at {key.removeprefix('input_')}"
        line = f"{label}, {size}: largest difference {error.max():.2e}, mean {error.mean():.2e}"
        yield line, bool(error.max() <= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
