"""The nine roles as commands: `trimtab reviewer review`, `trimtab implementer refactor FILES "…"`, and so on."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import App, Parameter

from trimtab.cli.app import ROLES
from trimtab.cli.crew import Folder, Sentence, briefed, exit_code, files_below, understood, worker
from trimtab.cli.live import interruptible
from trimtab.cli.optimize import Effort
from trimtab.cli.options import Common, Offline, RuleChoice, check_format, show
from trimtab.cli.review import review as run_review
from trimtab.cli.scan import Outcomes, Sources, What
from trimtab.cli.scan import scan as run_scan
from trimtab.cli.score import score as run_score
from trimtab.crew.model import Report, Role
from trimtab.crew.render import report_markdown, report_view
from trimtab.crew.results import report_data
from trimtab.crew.workflow import role_report
from trimtab.errors import UsageError
from trimtab.history import new_run, opened

analyst, planner, architect, designer, implementer, reviewer, tester, ops, documenter = (
    App(name=name, help=text) for name, text in ROLES.items()
)
Files = Annotated[
    tuple[Path, ...], Parameter(help="Files, or a folder; patterns that the shell has not put in are put in here.")
]
Pattern = Annotated[str, Parameter(help="The files, as a pattern: `**/Dockerfile*`.")]


def _work(
    role: Role, folder: Path, sentence: str, common: Common | None, effort: Effort | None = None,
    files: tuple[str, ...] = (), *, offline: bool = False,
) -> int:  # fmt: skip
    """Let one role work on a fleet, and show its report."""
    common = common or Common()
    check_format(common, ("markdown",))
    # Not `Path.is_dir`, to which words that are too long for a name are an error.
    if role is not Role.IMPLEMENTER and folder == Path() and sentence.strip() and os.path.isdir(sentence):  # noqa: PTH112
        # `analyst analyze .`, as every other command is given its folder: no folder's name asks for anything.
        folder, sentence = Path(sentence), ""
    meant = understood(folder, sentence, common, offline=offline)
    with opened(meant.loaded.root) as store:
        brief = replace(briefed(meant, store, new_run(), effort or Effort()), files=files_below(meant.loaded.root, files))
        store.begin(brief.run, f"{role}")
        report = anyio.run(interruptible, lambda: role_report(role, brief, worker(store, brief, common)))
        store.end(brief.run, str(report.standing) if report else "interrupted")
    if report is not None:
        _show(report, common)
        if not common.quiet:
            common.messages.print(f"report: {brief.role_folder(role) / 'report.md'}", markup=False, soft_wrap=True)
    return exit_code(report)


def _show(report: Report, common: Common) -> None:
    others = {"markdown": lambda: report_markdown(report)}
    show(common, lambda: report_data(report), lambda: report_view(report, sources=common.verbose), others)


@analyst.command
def analyze(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Review and score the fleet, and say what is there."""
    return _work(Role.ANALYST, folder, sentence, common)


@planner.command
def plan(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """List what is to be done, in which order; with words about builds or deployments, that too."""
    return _work(Role.PLANNER, folder, sentence, common)


@architect.command(name="design-system")
def design_system(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Propose what the words are about: resources, networks, start-up, bases, CI, monitoring. Nothing is applied."""
    return _work(Role.ARCHITECT, folder, sentence, common)


@designer.command
def design(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Draw up the bake file, the scripts and the pipeline. Nothing is written into the tree."""
    return _work(Role.DESIGNER, folder, sentence, common)


@implementer.command
def refactor(*words: str, offline: Offline = False, effort: Effort | None = None, common: Common | None = None) -> int:
    """Change files as the last word says, and keep what is proven: `refactor services/*/Dockerfile "Add cache mounts"`.

    The files before it are counted from the current folder, which is the fleet's; without files, the whole fleet is meant.
    """
    if not words:
        raise UsageError('Say what is wanted: `trimtab implementer refactor FILES "Add cache mounts for pip"`.')
    *files, sentence = words
    if not sentence.strip():
        raise UsageError("The last word says what is wanted, and is empty.")
    return _work(Role.IMPLEMENTER, Path(), sentence, common, effort, tuple(files), offline=offline)


def _named(paths: tuple[Path, ...], pattern: str) -> tuple[Path, ...]:
    """The files of a command that takes both.

    Raises:
        UsageError: nothing is there, or both are given.
    """
    if pattern and paths and not (len(paths) == 1 and paths[0].is_dir()):
        raise UsageError("Name files, or a pattern, not both.")
    if not pattern and all(path.exists() for path in paths):
        return paths
    here = Path.cwd()
    base = paths[0] if pattern and paths else Path()
    names = (str(base / pattern),) if pattern else tuple(map(str, paths))
    return tuple(here / file for file in files_below(here, names))


@reviewer.command
def review(
    paths: Files = (), /, *, pattern: Pattern = "", choice: RuleChoice | None = None, common: Common | None = None
) -> int:
    """Find what is wrong, as `trimtab review` does."""
    return run_review(_named(paths, pattern), choice=choice, common=common)


@reviewer.command
def score(
    paths: Files = (), /, *, pattern: Pattern = "", choice: RuleChoice | None = None, common: Common | None = None
) -> int:
    """Score files, as `trimtab score` does."""
    return run_score(_named(paths, pattern), choice=choice, common=common)


@tester.command(name="test")
def build_all(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Build every image, and start the project where the words are about that."""
    return _work(Role.TESTER, folder, sentence, common)


@ops.command(name="security-scan")
def security_scan(
    folder: Folder = Path(),
    /,
    *,
    what: What | None = None,
    sources: Sources | None = None,
    outcomes: Outcomes | None = None,
    common: Common | None = None,
) -> int:
    """Scan, as `trimtab scan` does: `--target services/ --type all`."""
    return run_scan((folder,), what=what, sources=sources, outcomes=outcomes, common=common)


@ops.command
def audit(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Scan everything, and hold it against the gates."""
    return _work(Role.OPS, folder, sentence, common)


@documenter.command
def document(sentence: Sentence = "", folder: Folder = Path(), /, *, common: Common | None = None) -> int:
    """Write `docs/containers.md`, where nobody else has written it."""
    return _work(Role.DOCUMENTER, folder, sentence, common)
