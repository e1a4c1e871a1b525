"""`trimtab workflow`."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import anyio
from cyclopts import App, Parameter
from pydantic import TypeAdapter

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS, INTERRUPTED
from trimtab.cli.crew import Folder, Understood, briefed, understood, worker
from trimtab.cli.fix import refuse_off_branch
from trimtab.cli.live import interruptible
from trimtab.cli.optimize import Effort
from trimtab.cli.options import Common, Offline, check_format, show
from trimtab.crew.branch import Branch
from trimtab.crew.model import Brief, Report, Role
from trimtab.crew.render import index_markdown, report_view, workflow_view
from trimtab.crew.results import artefacts, report_data, write_whole
from trimtab.crew.workflow import Ended, Kind, finished, work_through
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.git import check_branch, has_branch, head, place
from trimtab.history import Store, history_folder, new_run, opened
from trimtab.history.crew import CrewStep

workflow = App(name="workflow", help="Let the roles work one after the other, on a branch, with gates between them.")
Prompt = Annotated[str, Parameter(help="What is wanted, in plain words.")]
Auto = Annotated[bool, Parameter(negative="", help="Ask nobody between the roles.")]
Resume = Annotated[str, Parameter(help="Go on with the run of this name: roles that ended well are not asked again.")]


@dataclass(frozen=True)
class _Asked:
    """What a run was begun with, kept for its resumption."""

    kind: Kind
    prompt: str
    effort: Effort
    offline: bool
    commit: str = ""
    """What was checked out, which the branch began at."""


_ASKED = TypeAdapter(_Asked)


@workflow.command
def full(
    folder: Folder = Path(), /, *, prompt: Prompt = "", auto: Auto = False, resume: Resume = "",
    offline: Offline = False,
    effort: Effort | None = None, common: Common | None = None,
) -> int:  # fmt: skip
    """All nine roles: analyst, planner, architect, designer, implementer, reviewer, tester, ops, documenter.

    Ends with the optimised tree on a branch of its own, with evidence, pipeline, scripts, alert rules and documentation. The
    user's own tree stays as it is. Exits with 0 when every role has ended well, with 1 when one failed, and with 2 when
    something could not be checked.
    """
    return _flow(_Asked(Kind.FULL, prompt, effort or Effort(), offline), folder, resume, common or Common(), auto=auto)


@workflow.command
def rapid(
    folder: Folder = Path(), /, *, prompt: Prompt = "", auto: Auto = False, resume: Resume = "",
    offline: Offline = False,
    effort: Effort | None = None, common: Common | None = None,
) -> int:  # fmt: skip
    """Four roles: planner, implementer, reviewer, tester. What they change is on a branch."""
    return _flow(_Asked(Kind.RAPID, prompt, effort or Effort(), offline), folder, resume, common or Common(), auto=auto)


def _flow(asked: _Asked, folder: Path, resume: str, common: Common, *, auto: bool) -> int:
    check_format(common, ("markdown",))
    if not auto and not sys.stdin.isatty():
        raise UsageError("There is nobody to ask between the roles: run it on a terminal, or with --auto.")
    root = folder.resolve()
    if not root.is_dir():
        raise UsageError(f"`{folder}` is no folder.")
    run = resume or new_run()
    if resume:
        asked = _taken_up(asked, _read(root, run, asked.kind), run)
    if not asked.prompt.strip():
        raise UsageError('Say what is wanted: `--prompt "Optimize containers, builds and deployment"`.')
    meant = understood(root, asked.prompt, common, offline=asked.offline)
    branch = f"trimtab/{run}"
    if not resume:
        anyio.run(check_branch, ProcessRunner(), root, branch)
    refuse_off_branch(root, meant.loaded.fleet)
    asked = _at_its_beginning(asked, root, run)
    with opened(root) as store:
        brief = briefed(meant, store, run, asked.effort)
        if finished(brief, Role.IMPLEMENTER) and not anyio.run(has_branch, ProcessRunner(), root, branch):
            raise UsageError(f"The branch `{branch}` is gone, and with it what this run has changed: begin a new run.")
        write_whole(brief.folder / "workflow.json", _ASKED.dump_json(asked, indent=2).decode())
        if not resume:
            store.begin(run, f"workflow {asked.kind}")
        return _worked(asked.kind, brief, branch, store, meant, common, auto=auto)


def _read(root: Path, run: str, kind: Kind) -> _Asked:
    """What a run was begun with.

    Raises:
        UsageError: there is no such run of this kind.
    """
    try:
        asked = _ASKED.validate_json((history_folder(root) / "runs" / run / "workflow.json").read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"There is no workflow `{run}` to go on with. `.trimtab/runs` has those that there are.") from error
    if asked.kind is not kind:
        raise UsageError(f"The run `{run}` is a {asked.kind} workflow: `trimtab workflow {asked.kind} --resume {run}`.")
    return asked


def _at_its_beginning(asked: _Asked, root: Path, run: str) -> _Asked:
    """What was asked for, with the commit that the branch begins at.

    Raises:
        UsageError: the run began at another one, so that what it has seen is not what is there now.
    """
    here = (anyio.run(head, ProcessRunner(), root) or "").removesuffix("+")
    if asked.commit not in {"", here}:
        raise UsageError(
            f"The run `{run}` began at {asked.commit}, and {here} is checked out: what it has seen is another tree. "
            "Check that out again, or begin a new run."
        )
    return replace(asked, commit=here)


def _taken_up(now: _Asked, then: _Asked, run: str) -> _Asked:
    """What a run goes on with: what it was begun with, as roles that ended well have done that.

    Raises:
        UsageError: something else is asked for now.
    """
    other = [
        *(["--prompt"] if now.prompt.strip() not in {"", then.prompt.strip()} else []),
        *(["--offline"] if now.offline and not then.offline else []),
        *(["how it is measured"] if now.effort not in {Effort(), then.effort} else []),
    ]
    if other:
        raise UsageError(
            f"The run `{run}` was begun with other words: {', '.join(other)}. Go on with it without, or begin a new one. "
            f"It was asked for: “{then.prompt}”"
        )
    return then


def _worked(
    kind: Kind, brief: Brief, name: str, store: Store, meant: Understood, common: Common, *, auto: bool
) -> int:  # fmt: skip
    branch = _branch(brief, name)
    brief = replace(
        brief, tree=branch.fleet, branch=name, project=f"trimtab-{brief.run}", check_out=branch.check_out, commit=branch.commit,
        before=branch.before,
    )  # fmt: skip

    def tell(report: Report) -> None:
        if not common.quiet:
            common.messages.print(report_view(report, sources=common.verbose))

    async def go_on(role: Role) -> bool:
        return auto or await anyio.to_thread.run_sync(_confirmed, role, common)

    async def work() -> Ended:
        return await work_through(kind, brief, worker(store, brief, common), tell, go_on)

    try:
        ended = anyio.run(interruptible, work)
        if ended is not None and ended.paused_before is None:
            anyio.run(branch.leave, brief.project)
    except BaseException:
        store.end(brief.run, "failed")
        raise
    outcome = _outcome(ended)
    store.end(brief.run, outcome)
    if ended is None:
        common.messages.print(f"interrupted: go on with `trimtab workflow {kind} --resume {brief.run}`", soft_wrap=True)
        return INTERRUPTED
    _show(kind, brief, ended, outcome, meant, common, store.crew.rows(brief.run))
    return _code(ended)


def _branch(brief: Brief, name: str) -> Branch:
    """The branch, in a folder that is called as the repository's is: compose names a project after its folder."""
    where = anyio.run(place, ProcessRunner(), brief.root)
    return Branch(ProcessRunner(), where.top, brief.folder / where.top.name, where.inside, name)


