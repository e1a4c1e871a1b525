"""`trimtab review`."""

import sys
import traceback
from dataclasses import replace

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, OUR_BUG
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.report.data import review_data
from trimtab.report.terminal import review_view
from trimtab.review import Review
from trimtab.review import review as run_review


def review(paths: Paths = (), /, *, common: Common | None = None) -> int:
    """Find what is wrong in a fleet's Dockerfiles, build contexts and compose files.

    Exits with 1 when there are findings and with 2 when a file could not be checked.
    """
    common = common or Common()
    result = reviewed(load(paths, common))
    show(common, lambda: review_data(result), lambda: review_view(result))
    return exit_code(result)


def reviewed(loaded: Loaded) -> Review:
    """The review of what the arguments name."""
    result = run_review(loaded.fleet, loaded.rules)
    if loaded.chosen is None:
        return result
    findings = tuple(finding for finding in result.findings if finding.path in loaded.chosen)
    errors = tuple(error for error in result.errors if error.path in loaded.chosen)
    scores = {path: score for path, score in result.file_scores.items() if path in loaded.chosen}
    return replace(result, findings=findings, errors=errors, file_scores=scores)


def exit_code(result: Review) -> int:
    """Crashes of rules outweigh files that could not be checked, and those outweigh findings."""
    for crash in result.crashes:
        print(f"rule {crash.rule} failed on {crash.path}; this is a bug of trimtab", file=sys.stderr)
        traceback.print_exception(crash.error)
    if result.crashes:
        return OUR_BUG
    if result.errors:
        return COULD_NOT_RUN
    return FINDINGS if result.findings else CLEAN
