"""What a script is there for, and what it lets its user say."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import tree_sitter_bash
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from trimtab.fleet.scripts import EngineCall, ScriptPart

Job = Literal["build", "deploy", "rollback"]

_BASH = Language(tree_sitter_bash.language())
_POWERSHELL = Language(tree_sitter_powershell.language())
_ARGUMENT = re.compile(r"""["']?\$\{?(?:1\b|\w*(?:arg|opt|flag|key|cmd|command|action|param|mode)\w*)""", re.IGNORECASE)
_COMPARED = re.compile(r"""\[\s+["']?\$\{?1(?::?-[^}"]*)?\}?["']?\s+==?\s+["']?(?P<word>--?\w[\w-]*|[a-z]\w[\w-]*)["']?\s+\]""")
_WORD = re.compile(r"--?[A-Za-z0-9][\w-]*|[A-Za-z][\w-]*")


@dataclass(frozen=True, slots=True)
class Interface:
    """What a script lets its user say, in the words of its text; `-h`, `--help` and `help` among them."""

    flags: tuple[str, ...] = ()
    """With their dashes, without values: `--skip-tests`, `-SkipTests`."""
    commands: tuple[str, ...] = ()
    """Words without a dash: `status`, `logs`."""


def deployment(part: ScriptPart) -> EngineCall | None:
    """The first `up` of a script that is there to deploy, by its name; None for blocks of CI files."""
    if part.offset is None or not re.search(r"deploy|release|rollout|go-?live", _name(part)):
        return None
    return next((call for call in part.calls if _starts(call)), None)


def job_of(part: ScriptPart) -> Job | None:
    """What a script is there for, by its name and its calls of the engine; None for anything else, and for blocks of CI files.

    One that is named after building and starts what it has built deploys.
    """
    name = _name(part)
    if part.offset is None or re.search(r"test|lint|check|verify|validate", name):
        return None
    if re.search(r"roll[-_]?back|revert", name):
        return "rollback" if part.calls else None
    if deployment(part) is not None:
        return "deploy"
    if "build" in name and any(call.verb == "build" for call in part.calls):
        return "deploy" if any(_starts(call) for call in part.calls) else "build"
    return None


def _name(part: ScriptPart) -> str:
    return posixpath.basename(part.path).lower()


def _starts(call: EngineCall) -> bool:
    return call.is_compose and call.verb == "up"


def interface_of(part: ScriptPart) -> Interface:
    """The flags and commands that a script's text looks for among its arguments; what it takes in another way is not seen."""
    words = _powershell_words(part.text) if part.shell == "powershell" else _bash_words(part.text)
    found = tuple(dict.fromkeys(word for word in words if _WORD.fullmatch(word)))
    return Interface(
        tuple(word for word in found if word.startswith("-")), tuple(word for word in found if not word.startswith("-"))
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _bash_words(text: str) -> Iterator[str]:
    root = Parser(_BASH).parse(text.encode("utf-8", "surrogatepass")).root_node
    nodes = list(_walk(root))
    # A function has arguments of its own, unless it is handed the script's.
    given = {_text(node.children[0]) for node in nodes if node.type == "command" and re.search(r'"?\$[@*]', _text(node))}
    for node in nodes:
        if not _is_about_the_script(node, given):
            continue
        if node.type == "case_statement" and _ARGUMENT.match(_subject(node)):
            yield from _patterns(node)
        elif node.type == "command" and _text(node).startswith("getopts "):
            letters = re.sub(r"[\"':]", "", _text(node).split()[1])
            yield from (f"-{letter}" for letter in letters)
        elif node.type == "test_command":
            yield from (match["word"] for match in _COMPARED.finditer(_text(node)))


def _is_about_the_script(node: Node, given: set[str]) -> bool:
    parent = node.parent
    while parent is not None and parent.type != "function_definition":
        parent = parent.parent
    name = parent.child_by_field_name("name") if parent is not None else None
    return name is None or _text(name) in given


def _subject(node: Node) -> str:
    value = node.child_by_field_name("value")
    return _text(value) if value is not None else ""


def _patterns(node: Node) -> Iterator[str]:
    """The words of a `case`; `--file=*` is `--file`."""
    for item in (child for child in node.children if child.type == "case_item"):
        for value in item.children_by_field_name("value"):
            for part in _text(value).split("|"):
                yield part.strip().replace('"', "").replace("'", "").removesuffix("=*")


def _powershell_words(text: str) -> Iterator[str]:
    root = Parser(_POWERSHELL).parse(text.encode("utf-8", "surrogatepass")).root_node
    block = next((child for child in root.children if child.type == "param_block"), None)
    for parameter in (node for node in _walk(block) if node.type == "script_parameter") if block is not None else ():
        attributes = " ".join(_text(child) for child in parameter.children if child.type == "attribute_list")
        chosen = re.search(r"(?i)ValidateSet\s*\((?P<words>[^)]*)\)", attributes)
        if chosen and re.search(r"(?i)Position\s*=\s*0", attributes):
            yield from re.findall(r"[\w-]+", chosen["words"])
            continue
        yield from (f"-{_text(child).removeprefix('$')}" for child in parameter.children if child.type == "variable")
