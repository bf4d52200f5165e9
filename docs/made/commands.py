"""Every command, from its own ``--help``."""

from __future__ import annotations

import click

from psface.commands.cli import psface

WIDTH = 92


def helped(command: click.Command, path: tuple[str, ...]) -> str:
    """What ``psface ... --help`` prints."""
    context = click.Context(command, info_name=" ".join(path), max_content_width=WIDTH)
    context.help_option_names = ["-h", "--help"]
    context.terminal_width = WIDTH
    return command.get_help(context).strip()


def found(group: click.Group, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    """All commands of a group and of the groups in it, each with its words."""
    inside: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inside.append(((*path, name), command))
        if isinstance(command, click.Group):
            inside += found(command, (*path, name))
    return inside


def page() -> str:
    """The commands as Markdown."""
    parts = []
    for path, command in [(("psface",), psface), *found(psface, ("psface",))]:
        parts.append(f"## {' '.join(path)}\n\n```text\n{helped(command, path)}\n```")
    return "\n\n".join(parts)