def _confirmed(role: Role, common: Common) -> bool:
    try:
        return common.messages.input(f"go on with the {role}? \\[Y/n] ").strip().lower() in {"", "y", "yes"}
    except EOFError:
        return False


def _outcome(ended: Ended | None) -> str:
    if ended is None:
        return "interrupted"
    if ended.paused_before:
        return f"paused before the {ended.paused_before}"
    if ended.stopped_by:
        return f"stopped by the {ended.stopped_by}"
    return "done" if ended.is_good else "done, but not good"


def _code(ended: Ended) -> int:
    if ended.is_good or ended.paused_before:
        return CLEAN
    return COULD_NOT_RUN if ended.could_not_run else FINDINGS


def _show(
    kind: Kind, brief: Brief, ended: Ended, outcome: str, meant: Understood, common: Common, steps: Sequence[CrewStep]
) -> None:  # fmt: skip
    facts = [
        ("run", brief.run), ("outcome", outcome), ("asked for", meant.instruction.text), ("branch", brief.branch),
        *((f"refused: {each.said}", each.reason) for each in meant.refused),
    ]  # fmt: skip
    if ended.paused_before or ended.stopped_by:
        facts.append(("go on with", f"trimtab workflow {kind} --resume {brief.run}"))
    files = {report.role: artefacts(brief, report.role) for report in ended.reports}
    index = index_markdown(f"Workflow {kind}: {outcome}", facts, ended.reports, files, steps)
    data = {
        **_data(kind, brief, ended, outcome, dict(facts)),
        "artefacts": {str(role): list(paths) for role, paths in files.items()},
        "steps": [asdict(each) for each in steps],
    }
    write_whole(brief.folder / "index.md", index)
    write_whole(brief.folder / "index.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    show(
        common,
        lambda: data,
        lambda: workflow_view(f"workflow {kind}: {outcome}", ended.reports, facts),
        {"markdown": lambda: index},
    )
    if not common.quiet:
        common.messages.print(f"reports: {brief.folder / 'index.md'}", markup=False, soft_wrap=True)


def _data(kind: Kind, brief: Brief, ended: Ended, outcome: str, facts: Mapping[str, str]) -> dict[str, object]:
    return {
        "schema": "trimtab.workflow/1",
        "run": brief.run,
        "kind": str(kind),
        "outcome": outcome,
        "good": ended.is_good,
        "prompt": facts["asked for"],
        "branch": brief.branch,
        "reports": [report_data(each) for each in ended.reports],
    }
