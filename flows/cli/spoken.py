"""The help of every command, whole, laid out by how wide its signs are."""

import inspect
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from typer.main import get_command

from flows.language import language, said
from transforms.visible import display_width, padded

# As wide as the terminal, but lines longer than this are hard to read.
WIDEST = 120
INDENT, HANGING = 2, 4
WIDEST_FIRST = 30
HEADINGS = {
    "zh": ("用法：", "参数：", "选项：", "命令："),
    "en": ("Usage: ", "Arguments:", "Options:", "Commands:"),
}
# What may not stand at the beginning of a line.
CLOSING = set("，。；：、）》”！？%")
PARTS = re.compile(r"[!-~]+|.")
BESIDE = re.compile(r"  \[([^\[\]]*)\]$")


def spoken(app: typer.Typer) -> Any:
    """Return the command line of an app, with its help in the language asked for."""
    command = get_command(app)
    _prepare(command)
    return command


def _prepare(command: Any) -> None:
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(command.help or ""))
    told = [said(" ".join(paragraph.split())) for paragraph in paragraphs]
    command.context_settings["max_content_width"] = WIDEST
    command.help = "\n\n".join(told)
    vars(command)["format_help"] = partial(_write_help, command)
    # One that is given is never cut short.
    command.short_help = told[0]
    for inner in getattr(command, "commands", {}).values():
        _prepare(inner)


def _write_help(command: Any, context: Any, formatter: Any) -> None:
    """Write what click writes: usage, what it does, arguments, options, commands."""
    usage, arguments, options, commands = HEADINGS[language()]
    pieces = [said(piece) for piece in command.collect_usage_pieces(context)]
    formatter.write(f"{usage}{context.command_path} {' '.join(pieces)}\n\n")
    for paragraph in command.help.split("\n\n"):
        formatter.write(
            "\n".join(f"  {line}" for line in wrapped(paragraph, formatter.width - INDENT))
        )
        formatter.write("\n\n")
    parts: dict[str, list[tuple[str, str]]] = {arguments: [], options: [], commands: []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            kind = arguments if parameter.param_type_name == "argument" else options
            parts[kind].append(_said_record(*record))
    for name, inner in getattr(command, "commands", {}).items():
        parts[commands].append((name, inner.short_help))
    for heading, rows in parts.items():
        if rows:
            formatter.write(f"{heading}\n{_table(rows, formatter.width)}\n")


def _said_record(first: str, text: str) -> tuple[str, str]:
    """Word an option: its help, and what stands in brackets behind it."""
    if language() == "en":
        return first, text
    beside = BESIDE.search(text)
    words = said(BESIDE.sub("", text))
    if beside:
        words += f"〔{'；'.join(said(one) for one in beside.group(1).split('; '))}〕"
    name, _, kind = first.partition(" <")
    return (f"{name} {said('<' + kind)}" if kind else first), words


def _table(rows: Sequence[tuple[str, str]], width: int) -> str:
    widest = min(WIDEST_FIRST, max(display_width(first) for first, _ in rows))
    lines = []
    for first, text in rows:
        told = wrapped(text, width - INDENT * 2 - widest)
        fits = display_width(first) <= widest
        lines += [] if fits else [f"  {first}"]
        beside = padded(first if fits else "", widest)
        lines.append(f"  {beside}  {told[0]}".rstrip())
        lines += [" " * (widest + INDENT * 2) + line for line in told[1:]]
    return "\n".join(lines) + "\n"


def wrapped(text: str, width: int) -> list[str]:
    """Break a text into lines: between Chinese signs anywhere, between other words at spaces.

    >>> wrapped("列出 batch list 的批次。", 12)
    ['列出 batch', 'list 的批次。']
    """
    lines = [""]
    for part in PARTS.findall(text):
        too_wide = display_width(lines[-1] + part) > width and part not in CLOSING
        if too_wide and lines[-1]:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += part if lines[-1] or part != " " else ""
    return lines


def fitted(line: str, width: int) -> str:
    """Break a line wider than a terminal; what follows stands below its last column.

    >>> print(fitted("正常  主目录  在 /home 之下", 20))
    正常  主目录  在
                  /home
                  之下
    """
    if display_width(line) <= width:
        return line
    head = line[: line.rfind("  ") + 2]
    if display_width(head) * 4 > width * 3:
        head = line[: len(line) - len(line.lstrip())]
    indent = max(display_width(head), HANGING)
    first, *more = wrapped(line[len(head) :], width - indent)
    return "\n".join([head + first, *(" " * indent + text for text in more)])
