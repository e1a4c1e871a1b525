"""One review: all rules over all files."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.fleet import Facts, Fleet, FleetFile, facts_for
from trimtab.review.score import Score, mean_score, score_findings
from trimtab.rules import DockerfileRule, Finding, FleetRule, Rule, all_rules
from trimtab.syntax.dockerfile import Dockerfile, LineKind

_SUPPRESSION = re.compile(r"#\s*trimtab:\s*ignore(?P<file>-file)?\[(?P<rules>[\w\s,-]+)\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReviewError:
    """A file that could not be checked at all."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class RuleCrash:
    """A rule that failed on a file: our bug, reported while everything else goes on."""

    rule: str
    path: str
    error: Exception


@dataclass(frozen=True)
class Review:
    """What a review found. Findings are in order of path, line, column and rule."""

    fleet: Fleet
    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    errors: tuple[ReviewError, ...]
    crashes: tuple[RuleCrash, ...]
    file_scores: Mapping[str, Score]
    service_scores: Mapping[str, Score]
    score: Score

    def of_file(self, path: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.path == path]


def review(fleet: Fleet, rules: Sequence[Rule] | None = None) -> Review:
    """Run rules (all when None) over a fleet. A rule that raises is recorded and the others still run."""
    chosen = all_rules() if rules is None else rules
    findings: list[Finding] = []
    suppressed: list[Finding] = []
    crashes: list[RuleCrash] = []
    for file in fleet.files:
        kept, silenced, failed = review_file(file, chosen)
        findings.extend(kept)
        suppressed.extend(silenced)
        crashes.extend(failed)
    for rule in chosen:
        if isinstance(rule, FleetRule):
            try:
                findings.extend(rule.check(fleet))
            except Exception as error:  # noqa: BLE001  one rule's bug must not hide the others' findings
                crashes.append(RuleCrash(rule.code, ".", error))
    findings = sorted(set(findings), key=lambda finding: finding.sort_key)
    file_scores = _file_scores(fleet, findings)
    return Review(
        fleet, tuple(findings), tuple(suppressed), _errors(fleet), tuple(crashes), file_scores,
        _service_scores(fleet, findings), mean_score(file_scores.values()),
    )  # fmt: skip


def review_file(
    file: FleetFile, rules: Iterable[Rule], facts: Facts | None = None
) -> tuple[list[Finding], list[Finding], list[RuleCrash]]:
    """The findings of one Dockerfile, those that a comment suppresses, and rules that failed on it."""
    facts = facts or facts_for(file)
    findings: list[Finding] = []
    crashes: list[RuleCrash] = []
    for rule in rules:
        if not isinstance(rule, DockerfileRule):
            continue
        try:
            findings.extend(rule.check(file.dockerfile, facts))
        except Exception as error:  # noqa: BLE001  one rule's bug must not hide the others' findings
            crashes.append(RuleCrash(rule.code, file.path, error))
    silenced = _suppressed(file.dockerfile, findings)
    kept = [finding for finding in findings if finding not in silenced]
    return sorted(set(kept), key=lambda finding: finding.sort_key), silenced, crashes


def _suppressed(file: Dockerfile, findings: Iterable[Finding]) -> list[Finding]:
    """Findings named by `# trimtab: ignore[CODE] reason` above their instruction, or `ignore-file` anywhere."""
    marks = [
        (line, match) for line in file.lines if line.kind == LineKind.COMMENT and (match := _SUPPRESSION.search(line.text))
    ]
    if not marks:
        return []
    everywhere = {name for _, match in marks if match["file"] for name in _names(match["rules"])}
    by_line: dict[int, set[str]] = {}
    for line, match in marks:
        by_line.setdefault(_applies_to(file, line.number), set()).update(_names(match["rules"]))
    return [
        finding
        for finding in findings
        if {finding.rule.lower(), finding.name} & (everywhere | by_line.get(_start_line(file, finding.line), set()))
    ]


def _names(text: str) -> list[str]:
    return [name.strip().lower() for name in text.split(",")]


def _applies_to(file: Dockerfile, line: int) -> int:
    """The first line of the instruction that a comment stands in or above."""
    starts = (instruction.start_line for instruction in file.instructions if instruction.end_line >= line)
    return next(starts, 0)


def _start_line(file: Dockerfile, line: int) -> int:
    inside = (i.start_line for i in file.instructions if i.start_line <= line <= i.end_line)
    return next(inside, line)


def _errors(fleet: Fleet) -> tuple[ReviewError, ...]:
    return tuple(ReviewError(each.path, each.message) for each in fleet.problems if each.kind == "unreadable")


def _file_scores(fleet: Fleet, findings: Sequence[Finding]) -> dict[str, Score]:
    compose = dict.fromkeys(fleet.compose_files)
    paths = dict.fromkeys([*(file.path for file in fleet.files), *compose, *(finding.path for finding in findings)])
    return {path: score_findings(f for f in findings if f.path == path) for path in sorted(paths)}


def _service_scores(fleet: Fleet, findings: Sequence[Finding]) -> dict[str, Score]:
    names = dict.fromkeys(service.name for service in fleet.services)
    return {name: score_findings(f for f in findings if name in f.services) for name in names}
