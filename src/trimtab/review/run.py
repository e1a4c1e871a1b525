"""One review: all rules over all files."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from trimtab.fleet import Facts, Fleet, facts_for
from trimtab.fleet.told_apart import about, told_apart
from trimtab.review.adjust import adjusted
from trimtab.review.score import Score, mean_score, score_findings
from trimtab.review.suppress import split
from trimtab.rules import DockerfileRule, Finding, FleetRule, Rule, default_rules
from trimtab.syntax.dockerfile import Dockerfile


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
    """By the names that tell services of several projects apart: `shop/api` where another one has an `api`, too."""
    score: Score

    @cached_property
    def _by_path(self) -> Mapping[str, Sequence[Finding]]:
        return _grouped((finding.path, finding) for finding in self.findings)

    def of_file(self, path: str) -> list[Finding]:
        return list(self._by_path.get(path, ()))


def review(fleet: Fleet, rules: Sequence[Rule] | None = None) -> Review:
    """Run rules (the default ones when None) over a fleet. A rule that raises is recorded and the others still run."""
    chosen = default_rules() if rules is None else rules
    findings: list[Finding] = []
    suppressed: list[Finding] = []
    crashes: list[RuleCrash] = []
    for part in (*(review_file(facts_for(file, fleet), chosen) for file in fleet.files), review_fleet(fleet, chosen)):
        findings.extend(part.findings)
        suppressed.extend(part.suppressed)
        crashes.extend(part.crashes)
    findings = sorted(dict.fromkeys(findings), key=lambda finding: finding.sort_key)
    file_scores = _file_scores(fleet, findings)
    return Review(
        fleet, tuple(findings), tuple(suppressed), _errors(fleet), tuple(crashes), file_scores,
        _service_scores(fleet, findings), mean_score(file_scores.values()),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """What one file, or the fleet's own rules, add to a review."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Finding, ...]
    crashes: tuple[RuleCrash, ...]


def review_file(facts: Facts, rules: Sequence[Rule]) -> Part:
    """What the Dockerfile rules say of one file."""
    checks = [
        (rule, lambda rule=rule: rule.check(facts.dockerfile, facts)) for rule in rules if isinstance(rule, DockerfileRule)
    ]
    return _part(checks, facts.file.path, facts.fleet, {facts.file.path: facts.dockerfile})


def review_fleet(fleet: Fleet, rules: Sequence[Rule]) -> Part:
    """What the fleet rules say."""
    checks = [(rule, lambda rule=rule: rule.check(fleet)) for rule in rules if isinstance(rule, FleetRule)]
    return _part(checks, ".", fleet, {file.path: file.dockerfile for file in fleet.files})


_Check = tuple[Rule, Callable[[], Iterable[Finding]]]


def _part(checks: Sequence[_Check], where: str, fleet: Fleet, files: Mapping[str, Dockerfile]) -> Part:
    findings: list[Finding] = []
    crashes: list[RuleCrash] = []
    for rule, check in checks:
        try:
            findings.extend(check())
        except Exception as error:  # noqa: BLE001  one rule's bug must not hide the others' findings
            crashes.append(RuleCrash(rule.code, where, error))
    kept, silenced = split(adjusted(findings, fleet.policy), [rule for rule, _ in checks], files, fleet.tree)
    return Part(tuple(sorted(dict.fromkeys(kept), key=lambda finding: finding.sort_key)), tuple(silenced), tuple(crashes))


def _errors(fleet: Fleet) -> tuple[ReviewError, ...]:
    return tuple(ReviewError(each.path, each.message) for each in fleet.problems if each.kind == "unreadable")


def _file_scores(fleet: Fleet, findings: Sequence[Finding]) -> dict[str, Score]:
    compose = dict.fromkeys(fleet.compose_files)
    paths = dict.fromkeys([*(file.path for file in fleet.files), *compose, *(finding.path for finding in findings)])
    found = _grouped((finding.path, finding) for finding in findings)
    return {path: score_findings(found.get(path, ())) for path in sorted(paths)}


def _service_scores(fleet: Fleet, findings: Sequence[Finding]) -> dict[str, Score]:
    told = told_apart(fleet)
    found = _grouped((name, finding) for finding in findings for name in about(told, finding.services, finding.path))
    return {name: score_findings(found.get(name, ())) for name in told}


def _grouped(pairs: Iterable[tuple[str, Finding]]) -> Mapping[str, Sequence[Finding]]:
    found: dict[str, list[Finding]] = {}
    for name, finding in pairs:
        found.setdefault(name, []).append(finding)
    return found
