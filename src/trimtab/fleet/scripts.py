"""The scripts around a fleet: shell and PowerShell files, and the `run:` blocks of CI."""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from tree_sitter import Node

from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.stand_ins import OLD_PROGRAM, PROGRAMS, expanded, program, stand_ins
from trimtab.fleet.tree import Tree, Unreadable, own_files
from trimtab.syntax.shell import Command, Script, parse_powershell, parse_shell
from trimtab.syntax.shell.commands import ByteOffsets
from trimtab.syntax.shell.nodes import tree, walk
from trimtab.syntax.yaml import Node as YamlNode
from trimtab.syntax.yaml import Path, YamlDocument, YamlProblem
from trimtab.text import Source, Span

_LARGEST = 300_000
_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?|\S*/)(?P<shell>bash|sh|dash|ash|zsh|ksh|pwsh)\b")
_ENGINE = re.compile(r"\b(?:docker|docker-compose|podman|nerdctl)\b")
_CI = re.compile(r"^\.github/workflows/[^/]+\.ya?ml$|^\.gitlab-ci\.ya?ml$|^\.github/actions/[^/]+/action\.ya?ml$")


@dataclass(frozen=True)
class ScriptPart:
    """One text that a shell runs: a file, or a block of a CI file."""

    path: str
    shell: str
    """`bash`, `sh` or `powershell`."""
    text: str
    line: int
    """The file's line that the text begins at, counted from 1."""
    offset: int | None
    """The file's offset that the text begins at; None where its lines stand indented in another file."""
    job: str = ""
    """Of a block of a CI file, the job that it is part of, or the action."""
    around: str = ""
    """Of a block of a CI file, all of that file's text."""

    @property
    def is_block(self) -> bool:
        """Whether it is a block of a CI file."""
        return self.offset is None

    @property
    def name(self) -> str:
        """What says what it is there for, in lower case: the file's name, or the job's."""
        return (self.job if self.is_block else posixpath.basename(self.path)).lower()

    @property
    def whole(self) -> str:
        """Where else than in its own lines something may stand that is done about it."""
        return self.around if self.is_block else self.text

    @cached_property
    def script(self) -> Script:
        return parse_powershell(self.text) if self.shell == "powershell" else parse_shell(self.text)

    def line_of(self, offset: int) -> int:
        """The file's line of an offset in the text."""
        return self.line + self.text.count("\n", 0, offset)

    def in_file(self, span: Span) -> Span | None:
        """A span of the text as one of the file; None where nothing is to be edited."""
        if self.offset is None or self.script.broken:
            return None
        return Span(span.start + self.offset, span.end + self.offset)

    @cached_property
    def calls(self) -> tuple["EngineCall", ...]:
        """Its calls of the engine, those by a variable or function of its own that stands for it among them."""
        names = stand_ins(self.text)
        return tuple(call for command in self.script.commands if (call := read_call(command, names)) is not None)

    @cached_property
    def arithmetic(self) -> Mapping[int, bool]:
        """By offset, each `((…))` that is a command, and whether nothing looks at its status; empty for PowerShell."""
        return {} if self.shell == "powershell" else dict(_arithmetic(self.text))

    @property
    def strict(self) -> bool:
        """Whether it ends when a command fails."""
        if self.is_block:
            # CI runs its blocks so (GitHub: `bash -e {0}` and `$ErrorActionPreference = 'stop'`; GitLab: at the first failure).
            return True
        if self.shell == "powershell":
            return bool(re.search(r"(?im)^\s*\$ErrorActionPreference\s*=\s*['\"]?Stop", self.text))
        first = self.text.partition("\n")[0]
        if re.match(r"#!.*\s-\w*e", first):
            return True
        words = [word for command in self.script.commands if command.name == "set" for word in command.words[1:]]
        return any(re.fullmatch(r"-[a-z]*e[a-z]*", word) or word == "errexit" for word in words)

    def value(self, word: str) -> str:
        """A word with the variables put in that the text gives one literal value."""

        def literal(match: "re.Match[str]") -> str:
            found = set(_assigned(self.text, match["name"]))
            return found.pop() if len(found) == 1 else match[0]

        return re.sub(r"\$\{?(?P<name>\w+)\}?", literal, word)

    def places(self, file: str) -> tuple[str, ...]:
        """Where a file that the text names may lie: at the fleet's root, as which a variable before it counts, or beside it."""
        name = posixpath.normpath(re.sub(r"^\$\{?\w+\}?/", "", self.value(file)).removeprefix("./"))
        return name, posixpath.normpath(posixpath.join(posixpath.dirname(self.path), name))


