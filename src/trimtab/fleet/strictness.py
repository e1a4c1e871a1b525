"""Whether a script can be told to end when a command fails, without ending where it goes on today."""

import re
from collections.abc import Collection, Iterator
from typing import cast

from tree_sitter import Node

from trimtab.fleet.scripts import ScriptPart, read_call
from trimtab.fleet.tree import Tree
from trimtab.syntax.shell import Command
from trimtab.syntax.shell.commands import ByteOffsets
from trimtab.syntax.shell.nodes import text_of, tree, walk
from trimtab.text import Source, Span

_STEADY = frozenset(
    ["echo", "printf", "cd", "export", "readonly", "local", "declare", "set", "shopt", "true", ":", "exit", "return", "sleep"]
    + ["cat", "date", "dirname", "basename", "pwd", "umask", "exec", "trap"]
)
"""Programs that fail only when something is wrong."""
_CALLS = frozenset(["build", "push", "pull", "tag", "ps", "images", "version", "info", "login"])
_COMPOSE_CALLS = frozenset(["up", "build", "pull", "push", "config", "ps", "down", "version", "images"])
_ALWAYS_SET = frozenset(
    ["HOME", "PATH", "PWD", "UID", "EUID", "RANDOM", "SECONDS", "LINENO", "BASH_SOURCE", "@", "*", "#", "0", "$"]
)
_WITH_DEFAULT = re.compile(r"\$\{#?\w+:?[-+=?]")
_COUNTING = frozenset(["arithmetic_expansion", "binary_expression", "unary_expression", "ternary_expression"])
_BLOCKS = frozenset({"using", "param", "begin", "process", "end", "clean", "dynamicparam"})


def why_not_strict(part: ScriptPart) -> str | None:
    """Why `set -euo pipefail` may end a shell script where it goes on today; None where nothing says so."""
    if re.search(r"\$\?|\$\{\?|PIPESTATUS", part.text):
        return "it looks at the status of its commands itself"
    if part.arithmetic or any(command.name in {"let", "unset"} for command in part.script.commands):
        return "it counts or unsets variables, which may end it"
    root = tree(part.text)
    unset = next((name for name in _unset(root)), None)
    if unset is not None:
        return f"`${unset}` may have no value, at which `set -u` would end it"
    unsteady = _unsteady(part, root)
    return f"`{unsteady}` may fail there, and the script goes on today" if unsteady else None


def _unset(root: Node) -> Iterator[str]:
    """Variables that are used without a default, and that no plain statement before has given a value."""
    given = [(text_of(each.children[0]), each.end_byte, root.end_byte) for each in _plain_assignments(root)]
    loops = [node for node in walk(root) if node.type == "for_statement"]
    given += [(text_of(each.children[1]), each.start_byte, each.end_byte) for each in loops]
    for node in walk(root):
        # The grammar takes a space before it in.
        text = text_of(node).strip()
        counted = node.type == "variable_name" and node.parent is not None and node.parent.type in _COUNTING
        if not (counted or node.type in {"simple_expansion", "expansion"}) or _WITH_DEFAULT.match(text):
            continue
        name = re.sub(r"^\$?\{?[#!]?(\w+|.).*$", r"\1", text, flags=re.DOTALL)
        if name not in _ALWAYS_SET and not any(name == each and a <= node.start_byte < b for each, a, b in given):
            yield name


def _plain_assignments(root: Node) -> Iterator[Node]:
    for child in root.children:
        for each in [child, *child.children]:
            if each.type == "variable_assignment" and child.type in {each.type, "declaration_command", "variable_assignments"}:
                yield each


def _unsteady(part: ScriptPart, root: Node) -> str | None:
    """The first command that may fail without anything being wrong, and that nothing looks at."""
    functions = {text_of(each) for node in walk(root) if node.type == "function_definition" for each in node.children[:2]}
    offsets = ByteOffsets(part.text, part.text.encode("utf-8", "surrogatepass"))
    steady = {command.span.start for command in part.script.commands if command.name in functions or _is_steady(part, command)}
    for node in walk(root):
        start = offsets.span(node.start_byte, node.end_byte).start
        if node.type in {"command", "test_command"} and start not in steady and not _is_guarded(node):
            return text_of(node).partition("\n")[0][:40]
    return None


def _is_steady(part: ScriptPart, command: Command) -> bool:
    call = read_call(command)
    if call is not None:
        # Who sends messages away has thought of a failure.
        hidden = re.search(r"[2&]>", part.text[command.span.start : command.span.end])
        return hidden is None and call.verb in (_COMPOSE_CALLS if call.is_compose else _CALLS)
    words = command.words
    forced = any(re.fullmatch(r"-[a-zA-Z]*f[a-zA-Z]*", word) for word in words)
    return command.name in _STEADY or (command.name in {"rm", "ln"} and forced) or (command.name == "mkdir" and "-p" in words)


