"""Results as plain data for `--format json`. Fields are added, never renamed."""

from trimtab.fleet import Fleet
from trimtab.fleet.copies import heaviest_folders, sent_files
from trimtab.review import Review, Score, fingerprints
from trimtab.review.score import deductions
from trimtab.rewrite import ChangeSet, FileChange
from trimtab.rules import Category, DockerfileRule, Finding, Rule

Data = dict[str, object]


def _score(score: Score) -> Data:
    return {"score": round(score.overall, 1), "scores": _categories(score)}


def _categories(score: Score) -> Data:
    return {str(category): round(score.categories[category], 1) for category in Category}


def finding_data(finding: Finding, fingerprint: str = "") -> Data:
    """One finding; `fingerprint` stays the same when lines shift."""
    fix = None if finding.fix is None else {"applicability": str(finding.fix.applicability), "title": finding.fix.title}
    return {
        "rule": finding.rule,
        "name": finding.name,
        "fingerprint": fingerprint,
        "category": str(finding.category),
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "column": finding.column,
        "services": list(finding.services),
        "message": finding.message,
        "fix": fix,
        "refusal": finding.refusal.reason if finding.refusal else None,
    }


def _kind(fleet: Fleet, path: str) -> str:
    if fleet.file(path):
        return "dockerfile"
    return "compose" if path in fleet.compose_files else "other"


def _file(review: Review, path: str, score: Score) -> Data:
    file = review.fleet.file(path)
    services = list(file.service_names) if file else []
    return {"path": path, "kind": _kind(review.fleet, path), "services": services, **_score(score)}


def contexts_data(fleet: Fleet) -> list[Data]:
    """What each build sends to the builder, in bytes, and which folders hold most of it."""
    return [
        {
            "dockerfile": file.path,
            "context": context.root or ".",
            "ignore_file": context.ignore_path,
            "bytes": sum(sent.values()),
            "files": len(sent),
            "heaviest": [{"path": path, "bytes": size} for path, size in heaviest_folders(sent)[:5]],
        }
        for file in fleet.files
        for context in file.contexts
        for sent in [sent_files(file, context)]
    ]


def review_data(review: Review) -> Data:
    """`trimtab review --format json`."""
    return {
        "schema": "trimtab.review/1",
        **_score(review.score),
        "files": [_file(review, path, score) for path, score in review.file_scores.items()],
        "findings": [
            finding_data(each, name) for each, name in zip(review.findings, fingerprints(review.findings), strict=True)
        ],
        "contexts": contexts_data(review.fleet),
        "suppressed": len(review.suppressed),
        "errors": [{"path": error.path, "message": error.message} for error in review.errors],
    }


def score_data(review: Review) -> Data:
    """`trimtab score --format json`."""
    return {
        "schema": "trimtab.score/1",
        **_score(review.score),
        "files": [
            {
                **_file(review, path, score),
                "deductions": [
                    {"rule": finding.rule, "line": finding.line, "points": round(points, 2), "message": finding.message}
                    for finding, points in deductions(review.of_file(path))
                ],
            }
            for path, score in review.file_scores.items()
        ],
        "services": [{"name": name, **_score(score)} for name, score in review.service_scores.items()],
        "errors": [{"path": error.path, "message": error.message} for error in review.errors],
    }


def _change(change: FileChange) -> Data:
    return {
        "path": change.path,
        "changed": change.changed,
        "applied": [
            {"rule": fix.rule, "name": fix.name, "title": fix.title, "line": fix.line, "pass": fix.pass_number}
            for fix in change.applied
        ],
        "skipped": [
            {"rule": skip.finding.rule, "line": skip.finding.line, "reason": skip.explanation, "message": skip.finding.message}
            for skip in change.skipped
        ],
        "diff": change.diff,
        "bug": change.bug,
    }


def changes_data(changes: ChangeSet, *, written: bool) -> Data:
    """`trimtab fix --format json`."""
    return {"schema": "trimtab.fix/1", "written": written, "files": [_change(change) for change in changes.files]}


def rule_data(rule: Rule) -> Data:
    """One rule."""
    return {
        "code": rule.code,
        "name": rule.name,
        "category": str(rule.category),
        "severity": str(rule.severity),
        "confidence": str(rule.confidence),
        "since": rule.since,
        "scope": "dockerfile" if isinstance(rule, DockerfileRule) else "fleet",
        "summary": rule.summary,
        "documentation": rule.documentation,
    }
