"""Findings in the formats of other tools: SARIF for code scanning, GitHub's workflow commands, Markdown for a comment."""

import json
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from trimtab import __version__
from trimtab.report.data import Data
from trimtab.report.words import one_line, printable
from trimtab.review import Review, fingerprints
from trimtab.rules import Category, Finding, Rule, Severity

_CONTROLS = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C1 controls, among them one that begins commands of terminals; separators; what turns the direction of reading; and
bytes that are no UTF-8."""
LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
"""SARIF's three levels, which are GitHub's `notice`, `warning` and `error` as well."""
_SECURITY = {
    Severity.INFO: "1.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
"""GitHub orders security findings by a number in the bands of CVSS v3: low from 0.1, medium 4.0, high 7.0, critical 9.0."""


def sarif(review: Review, rules: Sequence[Rule]) -> Data:
    """A SARIF 2.1.0 log. Locations are relative to the fleet's root; identities survive shifted lines."""
    used = {finding.rule for finding in review.findings}
    listed = [rule for rule in rules if rule.code in used]
    index = {rule.code: number for number, rule in enumerate(listed)}
    names = fingerprints(review.findings)
    results = [_result(finding, name, index) for finding, name in zip(review.findings, names, strict=True)]
    notes = [{"level": "error", "message": {"text": f"{each.path}: {each.message}"}} for each in review.errors]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "trimtab", "version": __version__, "rules": [_rule(rule) for rule in listed]}},
                "originalUriBaseIds": {"ROOT": {"description": {"text": "the folder that was reviewed"}}},
                "columnKind": "unicodeCodePoints",
                "invocations": [{"executionSuccessful": not review.errors, "toolExecutionNotifications": notes}],
                "results": results,
            }
        ],
    }


def _rule(rule: Rule) -> Data:
    properties: Data = {"tags": [str(rule.category), *rule.aliases], "precision": str(rule.confidence)}
    if rule.category is Category.SECURITY:
        properties["security-severity"] = _SECURITY[rule.severity]
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.documentation, "markdown": rule.documentation},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": properties,
    }


def _result(finding: Finding, fingerprint: str, index: dict[str, int]) -> Data:
    region = {"startLine": finding.line, "startColumn": finding.column, "endLine": finding.end_line}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index.get(finding.rule, -1),
        "level": LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(finding.path, errors="replace"), "uriBaseId": "ROOT"},
                    "region": region,
                }
            }
        ],
        "partialFingerprints": {"trimtab/v1": fingerprint},
        "properties": {"severity": str(finding.severity), "services": list(finding.services)},
    }


def github(review: Review) -> str:
    """One workflow command a finding, which GitHub shows at its line in a pull request."""
    lines = [
        workflow_command(each.severity, each.path, each.line, f"{each.rule} {each.name}", each.message, each.end_line)
        for each in review.findings
    ]
    lines += [f"::error file={_property(each.path)}::could not check: {_message(each.message)}" for each in review.errors]
    return "".join(line + "\n" for line in lines)


def workflow_command(severity: Severity, path: str, line: int, title: str, message: str, end_line: int = 0) -> str:
    """One annotation of GitHub's; without a path it stands at the run."""
    kinds = {"note": "notice", "warning": "warning", "error": "error"}
    places = {"file": path, "line": str(line or ""), "endLine": str(end_line or ""), "title": title}
    said = ",".join(f"{name}={_property(value)}" for name, value in places.items() if value)
    return f"::{kinds[LEVELS[severity]]} {said}::{_message(message)}"


def _message(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def markdown(review: Review) -> str:
    """A report for a pull request: the scores, then a table a file, the worst findings first."""
    score = review.score
    parts = [f"### trimtab: {len(review.findings)} findings, score {score.overall:.1f}", ""]
    parts += ["| " + " | ".join(str(category) for category in Category) + " |", "|" + "---:|" * len(Category)]
    parts += ["| " + " | ".join(f"{score.categories[category]:.1f}" for category in Category) + " |", ""]
    for path in dict.fromkeys(finding.path for finding in review.findings):
        parts += [
            f"#### {code(path)} {review.file_scores[path].overall:.1f}",
            "",
            "| line | severity | rule | finding |",
            "|---:|---|---|---|",
        ]
        parts += _rows(review.of_file(path)) + [""]
    parts += [f"- could not check {code(each.path)}: {cell(each.message)}" for each in review.errors]
    return "\n".join(parts).rstrip() + "\n"


def _rows(findings: Iterable[Finding]) -> list[str]:
    ordered = sorted(findings, key=lambda each: (-each.severity, each.line))
    return [
        f"| {each.line} | {each.severity} | {each.rule} {each.name} | {cell(each.message)}{_fix(each)} |" for each in ordered
    ]


def _fix(finding: Finding) -> str:
    return f" *({finding.fix.applicability} fix: {cell(finding.fix.title)})*" if finding.fix else ""


def json_text(data: object, indent: int | None = 2) -> str:
    """Data as JSON. Its control characters are written as JSON writes them, those that it would let stand included."""
    return _CONTROLS.sub(lambda each: f"\\u{ord(each[0]):04x}", json.dumps(data, indent=indent, ensure_ascii=False))


def code(text: str) -> str:
    """A text as code in Markdown, whatever is in it."""
    flat = printable(one_line(text)).replace("|", "\\|")
    fence = "`" * (max((len(ticks) for ticks in re.findall("`+", flat)), default=0) + 1)
    return f"{fence}{flat}{fence}" if len(fence) == 1 else f"{fence} {flat} {fence}"


def cell(text: str) -> str:
    """A text that stays within one cell of a Markdown table, and is no markup of its own."""
    flat = printable(one_line(text)).replace("<", "&lt;")
    return re.sub(r"([|\[\]])", r"\\\1", flat)