@dataclass(frozen=True)
class EngineCall:
    """One call of docker or compose."""

    command: Command
    verb: str
    """`up`, `build`, `compose build` is `build`, too; `is_compose` tells them apart."""
    is_compose: bool
    is_old: bool
    """Whether the old `docker-compose` is called."""
    files: tuple[str, ...]
    """What `-f` names, as written."""
    options: tuple[str, ...]
    """The words behind the verb that begin with a dash."""
    operands: tuple[str, ...]
    """The words behind the verb that are no options or their values."""
    words: tuple[str, ...]
    """All of them, with what a variable or function stands for in its place; those of `command` are as they stand."""

    def has(self, *names: str) -> bool:
        return any(option.partition("=")[0] in names for option in self.options)


_GLOBAL_WITH_VALUE = frozenset(
    ["-f", "--file", "-p", "--project-name", "--env-file", "--profile", "--project-directory", "--context", "-H", "--host"]
    + ["-c", "--config", "-l", "--log-level", "--progress", "--ansi", "--parallel"]
)
_WITH_VALUE = frozenset(
    ["-t", "--tag", "--timeout", "--scale", "--wait-timeout", "--tail", "-n", "--format", "--filter", "--build-arg", "--target"]
    + [
        "-e",
        "--env",
        "-v",
        "--volume",
        "-u",
        "--user",
        "-w",
        "--workdir",
        "--name",
        "--network",
        "--platform",
        "--pull",
        "--memory",
    ]
    + ["--exit-code-from", "--attach", "--no-attach", "--entrypoint", "-p", "--publish", "--index", "-s", "--signal", "--since"]
)


_GROUPS = frozenset({"buildx", "image", "builder"})
"""What `docker build` is called below, too."""
_REDIRECTION = re.compile(r"\d?>|\*>")


def _assigned(text: str, name: str) -> list[str]:
    """The literal values that a text gives a variable, in bash's way or PowerShell's."""
    name = rf"(?m)^\s*(?:(?:export|local|readonly)\s+)?\$?{re.escape(name)}\s*=\s*"
    pattern = name + r"(?P<quote>[\"']?)(?P<value>[^\"'$`\n;#]*)(?P=quote)"
    return [match["value"].strip() for match in re.finditer(pattern, text)]


def read_call(command: Command, names: Mapping[str, tuple[str, ...]] = MappingProxyType({})) -> EngineCall | None:
    """A command as a call of the engine; None for any other, and for one without a verb. `names` is what stands for it."""
    words = list(expanded([word for word in command.words if word not in {"sudo", "&"}], names))
    if not words:
        return None
    name = program(words[0])
    old = name == OLD_PROGRAM
    if not old and name not in PROGRAMS:
        return None
    rest = words[1:]
    compose = old
    files: list[str] = []
    while rest and (rest[0].startswith("-") or (rest[0] == "compose" and not compose)):
        word = rest.pop(0)
        if word == "compose":
            compose = True
        elif word in _GLOBAL_WITH_VALUE and rest:
            value = rest.pop(0)
            files += [value] if word in {"-f", "--file"} and compose else []
        elif compose and word.startswith(("--file=", "-f=")):
            files.append(word.partition("=")[2])
    if not compose and rest[:1] and rest[0] in _GROUPS and rest[1:2] == ["build"]:
        rest.pop(0)
    if not rest:
        return None
    options, operands = _split(rest[1:])
    return EngineCall(command, rest[0], compose, old, tuple(files), options, operands, tuple(words))


