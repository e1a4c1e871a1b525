"""`trimtab review`."""

import gc
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, OUR_BUG
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, load, named_root, overlooked, show
from trimtab.cli.recording import Recording
from trimtab.errors import UsageError
from trimtab.replay import asked_for
from trimtab.review import BaselineError, Review, baseline_text, read_baseline
from trimtab.review import review as run_review
from trimtab.rewrite import WriteError, write_file

if TYPE_CHECKING:
    from rich.console import RenderableType


def review(
    paths: Paths = (),
    /,
    *,
    baseline: Annotated[
        bool, Parameter(negative="", help="Report only findings that the baseline file does not hold.")
    ] = False,
    write_baseline: Annotated[
        bool, Parameter(negative="", help="Accept all findings: write them to the baseline file.")
    ] = False,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """Find what is wrong in a fleet's Dockerfiles, build contexts and compose files.

    Exits with 1 when there are findings and with 2 when a file could not be checked.
    """
    common = common or Common()
    recording = None if write_baseline else _recording(paths, common)
    with _without_collections():
        loaded = load(paths, common, choice)
        unseen = overlooked(loaded, common)
        result = reviewed(loaded)
    file = loaded.root / loaded.config.baseline
    if write_baseline:
        return _write(result, file, common)
    if baseline:
        if recording:
            recording.note(file)
        result = _only_new(result, file)
    with recording.printing() if recording else nullcontext():
        _show(result, loaded, common)
    code = exit_code(result)
    if recording and code in {CLEAN, FINDINGS} and not unseen:
        recording.keep(loaded, code, offline=(choice is not None and choice.offline) or loaded.config.offline)
    return code


@contextmanager
def _without_collections() -> Generator[None]:
    """Keep the cyclic collector from walking through a fleet's facts again and again: nearly all of them live to the end.

    It took a tenth of a review of 44 Dockerfiles, and more of larger ones.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _recording(paths: tuple[Path, ...], common: Common) -> Recording | None:
    """A recording of this review, where somebody said which record is meant and no more is asked for than its output."""
    record = asked_for()
    if record is None or common.no_cache or common.verbose or common.output:
        return None
    return Recording.begin(record, named_root(paths)[0], paths, common.config)


def _show(result: Review, loaded: Loaded, common: Common) -> None:
    # Imported here: a terminal's tables take as long to load as the whole rest of a small review, and JSON needs none.
    from trimtab.report import data, exchange

    def view() -> "RenderableType":
        from trimtab.report.terminal import review_view

        return review_view(result)

    others = {
        "sarif": lambda: exchange.json_text(exchange.sarif(result, loaded.rules)) + "\n",
        "github": lambda: exchange.github(result),
        "markdown": lambda: exchange.markdown(result),
    }
    show(common, lambda: data.review_data(result), view, others)


def reviewed(loaded: Loaded) -> Review:
    """The review of what the arguments name."""
    result = run_review(loaded.fleet, loaded.rules)
    if loaded.chosen is None:
        return result
    findings = tuple(finding for finding in result.findings if finding.path in loaded.chosen)
    errors = tuple(error for error in result.errors if error.path in loaded.chosen)
    scores = {path: score for path, score in result.file_scores.items() if path in loaded.chosen}
    return replace(result, findings=findings, errors=errors, file_scores=scores)


def _only_new(result: Review, file: Path) -> Review:
    try:
        return read_baseline(file.read_text(encoding="utf-8")).apply(result)
    except FileNotFoundError as error:
        raise UsageError(f"There is no baseline `{file}` yet; `trimtab review --write-baseline` makes it.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{file}` cannot be read: {error}") from error
    except BaselineError as error:
        raise UsageError(f"`{file}` {error}") from error


def _write(result: Review, file: Path, common: Common) -> int:
    try:
        write_file(file, baseline_text(result.findings))
    except WriteError as error:
        raise UsageError(str(error)) from error
    common.messages.print(f"{len(result.findings)} findings accepted in {file}", markup=False)
    return _failures(result) or CLEAN


def exit_code(result: Review) -> int:
    """Crashes of rules outweigh files that could not be checked, and those outweigh findings."""
    return _failures(result) or (FINDINGS if result.findings else CLEAN)


def _failures(result: Review) -> int:
    for crash in result.crashes:
        print(f"rule {crash.rule} failed on {crash.path}; this is a bug of trimtab", file=sys.stderr)
        traceback.print_exception(crash.error)
    if result.crashes:
        return OUR_BUG
    return COULD_NOT_RUN if result.errors else CLEAN
