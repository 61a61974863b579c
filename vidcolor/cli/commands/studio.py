"""``vidcolor studio [FILE|FOLDER]...``: the page in the browser."""

from __future__ import annotations

import importlib.util
import logging
import os
import webbrowser
from pathlib import Path
from typing import Any

import click

from vidcolor.cli.words.help import GroupedCommand, option
from vidcolor.cli.words.options import log_options
from vidcolor.cli.work.session import Session
from vidcolor.errors import DependencyError, InputError, OptionError

logger = logging.getLogger(__name__)

SERVER, ACCESS, LIMITS = "Server", "Who may come in", "Limits"
_NEEDED = ("fastapi", "uvicorn")


@click.command(
    cls=GroupedCommand,
    context_settings={"max_content_width": 100},
    help="Open vidcolor as a page in the browser: photographs, films, jobs. What is in the folders "
    "given, or beside the files given, can be chosen there, and gets its results beside it. Only "
    "this machine can reach the page unless --host says otherwise. docs/studio.md has more.",
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE|FOLDER]...")
@option(
    SERVER,
    "--host",
    default="127.0.0.1",
    metavar="ADDRESS",
    help="Listen there. Anything but this machine needs --auth or --token.",
)
@option(
    SERVER,
    "--port",
    type=click.IntRange(0, 65535),
    default=7865,
    metavar="N",
    help="Default: 7865; 0 takes a free one.",
)
@option(
    SERVER,
    "--store",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where uploads, results and the list of jobs are kept. Default: the user's data folder.",
)
@option(
    SERVER,
    "-d",
    "--device",
    default="auto",
    metavar="DEVICE[,DEVICE]",
    help="Each gets a worker of its own: cuda:0,cuda:1. Default: one, on the best device.",
)
@option(SERVER, "--no-browser", is_flag=True, help="Only print the address.")
@option(
    ACCESS,
    "--auth",
    metavar="USER:PASSWORD",
    envvar="VIDCOLOR_STUDIO_AUTH",
    help="Ask for this password. $VIDCOLOR_STUDIO_AUTH keeps it out of the list of processes.",
)
@option(ACCESS, "--token", is_flag=True, help="Let in whoever has the address that is printed.")
@option(
    ACCESS,
    "--name",
    "names",
    multiple=True,
    metavar="HOST",
    help="A further name by which browsers reach this machine; may be given several times.",
)
@option(ACCESS, "--allow-weights", is_flag=True, help="Users may upload weights files.")
@option(ACCESS, "--allow-downloads", is_flag=True, help="Jobs may download missing weights.")
@option(
    LIMITS,
    "--max-upload",
    type=click.IntRange(1),
    default=20_000,
    metavar="MB",
    help="Size of one upload. Default: 20000.",
)
@option(
    LIMITS,
    "--max-uploads",
    type=click.IntRange(1),
    default=500,
    metavar="N",
    help="Uploads of one user at a time. Default: 500.",
)
@option(
    LIMITS,
    "--max-stored",
    type=click.IntRange(1),
    default=100_000,
    metavar="MB",
    help="All uploads together. Default: 100000.",
)
@option(
    LIMITS,
    "--keep",
    type=click.FloatRange(0, min_open=True),
    default=72.0,
    metavar="HOURS",
    help="Uploads and results that nobody has used for so long are removed. Default: 72.",
)
@log_options
@click.help_option("-h", "--help", help="Show this help.")
@click.pass_obj
def studio(session: Session, /, **values: Any) -> int:  # noqa: ANN401 - click's parameters by name
    """Check, start, wait."""
    session.set_up_talk(
        verbose=values["verbose"], quiet=values["quiet"], log_file=values["log_file"]
    )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise DependencyError(
            f"vidcolor studio needs {' and '.join(missing)}: pip install 'vidcolor[studio]'"
        )
    settings = _settings(values)
    from vidcolor.studio.serve import serve

    def ready(address: str) -> None:
        session.console.say(f"vidcolor studio: {address}")
        if not values["no_browser"]:
            webbrowser.open(address)

    serve(settings, on_ready=ready)
    return 0


def _settings(values: dict[str, Any]) -> Any:  # noqa: ANN401 - imported late
    from vidcolor.studio.settings import Limits, StudioSettings, new_token

    limits = Limits(
        upload_mb=values["max_upload"], uploads=values["max_uploads"],
        stored_mb=values["max_stored"], keep_hours=values["keep"],
    )  # fmt: skip
    return StudioSettings(
        store=_store(values["store"]),
        folders=tuple(_folder(path) for path in values["paths"]),
        host=values["host"], port=values["port"], auth=values["auth"] or "",
        token=new_token() if values["token"] else "", names=values["names"],
        opened=_opened(values["paths"]),
        devices=_devices(values["device"]), allow_weights=values["allow_weights"],
        allow_downloads=values["allow_downloads"], limits=limits,
    )  # fmt: skip


def _opened(paths: tuple[Path, ...]) -> str:
    """The id of the first file that is given."""
    ids = (f"folder:{at}/{path.name}" for at, path in enumerate(paths) if path.is_file())
    return next(ids, "")


def _store(given: Path | None) -> Path:
    if given is None:
        import platformdirs

        given = Path(platformdirs.user_data_dir("vidcolor", appauthor=False)) / "studio"
    return Path(os.path.realpath(given))


def _folder(path: Path) -> Path:
    """The folder itself; of a file the folder that it is in."""
    if path.is_dir():
        return path
    if path.is_file():
        return path.parent
    raise InputError(f"{path}: there is no such file or folder")


def _devices(text: str) -> tuple[str, ...]:
    from vidcolor.engine.options import ColorizeOptions

    devices = tuple(text.split(","))
    for device in devices:
        ColorizeOptions(device=device)  # says which word is wrong
    if len(set(devices)) != len(devices):
        raise OptionError(f"{text}: a device is given twice", option="device")
    return devices
