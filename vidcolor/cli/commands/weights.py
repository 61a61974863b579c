"""``vidcolor weights``: list, fetch, check and find the weights of the networks.

Tables, paths and verdicts go to standard output, since they are what was asked for; progress and
notes go to standard error.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcolor.cli.terminal.console import Console
from vidcolor.cli.terminal.progress import make_progress
from vidcolor.cli.terminal.text import printable
from vidcolor.cli.words.options import accept_option
from vidcolor.cli.work.session import Session
from vidcolor.errors import WeightsError

if TYPE_CHECKING:
    from vidcolor.models.weights.store import WeightsStatus

_weights_dir = click.option(
    "--weights-dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the downloads. Default: weights in $VIDCOLOR_HOME, else the user's cache.",
)


@click.group(name="weights", no_args_is_help=True)
def weights() -> None:
    """List, fetch, check and find model weights.

    "compact" and "large" are shipped with vidcolor; the DeOldify networks are downloaded from
    their author's addresses or from mirrors, and checked.
    """


@weights.command(name="list")
@_weights_dir
def list_weights(weights_dir: Path | None) -> None:
    """Show which weights there are and which are installed."""
    from vidcolor.models.weights.manifest import load_manifest
    from vidcolor.models.weights.store import weights_status

    rows = [("NAME", "SIZE", "LICENCE", "INSTALLED", "PATH")]
    for name in load_manifest():
        status = weights_status(name, weights_dir=weights_dir, check="never")
        missing = status.state == "missing"
        size = status.entry.size or (0 if missing else status.path.stat().st_size)
        path = "" if missing else str(status.path)
        rows.append((name, _size(size), status.entry.licence, _installed(status), path))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        click.echo(printable("  ".join([*cells, row[4]]).rstrip()))


@weights.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@_weights_dir
@click.option("--offline", is_flag=True, help="Download nothing (also VIDCOLOR_OFFLINE=1).")
@accept_option
@click.option(
    "--progress",
    type=click.Choice(["auto", "bar", "plain", "json", "none"]),
    default="auto",
    help="How to show progress. Default: a bar on a terminal.",
)
@click.pass_context
def pull(
    ctx: click.Context,
    names: tuple[str, ...],
    weights_dir: Path | None,
    offline: bool,
    accept_sha256: str | None,
    progress: str,
) -> None:
    """Download weights, unless they are installed already.

    A download that broke off goes on where it stopped.
    """
    from vidcolor.models.weights.manifest import get_entry
    from vidcolor.models.weights.store import ensure_weights

    if accept_sha256 and len(names) > 1:
        raise click.UsageError("--accept-sha256 goes with one name")
    for name in names:
        get_entry(name)  # a misspelt second name should not cost a download first
    console = _console(ctx, as_json=progress == "json")
    for name in names:
        display = make_progress(progress, console, source=name)  # type: ignore[arg-type]
        path = ensure_weights(
            name,
            weights_dir=weights_dir,
            offline=offline,
            progress=display,
            accept_sha256=accept_sha256,
        )
        console.say(f"{name}: installed, {path}")


@weights.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@_weights_dir
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], weights_dir: Path | None) -> None:
    """Check size and SHA-256 of installed weights.

    Without names, of all that are installed. Exit code 3 if any is wrong.
    """
    from vidcolor.models.weights.manifest import load_manifest
    from vidcolor.models.weights.store import verify_weights

    bad = False
    for name in names or tuple(load_manifest()):
        status = verify_weights(name, weights_dir=weights_dir)
        if not names and status.state == "missing" and status.entry.kind == "download":
            continue
        bad |= not status.good
        verdict = "OK" if status.good else status.state.upper()
        detail = f" ({status.detail})" if status.detail else ""
        click.echo(printable(f"{name}: {verdict}{detail}  {status.path}"))
    if bad:
        ctx.exit(WeightsError.exit_code)


@weights.command()
@click.argument("name", required=False)
@_weights_dir
def path(name: str | None, weights_dir: Path | None) -> None:
    """Print the folder of the downloads, or the installed file of NAME."""
    from vidcolor.models.weights.store import weights_directory, weights_status

    if name is None:
        click.echo(str(weights_directory(weights_dir)))
        return
    status = weights_status(name, weights_dir=weights_dir)
    if not status.good:
        raise WeightsError(
            f"{name}: {status.detail} ({status.path}); get it with: vidcolor weights pull {name}"
        )
    click.echo(str(status.path))


def _installed(status: WeightsStatus) -> str:
    """One or two words for the table."""
    if status.entry.kind == "bundled" and status.good:
        return "shipped"
    if status.state == "missing":
        if not status.partial:
            return "no"
        return f"no, {100 * status.partial // status.entry.size} % there"
    return {"ok": "yes", "accepted": "yes, accepted", "unchecked": "yes, unchecked"}.get(
        status.state, status.state
    )


def _size(n: int) -> str:
    if not n:
        return "?"
    return f"{n / 1e6:.1f} MB" if n < 1e8 else f"{n / 1e6:.0f} MB"


def _console(ctx: click.Context, *, as_json: bool) -> Console:
    """The program's console, or a new one where the group runs alone."""
    session = ctx.find_object(Session)
    return session.console if session else Console(as_json=as_json)
