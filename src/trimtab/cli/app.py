"""The command tree, and the one place where errors become exit codes."""

import errno
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, cast

from cyclopts import App, CycloptsError

from trimtab import __version__
from trimtab.cli.standing import check_folder, stand
from trimtab.errors import TrimtabError

CLEAN, FINDINGS, COULD_NOT_RUN, OUR_BUG, INTERRUPTED = 0, 1, 2, 3, 130
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

app = App(
    name="trimtab",
    help="Review, fix and prove the containers of a whole repository.\n\nExit codes: 0 clean or done; 1 findings, or a"
    " failed outcome; 2 could not run; 3 a bug of trimtab; 130 interrupted.",
    version=__version__,
)
COMMANDS = {
    "review": "Find what is wrong in a fleet's Dockerfiles, build contexts and compose files.",
    "score": "Score every file, service and the fleet, and say which findings cost what.",
    "fix": "Apply every safe fix.",
    "optimize": "Plan changes, build and run every touched service before and after, and keep what is proven.",
    "build": "Build the fleet's images: only what changed, in the best order, with a ledger of what each build did.",
    "bake": "Print a bake file for the fleet that needs no trimtab.",
    "deploy": "Replace what has changed of a compose project, and go back where the new version is not good.",
    "rollback": "Go back to an earlier revision, or undo a deployment that was killed.",
    "status": "Show what runs of a compose project, and which revision it is.",
    "ci": "Write the pipeline of a fleet for GitHub Actions or GitLab CI, or print what one run of it has to do.",
    "export": "Say a compose project in another orchestrator's words, and what is lost on the way.",
    "scripts": "Write deploy, build and rollback scripts that call trimtab, in place of those a fleet has.",
    "scan": "Look for vulnerabilities, credentials, and how the CIS Docker Benchmark is met.",
    "gate": "Hold the fleet against its quality gates; what was not measured does not pass.",
    "history": "Show what earlier runs have built, scanned and scored, and find what became worse.",
    "plan": "List everything that could be changed over the fleet, in ordered batches.",
    "bases": "Say which base each Python and Node service could have, and what decides.",
    "observe": "Sample what a compose project's containers use, and keep it minute by minute.",
    "resources": "Size every service, from what it was seen to use where that is known; try it on running containers.",
    "metrics": "Print or serve what the history knows as metrics for Prometheus.",
    "alerts": "Write alert rules for this fleet with their tests, a dashboard, and Prometheus to run them.",
    "startup": "Say how long each compose project takes to start, and what quicker probes would save.",
    "networks": "Propose which service goes on which network.",
    "rule": "Explain a rule, or list them all.",
    "init": "Write a first configuration from what is found in the fleet.",
    "mcp": "Serve coding agents over the Model Context Protocol.",
    "completion": "Print what makes bash, zsh or fish complete trimtab's command line.",
    "doctor": "Check what this machine has of what trimtab needs.",
    "report": "Show how the fleet stands on one page: every success metric with its change, its target and its source.",
    "ui": "Serve the report on this machine, and keep it up to date while builds, proofs and deployments run.",
    "workflow": "Let roles work one after the other, on a branch, with gates between them.",
}
ROLES = {
    "analyst": "Say what is here, and what is wrong with it.",
    "planner": "List the changes in batches, the images in waves, and what a deployment would do.",
    "architect": "Propose limits, networks, start-up, bases, a pipeline and monitoring.",
    "designer": "Draw up how builds and deployments are called: bake file, scripts, pipeline.",
    "implementer": "Change what is asked for in plain words, and keep what is proven.",
    "reviewer": "Review and score files.",
    "tester": "Build everything, and start the whole where that matters.",
    "ops": "Scan, hold against the gates, and say what is not checked.",
    "documenter": "Describe the containers in the repository.",
}
for _name, _help in (*COMMANDS.items(), *ROLES.items()):
    # By name, so that a command's own imports are paid for by that command alone.
    app.command(f"trimtab.cli.{'roles' if _name in ROLES else _name}:{_name}", name=_name, help=_help)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        check_folder()
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return result if isinstance(result, int) else CLEAN
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was changed\n")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  the boundary: whatever comes here becomes an exit code
        return _ended(_alone(error))


def _alone(error: Exception) -> Exception:
    """What failed, without the groups that work done side by side wraps it in."""
    if not isinstance(error, ExceptionGroup):
        return error
    group = cast("ExceptionGroup[Exception]", error)
    return _alone(group.exceptions[0]) if len(group.exceptions) == 1 else group


def _ended(error: Exception) -> int:
    # Imported here: a run that ends well shows nothing by it.
    from rich.markup import escape

    from trimtab.report.console import PlainConsole

    console = PlainConsole(stderr=True, highlight=False)
    if isinstance(error, CycloptsError | TrimtabError):
        console.print(f"[bold red]error:[/] {escape(str(error).strip())}", soft_wrap=True)
        return COULD_NOT_RUN
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone, as `| head` does; say nothing and keep Python from trying to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLEAN
    if isinstance(error, OSError) and error.errno in _FULL:
        # Of a command that looks after its own files this is standard output's; it is nobody's bug in any case.
        console.print(f"[bold red]error:[/] What is to be told cannot be written: {error.strerror}.", soft_wrap=True)
        return COULD_NOT_RUN
    console.print(f"[bold red]This is a bug of trimtab:[/] {type(error).__name__}. Details are in {_crash_log(error)}")
    return OUR_BUG


def _crash_log(error: Exception) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="trimtab-crash-"))
    path = folder / "crash.log"
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    head = f"trimtab {__version__}, Python {sys.version.split()[0]}, {stamp}\n"
    path.write_text(head + "".join(traceback.format_exception(error)), encoding="utf-8", errors="backslashreplace")
    return path


def main() -> NoReturn:
    """Run what was typed, and end with its exit code."""
    stand()
    for stream in (sys.stdout, sys.stderr):
        # A name on disk need be no UTF-8, and it has to be told all the same.
        cast("io.TextIOWrapper", stream).reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    if sys.argv[1:2] == ["review"]:
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """End at once where all that is to be told can be told.

    Taking a fleet apart object by object is a tenth of a review of 44 Dockerfiles, and the system takes all of it back at once.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        # Somebody has closed a stream: Python's own end knows what to do about each.
        return
    os._exit(code)
