"""Results as plain data for `--format json`. Fields are added, never renamed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from trimtab.fleet import Fleet
from trimtab.fleet.copies import heaviest_folders, sent_files
from trimtab.review import Review, Score, fingerprints
from trimtab.review.score import deductions
from trimtab.rewrite import ChangeSet, FileChange
from trimtab.rules import Category, DockerfileRule, Finding, Rule
from trimtab.verify import Behaviour, Evidence, ImageUse, Measurement, Trial

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


def _measurement(each: Measurement) -> Data:
    return {
        "scenario": str(each.scenario),
        "edited": each.edited,
        "pairs": [{"before": round(pair.before, 3), "after": round(pair.after, 3)} for pair in each.pairs],
        "before_seconds": round(each.before, 3),
        "after_seconds": round(each.after, 3),
        "conclusive": each.conclusive,
        "per_week": each.per_week,
        "seconds_saved_a_week": None if each.saved_a_week is None else [round(value, 1) for value in each.saved_a_week],
    }


def _behaviour(each: Behaviour) -> Data:
    return {
        "state": each.state,
        "ready_seconds": None if each.ready_seconds is None else round(each.ready_seconds, 2),
        "ports": None if each.ports is None else list(each.ports),
        "user": each.user,
        "answers": None if each.answers is None else [asdict(answer) for answer in each.answers],
        "stop": None if each.stop is None else asdict(each.stop),
        "errors": list(each.errors),
        "smoke": each.smoke,
        "company": list(each.company),
    }


def _image(use: ImageUse | None) -> Data | None:
    return None if use is None else asdict(use)


def _trial(trial: Trial) -> Data:
    unexplained = [each for each in trial.differences if not each.explained_by]
    shown = [*unexplained[:50], *[each for each in trial.differences if each.explained_by][:50]]
    return {
        "rules": list(trial.rules),
        "verdict": str(trial.verdict.kind),
        "reason": trial.verdict.reason,
        "differences": [
            {"subject": d.subject, "before": d.before, "after": d.after, "explained_by": d.explained_by or None} for d in shown
        ],
        "differences_total": len(trial.differences),
    }


def evidence_data(evidence: Evidence) -> Data:
    """The evidence about one Dockerfile."""
    behaviours = evidence.behaviours
    return {
        "path": evidence.path,
        "services": list(evidence.services),
        "verdict": str(evidence.verdict.kind),
        "reason": evidence.verdict.reason,
        "accepted": list(evidence.accepted),
        "image_bytes": {"before": evidence.before_bytes, "after": evidence.after_bytes},
        "layers": {"before": evidence.before_layers, "after": evidence.after_layers},
        "context_bytes": {"before": evidence.before_context, "after": evidence.after_context},
        "measurements": [_measurement(each) for each in evidence.measurements],
        "left_out": list(evidence.left_out),
        "remembered": evidence.remembered,
        "images": {"before": _image(evidence.before_image), "after": _image(evidence.after_image)},
        "behaviour": None if behaviours is None else {"before": _behaviour(behaviours[0]), "after": _behaviour(behaviours[1])},
        "trials": [_trial(trial) for trial in evidence.trials],
    }


def optimization_data(
    run: str, evidence: Sequence[Evidence], written: Sequence[str], environment: Mapping[str, object]
) -> Data:
    """`trimtab optimize --format json`, which is also what a run keeps in `.trimtab/`."""
    return {
        "schema": "trimtab.optimize/1",
        "run": run,
        "environment": dict(environment),
        "files": [evidence_data(each) for each in evidence],
        "written": list(written),
    }


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
