"""A fleet's own say in which findings count, and how much."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from trimtab.fleet import PathPolicy, Policy
from trimtab.rules import Finding, Severity, find_rules
from trimtab.syntax.ignore import IgnoreFile


def adjusted(findings: Iterable[Finding], policy: Policy) -> Iterator[Finding]:
    """The findings that a policy leaves, with the severities it gives them."""
    matching = [(IgnoreFile.of([path.match]), path) for path in policy.paths]
    for finding in findings:
        applying = [path for pattern, path in matching if pattern.ignores(finding.path)]
        if not any(_names(path.ignore, finding) for path in applying):
            yield _with_severity(finding, applying)


def _names(names: Iterable[str], finding: Finding) -> bool:
    return any(rule.code == finding.rule for name in names for rule in find_rules(name))


def _with_severity(finding: Finding, applying: Iterable[PathPolicy]) -> Finding:
    wanted = [value for path in applying for name, value in path.severity.items() if _names([name], finding)]
    return replace(finding, severity=Severity[wanted[-1].upper()]) if wanted else finding
