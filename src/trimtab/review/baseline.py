"""Findings that were there before, so that only new ones fail a build."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from trimtab.review.identity import fingerprints
from trimtab.review.run import Review
from trimtab.rules import Finding
from trimtab.syntax.data import read_json

SCHEMA = "trimtab.baseline/1"


class BaselineError(ValueError):
    """A text that is no baseline; the message says why."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The fingerprints of accepted findings."""

    known: frozenset[str]

    def new(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that the baseline does not hold."""
        every = list(findings)
        return [each for each, name in zip(every, fingerprints(every), strict=True) if name not in self.known]

    def apply(self, review: Review) -> Review:
        """The review with only its new findings; scores stay those of everything found."""
        return replace(review, findings=tuple(self.new(review.findings)))


def baseline_text(findings: Iterable[Finding]) -> str:
    """A baseline to be kept in the repository: sorted, with enough beside each fingerprint to review a change of it."""
    every = list(findings)
    rows = [
        {"fingerprint": name, "rule": each.rule, "path": each.path, "about": each.anchor}
        for each, name in zip(every, fingerprints(every), strict=True)
    ]
    rows.sort(key=lambda row: (row["path"], row["rule"], row["about"], row["fingerprint"]))
    return json.dumps({"schema": SCHEMA, "findings": rows}, indent=1, ensure_ascii=False) + "\n"


def read_baseline(text: str) -> Baseline:
    """A baseline from its text.

    Raises:
        BaselineError: the text is no JSON, or no baseline of a kind this version knows.
    """
    try:
        data = read_json(text)
    except ValueError as error:
        raise BaselineError(f"is no JSON: {error}") from error
    if not isinstance(data, dict) or cast("Mapping[str, object]", data).get("schema") != SCHEMA:
        raise BaselineError(f"is no baseline of the kind `{SCHEMA}`")
    rows = cast("list[Mapping[str, object]]", cast("Mapping[str, object]", data).get("findings") or [])
    return Baseline(frozenset(str(row.get("fingerprint", "")) for row in rows))
