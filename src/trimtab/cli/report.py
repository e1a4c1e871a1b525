"""`trimtab report`."""

import os
import webbrowser
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import Parameter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, OUR_BUG
from trimtab.cli.options import Common, Loaded, RuleChoice, check_format, load, show
from trimtab.cli.review import exit_code, reviewed
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import head
from trimtab.history import history_folder, open_store, opened
from trimtab.report.console import console
from trimtab.report.overview import Known, Overview, overview, read_known
from trimtab.report.overview.data import overview_data
from trimtab.report.overview.markdown import overview_markdown
from trimtab.report.overview.page import Links, report_page
from trimtab.report.overview.view import overview_view
from trimtab.review import Review
from trimtab.rewrite.write import WriteError, write_file

_OTHERS = ("html", "markdown")


def report(
    path: Annotated[Path, Parameter(help="The fleet's folder.")] = Path(),
    /,
    *,
    open_: Annotated[bool, Parameter(name="--open", negative="", help="Show the page in a browser.")] = False,
    choice: RuleChoice | None = None,
    common: Common | None = None,
) -> int:
    """Show how the fleet stands: every success metric with its change, its target and where it was measured, on one page.

    The page goes to `.trimtab/report.html`, or to the file that `--output` names, and needs nothing but itself.
    `--format html`, `markdown` and `json` print instead. Nothing is built, started or scanned by this: what nobody has
    measured says which command measures it.
    """
    common = common or Common()
    check_format(common, _OTHERS)
    if open_ and common.format != "text" and common.output is None:
        raise UsageError("`--open` shows a file: name one with `--output`, or leave `--format` out.")
    if not path.is_dir():
        raise UsageError(f"`{path}` is no folder.")
    loaded = load((path,), common, choice)
    review = reviewed(loaded)
    made = gather(loaded, review)
    if common.format != "text":
        others = {
            "html": lambda: report_page(made, links(made, loaded.root, common.output)),
            "markdown": lambda: overview_markdown(made),
        }
        show(common, lambda: overview_data(made), lambda: "", others)
        if open_ and common.output:
            _show(common.output, common)
        return _code(review)
    page = common.output or history_folder(loaded.root) / "report.html"
    _write(page, report_page(made, links(made, loaded.root, page)), loaded.root)
    console(color=common.color).print(overview_view(made))
    if not common.quiet:
        common.messages.print(f"report: {page}", markup=False, soft_wrap=True)
    if open_:
        _show(page, common)
    return _code(review)


def gather(loaded: Loaded, review: Review) -> Overview:
    """The report of a fleet as it is now. A fleet without a history is left without one.

    Raises:
        StateError: the history cannot be read.
    """
    now = datetime.now(UTC)
    revision = anyio.run(head, ProcessRunner(), loaded.root)
    return overview(loaded.root.name, revision, review, known(loaded.root, now), loaded.config.gate.policy(), now)


def known(root: Path, now: datetime) -> Known:
    """What the history of the fleet below a folder holds; nothing where it has none.

    Raises:
        StateError: it cannot be read.
    """
    if not (history_folder(root) / "history.db").is_file():
        return Known()
    with opened(root) as store:
        return read_known(store, now)


def links(made: Overview, root: Path, page: Path | None) -> Links:
    """The pages of the runs that the report shows, as seen from the folder that the report is in."""
    runs = history_folder(root) / "runs"

    def link(run: str, name: str) -> str:
        file = runs / run / name
        return Path(os.path.relpath(file, page.resolve().parent)).as_posix() if page and run and file.is_file() else ""

    optimised, builds = getattr(made.optimised, "value", None), getattr(made.builds, "value", None)
    return Links(
        link(optimised.run if optimised else "", "evidence.html"), link(builds.run.run if builds else "", "build.html")
    )


def _write(page: Path, text: str, root: Path) -> None:
    """Write the page whole. `.trimtab/` is made like everywhere, so that it keeps itself out of git.

    Raises:
        UsageError: it cannot be written.
        StateError: `.trimtab/` cannot be made.
    """
    if page.parent == history_folder(root):
        open_store(root).close()
    try:
        write_file(page, text)
    except WriteError as error:
        raise UsageError(str(error)) from error


def _show(page: Path, common: Common) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        common.messages.print(f"no browser could be started; open {page.resolve()}", markup=False, soft_wrap=True)


def _code(review: Review) -> int:
    code = exit_code(review)
    return code if code in {COULD_NOT_RUN, OUR_BUG} else CLEAN