def _is_guarded(node: Node) -> bool:
    """Whether it is a condition, or an alternative stands behind it."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type in {"if_statement", "elif_clause"}:
        return "then" not in [each.type for each in parent.children if each.end_byte <= node.start_byte]
    if parent.type == "while_statement":
        return True
    operators = [each.type for each in parent.children if each.start_byte >= node.end_byte] if parent.type == "list" else []
    if "||" in operators or (operators and parent.parent is not None and parent.parent.type == "program"):
        return True
    return parent.type in {"list", "negated_command", "redirected_statement", "pipeline"} and _is_guarded(parent)


_SAYS_MORE = re.compile(
    r"(?i)(?<![\w.-])(?:robocopy|xcopy|findstr|fc|where|taskkill|net|sc|cmd|git)(?:\.exe)?(?=\s+[\w/\"'$-])"
)
"""Programs whose exit code is an answer, or that others are started by."""
_ASKS = re.compile(r"(?i)\bif\s*\(\s*(?:(?:-not|!)\s*)?\(?\s*(?P<name>command|which|docker[\w-]*)\s")
"""A program whose answer is a condition: `if (command -v docker-compose) {`."""
_READS_IN = re.compile(r"(?m)(?:^|[;{(])[ \t]*\.[ \t]+(?P<what>[^\n;]+)")
"""A PowerShell script that runs another one as a part of itself."""


def why_no_preference(part: ScriptPart, files: Tree) -> str | None:
    """Why `$ErrorActionPreference = 'Stop'` may not be put into a PowerShell script; None where nothing says so.

    A script that another one reads in sets it for that one, too, and one that reads in others sets it for them.
    """
    name = part.path.rpartition("/")[2].lower()
    if name in _read_in(files):
        return "another script reads it in, and would end at errors as well"
    if _READS_IN.search(part.text):
        return "it reads in another script, at whose errors it would end as well"
    if re.search(r"(?m)^[^#\n]*\bdocker\S*[^\n]*2>", part.text):
        return "it redirects a program's messages, at which Windows PowerShell would then end"
    if re.search(r"(?i)\$ErrorActionPreference|-ErrorAction|\$\?", part.text):
        return "it says itself what is done about errors"
    if (asked := _ASKS.search(part.text)) is not None:
        return f"`{asked['name']}` is asked in a condition, and the script would end where it fails or is not there"
    if place_for_preference(part) is None:
        return "where its first statement may stand is not sure"
    return None


def why_no_exit_codes(part: ScriptPart) -> str | None:
    """Why a PowerShell script may not end at every exit code of a program; None where nothing says so."""
    told = _SAYS_MORE.search(part.text)
    if told or (told := _ASKS.search(part.text)):
        return f"`{told[told.lastindex or 0]}` returns more than 0 with nothing wrong, and would end the script"
    steady = _CALLS | _COMPOSE_CALLS | {"run", "create", "cp"}
    call = next((each for each in part.calls if each.verb not in steady or (each.verb == "down" and not each.is_compose)), None)
    return f"`{' '.join(call.command.words)[:50]}` may fail with nothing wrong, and would end the script" if call else None


def _read_in(files: Tree) -> Collection[str]:
    """The names of PowerShell scripts, in small letters, that others of a tree read in."""
    key = ("powershell read in",)
    if key not in files.memo:
        sources = (files.peek(path) for path in files.entries if path.lower().endswith((".ps1", ".psm1")))
        said = (match["what"] for each in sources if isinstance(each, Source) for match in _READS_IN.finditer(each.text))
        files.memo[key] = frozenset(name.lower() for what in said for name in re.findall(r"[\w.-]+\.ps1", what, re.IGNORECASE))
    return cast("Collection[str]", files.memo[key])


def place_for_preference(part: ScriptPart) -> int | None:
    """The offset of a PowerShell script at which a first statement may stand; None where that is not sure."""
    root = tree(part.text, "powershell")
    named = any(command.name.lower() in _BLOCKS for command in part.script.commands)
    kinds = [child.type for child in root.children if child.type != "comment"]
    if root.has_error or named or kinds not in (["statement_list"], ["param_block", "statement_list"]):
        return None
    block = next((child for child in root.children if child.type == "param_block"), None)
    first = next(child for child in root.children if child.type == "statement_list")
    offsets = ByteOffsets(part.text, part.text.encode("utf-8", "surrogatepass"))
    if block is None:
        start = offsets.span(first.start_byte, first.end_byte).start
        return start if not part.text[part.text.rfind("\n", 0, start) + 1 : start].strip("\ufeff") else None
    end = offsets.span(block.start_byte, block.end_byte).end
    line = re.compile(r"[ \t]*\r?\n").match(part.text, end)
    return line.end() if line is not None else None


def preference_statement(part: ScriptPart) -> Span | None:
    """The one line of a PowerShell script, outside of every block, that sets `$ErrorActionPreference` to `Stop`."""
    root = tree(part.text, "powershell")
    offsets = ByteOffsets(part.text, part.text.encode("utf-8", "surrogatepass"))
    for node in (each for child in root.children if child.type == "statement_list" for each in child.children):
        span = offsets.span(node.start_byte, node.end_byte)
        line = re.compile(r"\$ErrorActionPreference\s*=\s*(['\"]?)Stop\1[ \t]*\r?\n", re.IGNORECASE).match(
            part.text, span.start
        )
        if line is not None and not root.has_error:
            return Span(span.start, line.end())
    return None
