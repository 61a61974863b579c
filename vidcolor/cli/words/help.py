"""Help in sections, and a group whose default command needs no name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

DEFAULT_VERB: str = "colorize"
"""Internal name of the default command; users don't type it."""

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])


class GroupedOption(click.Option):
    """An option with the heading under which the help shows it."""

    def __init__(self, *args: Any, heading: str = "Options", **attrs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **attrs)
        self.heading = heading


def option(heading: str, *names: str, **attrs: Any) -> Callable[[_Decorated], _Decorated]:  # noqa: ANN401
    """``click.option`` under a heading."""
    return click.option(*names, cls=GroupedOption, heading=heading, **attrs)


class GroupedCommand(click.Command):
    """A command whose help shows its options by heading, in the order of declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one definition list per heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                sections.setdefault(getattr(param, "heading", "Other"), []).append(record)
        if "Other" in sections:
            sections["Other"] = sections.pop("Other")  # --help and --version come last
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records, col_max=28)


class RootContext(click.Context):
    """Context of the default command, whose name is the program's."""

    @property
    def command_path(self) -> str:
        """``vidcolor``, not ``vidcolor colorize``."""
        return self.parent.command_path if self.parent else (self.info_name or "")


class RootCommand(GroupedCommand):
    """The default command. Its help is the program's help and lists the other commands."""

    context_class = RootContext

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the three ways to call it."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] IN [OUT]")
        formatter.write_usage(ctx.command_path, "[OPTIONS] -o DIR IN...", prefix=" " * 7)
        formatter.write_usage(ctx.command_path, "COMMAND ...", prefix=" " * 7)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the other commands, then the options."""
        group = ctx.parent.command if ctx.parent else None
        if isinstance(group, DefaultGroup):
            with formatter.section("Commands (each has --help; a file of that name is ./NAME)"):
                formatter.write_dl([(name, line) for name, (_, line) in group.lazy.items()])
        super().format_options(ctx, formatter)


class DefaultGroup(click.Group):
    """Runs the default command unless the first word is another command's name.

    Commands are imported when they are called, so that ``--help`` stays quick.

    Attributes:
        lazy: command name -> (where it is, as "module:attribute", one line of help).
    """

    def __init__(
        self,
        *,
        name: str,
        default: click.Command,
        lazy: Mapping[str, tuple[str, str]],
    ) -> None:
        super().__init__(name, add_help_option=False, no_args_is_help=False)
        self.add_command(default, DEFAULT_VERB)
        self.lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands that can be called by name."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command, if it isn't the default one."""
        if cmd_name in self.lazy:
            module, _, attribute = self.lazy[cmd_name][0].partition(":")
            command = getattr(importlib.import_module(module), attribute)
            if not isinstance(command, click.Command):
                raise TypeError(f"{self.lazy[cmd_name][0]} is no command")
            return command
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name in front, then parse as usual."""
        return super().parse_args(ctx, self.route(args))

    def route(self, args: list[str]) -> list[str]:
        """Move the command's name to the front; the default one's where there is none.

        ``-v info x.mp4`` becomes ``info -v x.mp4``; ``-m info x.mp4`` has no command's name, since
        ``info`` is the value of ``-m``; nor has ``-- info``.
        """
        place = 0
        while place < len(args) and args[place].startswith("-") and args[place] not in ("-", "--"):
            place += 2 if self._wants_value(args[place]) else 1
        if place < len(args) and args[place] in self.lazy:
            return [args[place], *args[:place], *args[place + 1 :]]
        return [DEFAULT_VERB, *args]

    def _wants_value(self, word: str) -> bool:
        """Whether ``word`` is an option of the default command whose value is the next word."""
        takes = {
            name
            for param in self.commands[DEFAULT_VERB].params
            if isinstance(param, click.Option) and not param.is_flag and not param.count
            for name in param.opts
        }
        if word.startswith("--"):
            return word in takes
        for place, letter in enumerate(word[1:], start=1):  # "-vm NAME", but "-mNAME"
            if f"-{letter}" in takes:
                return place == len(word) - 1
        return False
