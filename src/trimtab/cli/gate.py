"""`trimtab gate`."""

from datetime import UTC, datetime
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, show
from trimtab.cli.review import reviewed
from trimtab.docker import ProcessRunner
from trimtab.gate import Measured, evaluate
from trimtab.gate.measure import measure
from trimtab.git import head
from trimtab.history import ScoreRow, Store, new_run, opened
from trimtab.report.gate import gate_data, gate_github, gate_junit, gate_markdown, gate_view, passed
from trimtab.review import Review


def gate(
    paths: Paths = (),
    /,
    *,
    base: Annotated[str, Parameter(help="A revision that must not be better than this tree: the branch to merge into.")] = "",
    allow: Annotated[
        tuple[str, ...],
        Parameter(negative="", help="Gates that need not have been checked: `scan`, or one subject, `scan:advisories`."),
    ] = (),
    common: Common | None = None,
) -> int:
    """Hold the fleet against its quality gates: scores, the last scan, budgets, proofs, generated files.

    What was not measured does not pass. Exits with 1 when a gate does not hold.
    """
    common = common or Common()
    loaded = load(paths, common, RuleChoice())
    with opened(loaded.root) as store:
        measured, run = anyio.run(_measure, loaded, store, base)
        checks = evaluate(measured, loaded.config.gate.policy(allow))
        store.write_result(run, "gate", gate_data(checks))
    others = {
        "junit": lambda: gate_junit(checks),
        "github": lambda: gate_github(checks),
        "markdown": lambda: gate_markdown(checks),
    }
    show(common, lambda: gate_data(checks), lambda: gate_view(checks), others)
    return CLEAN if passed(checks) else FINDINGS


async def _measure(loaded: Loaded, store: Store, base: str) -> tuple[Measured, str]:
    runner = ProcessRunner()
    review = reviewed(loaded)
    measured = await measure(runner, loaded.root, review, loaded.rules, store, base)
    return measured, _keep(store, review, await head(runner, loaded.root))


def _keep(store: Store, review: Review, revision: str | None) -> str:
    """The scores, so that it can be seen how they change; the run that they are kept under."""
    run, started = new_run(), datetime.now(UTC).isoformat(timespec="seconds")
    scores = {"": review.score, **review.service_scores}
    store.scans.add_scores([
        ScoreRow(run, started, revision, name, each.overall, {str(key): value for key, value in each.categories.items()})
        for name, each in scores.items()
    ])  # fmt: skip
    return run
