"""What a script is there for, and what it lets its user say."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tree_sitter import Node

from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.syntax.shell.nodes import text_of, tree, walk

Job = Literal["build", "deploy", "rollback"]

_ARGUMENT = re.compile(r"""["']?\$\{?(?:1\b|\w*(?:arg|opt|flag|key|cmd|command|action|param|mode)\w*)""", re.IGNORECASE)
_COMPARED = re.compile(r"""\[\s+["']?\$\{?1(?::?-[^}"]*)?\}?["']?\s+==?\s+["']?(?P<word>--?\w[\w-]*|[a-z]\w[\w-]*)["']?\s+\]""")
_TRIES_OUT = re.compile(r"test|lint|check|verify|validate")
_WORD = re.compile(r"--?[A-Za-z0-9][\w-]*|[A-Za-z][\w-]*")


@dataclass(frozen=True, slots=True)
class Interface:
    """What a script lets its user say, in the words of its text; `-h`, `--help` and `help` among them."""

    flags: tuple[str, ...] = ()
    """With their dashes, without values: `--skip-tests`, `-SkipTests`."""
    commands: tuple[str, ...] = ()
    """Words without a dash: `status`, `logs`."""


def deployment(part: ScriptPart) -> EngineCall | None:
    """The first `up` of a script, or of a job of a CI file, that is there to deploy, by its name."""
    if not re.search(r"deploy|release|rollout|go-?live", part.name) or (part.is_block and _TRIES_OUT.search(part.name)):
        return None
    return next((call for call in part.calls if _starts(call)), None)


def job_of(part: ScriptPart) -> Job | None:
    """What a script is there for, by its name and its calls of the engine; None for anything else, and for blocks of CI files.

    One that is named after building and starts what it has built deploys.
    """
    name = part.name
    if part.is_block or _TRIES_OUT.search(name):
        return None
    if re.search(r"roll[-_]?back|revert", name):
        return "rollback" if part.calls else None
    if deployment(part) is not None:
        return "deploy"
    if "build" in name and any(call.verb == "build" for call in part.calls):
        return "deploy" if any(_starts(call) for call in part.calls) else "build"
    return None


def _starts(call: EngineCall) -> bool:
    return call.is_compose and call.verb == "up"


def interface_of(part: ScriptPart) -> Interface:
    """The flags and commands that a script's text looks for among its arguments; what it takes in another way is not seen."""
    words = _powershell_words(part.text) if part.shell == "powershell" else _bash_words(part.text)
    found = tuple(dict.fromkeys(word for word in words if _WORD.fullmatch(word)))
    return Interface(
        tuple(word for word in found if word.startswith("-")), tuple(word for word in found if not word.startswith("-"))
    )


def _bash_words(text: str) -> Iterator[str]:
    root = tree(text)
    nodes = list(walk(root))
    # A function has arguments of its own, unless it is handed the script's.
    given = {text_of(node.children[0]) for node in nodes if node.type == "command" and re.search(r'"?\$[@*]', text_of(node))}
    for node in nodes:
        if not _is_about_the_script(node, given):
            continue
        if node.type == "case_statement" and _ARGUMENT.match(_subject(node)):
            yield from _patterns(node)
        elif node.type == "command" and text_of(node).startswith("getopts "):
            letters = re.sub(r"[\"':]", "", text_of(node).split()[1])
            yield from (f"-{letter}" for letter in letters)
        elif node.type == "test_command":
            yield from (match["word"] for match in _COMPARED.finditer(text_of(node)))


def _is_about_the_script(node: Node, given: set[str]) -> bool:
    parent = node.parent
    while parent is not None and parent.type != "function_definition":
        parent = parent.parent
    name = parent.child_by_field_name("name") if parent is not None else None
    return name is None or text_of(name) in given


def _subject(node: Node) -> str:
    value = node.child_by_field_name("value")
    return text_of(value) if value is not None else ""


def _patterns(node: Node) -> Iterator[str]:
    """The words of a `case`; `--file=*` is `--file`."""
    for item in (child for child in node.children if child.type == "case_item"):
        for value in item.children_by_field_name("value"):
            for part in text_of(value).split("|"):
                yield part.strip().replace('"', "").replace("'", "").removesuffix("=*")


def _powershell_words(text: str) -> Iterator[str]:
    root = tree(text, "powershell")
    block = next((child for child in root.children if child.type == "param_block"), None)
    for parameter in (node for node in walk(block) if node.type == "script_parameter") if block is not None else ():
        attributes = " ".join(text_of(child) for child in parameter.children if child.type == "attribute_list")
        chosen = re.search(r"(?i)ValidateSet\s*\((?P<words>[^)]*)\)", attributes)
        if chosen and re.search(r"(?i)Position\s*=\s*0", attributes):
            yield from re.findall(r"[\w-]+", chosen["words"])
            continue
        yield from (f"-{text_of(child).removeprefix('$')}" for child in parameter.children if child.type == "variable")
