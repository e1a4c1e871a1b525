"""Findings that a comment in the file says are meant to be so."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from trimtab.fleet import Tree, Unreadable
from trimtab.rules import Finding, Rule
from trimtab.syntax.dockerfile import Dockerfile, LineKind

_OWN = re.compile(r"#\s*trimtab:\s*ignore(?P<file>-file)?\[(?P<rules>[\w\s,-]+)\]", re.IGNORECASE)
_HADOLINT = re.compile(r"#\s*hadolint\s+(?P<file>global\s+)?ignore\s*=\s*(?P<rules>[\w\s,-]+?)\s*(?:#|$)", re.IGNORECASE)
_CHECK = re.compile(r"(?:^|;)\s*skip\s*=\s*(?P<rules>[\w\s,-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Mark:
    line: int
    everywhere: bool
    names: frozenset[str]


@dataclass(frozen=True)
class Suppressions:
    """What a file's comments silence: by line, and everywhere."""

    by_line: Mapping[int, frozenset[str]]
    everywhere: frozenset[str]

    def silences(self, finding: Finding, rule: Rule, line: int) -> bool:
        """Whether a finding whose subject begins at `line` is named there, by its code, name or an alias."""
        names = {*rule.names, "all"} if "all" in self.everywhere else set(rule.names)
        return bool(names & (self.everywhere | self.by_line.get(line, frozenset())))


def split(
    findings: Iterable[Finding], rules: Sequence[Rule], files: Mapping[str, Dockerfile], tree: Tree
) -> tuple[list[Finding], list[Finding]]:
    """Findings to report, and those that a comment suppresses: `ignore[CODE]` above them, `ignore-file` anywhere."""
    by_code = {rule.code: rule for rule in rules}
    read: dict[str, Suppressions] = {}
    kept, silenced = list[Finding](), list[Finding]()
    for finding in findings:
        file = files.get(finding.path)
        if finding.path not in read:
            read[finding.path] = of_dockerfile(file) if file else _of_text(tree, finding.path)
        line = _start_line(file, finding.line) if file else finding.line
        target = silenced if read[finding.path].silences(finding, by_code[finding.rule], line) else kept
        target.append(finding)
    return kept, silenced


def of_dockerfile(file: Dockerfile) -> Suppressions:
    """The suppressions of a Dockerfile, in our words, hadolint's, and BuildKit's `# check=skip=…`."""
    comments = [line for line in file.lines if line.kind == LineKind.COMMENT]
    marks = [mark for line in comments for mark in _marks(line.number, line.text)]
    check = _CHECK.search(file.directives.get("check", ""))
    everywhere = _names(check["rules"]) if check else frozenset[str]()
    return _collected(marks, everywhere, lambda line: _applies_to(file, line))


def _of_text(tree: Tree, path: str) -> Suppressions:
    """The suppressions of a YAML or ignore file: a comment speaks for its own line, or for the next that is none."""
    source = tree.read(path)
    lines = [] if isinstance(source, Unreadable) else source.text.splitlines()
    marks = [mark for number, line in enumerate(lines, start=1) if "#" in line for mark in _marks(number, line)]

    def target(number: int) -> int:
        while number <= len(lines) and lines[number - 1].lstrip().startswith("#"):
            number += 1
        return number

    return _collected(marks, frozenset(), target)


def _marks(number: int, text: str) -> Iterator[_Mark]:
    for pattern in (_OWN, _HADOLINT):
        match = pattern.search(text)
        if match:
            yield _Mark(number, bool(match["file"]), _names(match["rules"]))


def _collected(marks: Iterable[_Mark], everywhere: frozenset[str], target: Callable[[int], int]) -> Suppressions:
    by_line: dict[int, frozenset[str]] = {}
    for mark in marks:
        if mark.everywhere:
            everywhere |= mark.names
        else:
            line = target(mark.line)
            by_line[line] = by_line.get(line, frozenset()) | mark.names
    return Suppressions(by_line, everywhere)


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in text.split(","))


def _applies_to(file: Dockerfile, line: int) -> int:
    """The first line of the instruction that a comment stands in or above."""
    starts = (instruction.start_line for instruction in file.instructions if instruction.end_line >= line)
    return next(starts, 0)


def _start_line(file: Dockerfile, line: int) -> int:
    inside = (i.start_line for i in file.instructions if i.start_line <= line <= i.end_line)
    return next(inside, line)
