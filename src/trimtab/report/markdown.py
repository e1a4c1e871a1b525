"""Evidence as Markdown, fit for a pull request."""

from collections.abc import Sequence

from trimtab.report import evidence as told
from trimtab.verify import Evidence, Scenario, VerdictKind

_LONGEST = 300


def evidence_markdown(evidence: Sequence[Evidence], repeats: int) -> str:
    """A table of what is kept, its sums, and everything that was refused with its reason."""
    accepted = [each for each in evidence if each.verdict.kind is VerdictKind.ACCEPTED]
    head = (
        f"**{len(accepted)} of {len(evidence)} changed files proven** by building and running every service before and after."
    )
    parts = [head, ""]
    if accepted:
        parts += [
            "| file | rules | image | context | source edit | dependency edit |",
            "|---|---|---|---|---|---|",
            *(_row(each) for each in accepted),
            "",
            *(f"- {label}: {value}" for label, value in told.totals(accepted)),
            "",
        ]
        if repeats:
            parts += [
                f"Times are medians of {repeats} interleaved pairs; `~` marks a difference that the pairs do not settle.",
                "",
            ]
    refused = [line for each in evidence for line in _refusals(each)]
    if refused:
        parts += ["<details><summary>Rejected or undecided, and why</summary>", "", *refused, "", "</details>", ""]
    return "\n".join(parts)


def _row(each: Evidence) -> str:
    edits = (told.times(each.measurement(scenario)) for scenario in (Scenario.SOURCE_EDIT, Scenario.DEPENDENCY_EDIT))
    cells = (f"`{each.path}`", ", ".join(each.accepted), told.sizes(each), told.contexts(each), *edits)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _refusals(each: Evidence) -> list[str]:
    if each.verdict.kind is not VerdictKind.ACCEPTED:
        return [f"- `{each.path}` {each.verdict.kind}: {_cell(each.verdict.reason)}"]
    return [
        f"- `{each.path}` {', '.join(trial.rules)} {trial.verdict.kind}: {_cell(trial.verdict.reason)}"
        for trial in each.rejected
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")[:_LONGEST]
