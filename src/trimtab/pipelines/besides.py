"""Workflows that a repository has besides: which of their jobs do what a generated pipeline does, too."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from trimtab.fleet import Tree, Unreadable
from trimtab.fleet.compose.documents import read_documents
from trimtab.fleet.plain import items, mapping, text
from trimtab.fleet.scripts import EngineCall, read_call
from trimtab.syntax.shell import Command, parse_shell
from trimtab.syntax.yaml import YamlProblem

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_PINNED = re.compile(r"[^@]+@[0-9a-f]{40}|\./.*|docker://.*@sha256:[0-9a-f]{64}")
_ACTIONS: Mapping[str, str] = {
    "docker/build-push-action": "builds images", "docker/bake-action": "builds images",
    "aquasecurity/trivy-action": "scans", "anchore/scan-action": "scans", "hadolint/hadolint-action": "reviews Dockerfiles",
}  # fmt: skip
_PROGRAMS: Mapping[str, str] = {
    "pytest": "runs tests", "vitest": "runs tests", "jest": "runs tests", "trivy": "scans", "grype": "scans",
    "osv-scanner": "scans", "hadolint": "reviews Dockerfiles",
}  # fmt: skip
_VERBS: Mapping[str, str] = {
    "build": "builds images",
    "bake": "builds images",
    "up": "starts containers",
    "push": "pushes images",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """One job of another workflow."""

    path: str
    job: str
    line: int
    does: tuple[str, ...]
    """`builds images`, `runs tests`, …, each once."""
    unpinned: int
    """Its actions that are not pinned to a commit."""


def besides(tree: Tree, own: str) -> tuple[Beside, ...]:
    """The jobs of all workflows but our own that do something of what ours does, in the order of their files."""
    paths = [path for path, entry in tree.entries.items() if entry.kind == "file" and _WORKFLOW.fullmatch(path) and path != own]
    return tuple(found for path in paths for found in _of_file(tree, path))


def _of_file(tree: Tree, path: str) -> Iterator[Beside]:
    documents = read_documents(tree, path)
    for document in () if isinstance(documents, Unreadable | YamlProblem) else documents:
        for name, job in mapping(mapping(document.data).get("jobs")).items():
            steps = [mapping(step) for step in items(mapping(job).get("steps"))]
            uses = [used for step in steps if (used := text(step.get("uses")))]
            does = [what for used in uses if (what := _ACTIONS.get(used.partition("@")[0]))]
            does += [what for step in steps for what in _script(text(step.get("run")) or "")]
            unpinned = sum(_PINNED.fullmatch(used) is None for used in uses)
            if does:
                yield Beside(path, name, document.line("jobs", name), tuple(dict.fromkeys(does)), unpinned)


def _script(script: str) -> Iterator[str]:
    # An expression is a word of its own, whatever it stands for.
    for command in parse_shell(re.sub(r"\$\{\{.*?\}\}", "x", script, flags=re.DOTALL)).commands:
        call = read_call(command)
        what = _program(command) if call is None else _VERBS.get(_verb(call))
        if what:
            yield what


def _verb(call: EngineCall) -> str:
    return next(iter(call.operands), "") if call.verb == "buildx" else call.verb


def _program(command: Command) -> str | None:
    words = [word for word in command.words if not word.startswith("-")]
    if words[:1] in (["python"], ["python3"], ["npx"], ["uv"], ["poetry"]):
        words = words[2 if words[1:2] == ["run"] else 1 :]
    if words[:1] in (["npm"], ["yarn"], ["pnpm"]) and any(word.startswith("test") for word in words[1:3]):
        return "runs tests"
    if words[:2] == ["playwright", "test"]:
        return "runs tests"
    return _PROGRAMS.get(words[0]) if words else None
