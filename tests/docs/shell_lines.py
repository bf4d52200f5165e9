"""What is wrong with command lines in the documentation, found without running them."""

import importlib
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import click
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser

from docs.made.parameters import Everything, annotated, section_of
from psface.commands.cli import psface
from psface.config import parse_yaml
from tests.docs.pages import ROOT

# Programs of others, whose options are not checked.
OTHERS = {".", "cd", "dask", "docker", "git", "pip", "/usr/bin/time"}
OPEN = {"...", "…"}  # words that stand for others


def commands_of(block: str) -> Iterator[str]:
    """The command lines of a block, without comments, continued lines joined."""
    for line in re.sub(r"\\\n\s*", " ", block).splitlines():
        command = " ".join(shlex.split(line, comments=True, posix=False))
        if command:
            yield command


def faults(command: str) -> Iterator[str]:
    """What is wrong with a command line. Capitals, ``...`` and brackets stand for what differs."""
    bare = re.sub(r"\[(-[^\]]*|[A-Z_]+)\]", r"\1", command)  # [--option VALUE]: it may be left out
    words = shlex.split(bare)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # variables of the environment
        words = words[1:]
    program, *rest = words
    if program == "psface":
        yield from faults_of_click(psface, rest)
    elif program == "dvc":
        yield from faults_of_dvc(rest)
    elif program == "make":
        yield from (f"no target {word} in the Makefile" for word in rest if not is_target(word))
    elif program in ("python", "torchrun") and "-m" in rest:
        yield from faults_of_module(*rest[rest.index("-m") + 1 :])
    elif program not in OTHERS:
        yield f"{program} is unknown"
    if program == "pip":
        named = set(re.findall(r"psface\[(\w+)\]", bare))
        yield from (f"no extra {name}" for name in named - extras())


def faults_of_click(command: click.Command, words: list[str]) -> Iterator[str]:
    """Unknown subcommands and options, and values that an option does not take."""
    context = click.Context(command)
    if isinstance(command, click.Group) and words and not words[0].startswith("-"):
        inner = command.get_command(context, words[0])
        if inner is not None:
            yield from faults_of_click(inner, words[1:])
        elif not is_open(words[0]):
            yield f"no command {words[0]}"
        return
    known = {name: of for of in command.params for name in of.opts if isinstance(of, click.Option)}
    rest = iter(words)
    for word in rest:
        name, _, value = word.partition("=")
        if not word.startswith("-") or name in ("-h", "--help"):
            continue
        if name not in known:
            yield f"{command.name} has no option {name}"
            return
        if known[name].is_flag:
            continue
        value = value or next(rest, "")
        if not value:
            continue  # the option alone is spoken of
        try:
            if not is_open(value):
                known[name].type.convert(value, known[name], context)
        except click.BadParameter as error:
            yield f"{name}: {error.message}"


def faults_of_module(name: str, *words: str) -> Iterator[str]:
    if not (ROOT / (name.replace(".", "/") + ".py")).is_file():
        yield f"no module {name}"
    elif name.startswith("stages."):
        yield from faults_of_click(importlib.import_module(name).main, list(words))


def faults_of_dvc(words: list[str]) -> Iterator[str]:
    """What DVC's own parser refuses, and settings that params.yaml does not take."""
    try:
        with patch.object(sys, "argv", ["dvc", *words]):  # which it looks at, too
            arguments = get_main_parser().parse_args(words)
    except (DvcParserError, SystemExit):
        yield "DVC does not know this"
        return
    settings = [s for s in getattr(arguments, "set_param", None) or [] if not is_open(s)]
    yield from faults_of_settings(settings)


def faults_of_settings(settings: list[str]) -> Iterator[str]:
    keys = [setting.partition("=")[0].split(".") for setting in settings]
    unknown = [".".join(key) for key in keys if not is_parameter(key)]
    yield from (f"no parameter {name}" for name in unknown)
    if settings and not unknown:
        content = parse_yaml((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for key, setting in zip(keys, settings, strict=True):
            section = content
            for name in key[:-1]:
                section = section[name]
            section[key[-1]] = parse_yaml(setting.partition("=")[2])
        try:
            Everything.model_validate(content)
        except ValueError as error:
            yield f"{settings}: {error}"


def is_parameter(parts: list[str]) -> bool:
    """Whether params.yaml has such a key; the names in a table such as attributes are free."""
    inside = annotated(parts[:-1]) if len(parts) > 1 else None
    return bool(annotated(parts)) or (inside is not None and section_of(inside) is None)


def is_open(word: str) -> bool:
    """Whether a word stands for others: CAPITALS, or dots."""
    return word.strip("[]").isupper() or any(dots in word for dots in OPEN)


def is_target(word: str) -> bool:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return "=" in word or re.search(rf"^{re.escape(word)}:", text, re.MULTILINE) is not None


@cache
def extras() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["optional-dependencies"])