def _split(words: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    options: list[str] = []
    operands: list[str] = []
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif _REDIRECTION.match(word):
            continue
        elif word == "--":
            operands += words[index + 1 :]
            break
        elif word.startswith("-"):
            options.append(word)
            skip = word in _WITH_VALUE
        else:
            operands.append(word)
    return tuple(options), tuple(operands)


_BODY_BEHIND = {
    "program": "",
    "do_group": "do",
    "else_clause": "else",
    "if_statement": "then",
    "elif_clause": "then",
    "case_item": ")",
    "compound_statement": "{",
}
"""What holds statements, and the word behind which they stand: what comes before it is a condition or a pattern."""
_HANDED_ON = frozenset(["for_statement", "c_style_for_statement", "while_statement", "case_statement", "redirected_statement"])
"""What holds no statements itself, and ends with the status of the last one in it."""
_READ = re.compile(r"\$\?|\$\{\?|PIPESTATUS|^\s*(?:return|exit)\s*$")


def _arithmetic(text: str) -> Iterator[tuple[int, bool]]:
    data = text.encode("utf-8", "surrogatepass")
    offsets = ByteOffsets(text, data)
    for node in walk(tree(text)):
        if node.type == "compound_statement" and node.children[0].type == "((":
            yield offsets.span(node.start_byte, node.end_byte).start, _is_unread(node)


def _is_unread(node: Node) -> bool:
    """Whether a statement's status decides nothing: no condition, no `&&`, no function's result, no `$?`."""
    parent = node.parent
    if parent is None or parent.type == "function_definition":
        return parent is None
    if parent.type in _HANDED_ON:
        # A loop's condition is asked again behind the last statement of its body.
        condition = node.type == "do_group" and _reads_status(parent)
        return (parent.type != "while_statement" or node.type == "do_group") and not condition and _is_unread(parent)
    if parent.type == "list" and parent.children[-1] == node and parent.children[-2].type == "||":
        # What stands before it does not run after it.
        return _is_unread(parent)
    begin = _BODY_BEHIND.get(parent.type)
    before = [each.type for each in parent.children if each.end_byte <= node.start_byte]
    if begin is None or (begin and begin not in before):
        return False
    behind = [each for each in parent.children if each.start_byte >= node.end_byte and each.is_named and each.type != "comment"]
    # `elif` and `else` stand behind the statements of the branch before them, and are not run after it.
    following = [each for each in behind if each.type not in {"elif_clause", "else_clause"}]
    return not _reads_status(following[0]) if following else _is_unread(parent)


def _reads_status(node: Node) -> bool:
    return bool(_READ.search((node.text or b"").decode("utf-8", "replace")))


def find_scripts(tree: Tree) -> Iterator[ScriptPart]:
    """Every script of a tree that calls the engine, and every such block of its CI files."""
    for name, entry in own_files(tree):
        path = entry.path
        if entry.kind != "file" or entry.size > _LARGEST:
            continue
        if _CI.match(path):
            yield from _ci_blocks(tree, path)
        elif path.endswith((".sh", ".bash", ".ps1")) or "." not in name:
            part = _file(tree, path, entry.mode)
            if part is not None:
                yield part


def _file(tree: Tree, path: str, mode: int) -> ScriptPart | None:
    named = path.endswith((".sh", ".bash", ".ps1"))
    if not named and not mode & 0o111:
        return None
    source = tree.read(path)
    if isinstance(source, Unreadable) or not _ENGINE.search(source.text):
        return None
    shell = _shell(source, path)
    return ScriptPart(path, shell, source.text, 1, 0) if shell else None


def _shell(source: Source, path: str) -> str | None:
    if path.endswith(".ps1"):
        return "powershell"
    match = _SHEBANG.match(source.text.removeprefix("\ufeff"))
    if match is None:
        return "bash" if path.endswith((".sh", ".bash")) else None
    return {"pwsh": "powershell", "bash": "bash", "zsh": "bash", "ksh": "bash"}.get(match["shell"], "sh")


def _ci_blocks(tree: Tree, path: str) -> Iterator[ScriptPart]:
    documents, source = read_documents(tree, path), tree.read(path)
    if isinstance(documents, Unreadable | YamlProblem) or isinstance(source, Unreadable):
        return
    blocks = _github_blocks if path.startswith(".github/") else _gitlab_blocks
    for document in documents:
        for job, shell, first, text in blocks(document):
            if _ENGINE.search(text):
                named = job or posixpath.basename(posixpath.dirname(path))
                yield ScriptPart(path, shell, text, first, None, named, source.text)


def _github_blocks(document: YamlDocument) -> Iterator[tuple[str, str, int, str]]:
    for place, node in document.nodes.items():
        if len(place) < 2 or place[-1] != "run" or node.kind != "scalar":
            continue
        shell = _step_shell(document, place)
        if shell is not None:
            yield str(place[1]) if place[0] == "jobs" else "", shell, _first_line(node), node.value


_SHELLS = {"bash": "bash", "sh": "sh", "pwsh": "powershell", "powershell": "powershell"}


def _step_shell(document: YamlDocument, place: Path) -> str | None:
    """What a step's `run` is written for: by its own word, its job's or workflow's, or the runner's; None for neither shell."""
    job = place[:2] if place[0] == "jobs" else ()
    asked = [(*place[:-1], "shell"), (*job, "defaults", "run", "shell"), ("defaults", "run", "shell")]
    words = [document.nodes[each].value.split() for each in asked if each in document.nodes]
    if words:
        return _SHELLS.get("".join(words[0][:1]))
    runner = document.nodes.get((*job, "runs-on"))
    return "powershell" if runner is not None and runner.value.startswith("windows") else "bash"


def _gitlab_blocks(document: YamlDocument) -> Iterator[tuple[str, str, int, str]]:
    """The commands of each list as one text, since one shell runs them, each on its own line of the file."""
    lists: dict[Path, list[YamlNode]] = {}
    for place, node in document.nodes.items():
        ends = [index + 1 for index, part in enumerate(place) if part in {"script", "before_script", "after_script"}]
        if ends and node.kind == "scalar":
            lists.setdefault(place[: ends[-1]], []).append(node)
    for (job, *_), nodes in lists.items():
        yield str(job), "bash", _first_line(nodes[0]), _on_their_lines(nodes)


def _on_their_lines(nodes: Sequence[YamlNode]) -> str:
    text, first = "", _first_line(nodes[0])
    for node in nodes:
        missing = _first_line(node) - first - text.count("\n")
        text += "\n" * max(missing, 1 if text and not text.endswith("\n") else 0) + node.value
    return text


def _first_line(node: YamlNode) -> int:
    return node.line + (1 if node.style in {"|", ">"} else 0)
