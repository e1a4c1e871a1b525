"""`trimtab networks`."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS
from trimtab.cli.options import Common, Loaded, Paths, load, show
from trimtab.cli.projects import readable_projects
from trimtab.cli.settle import Applied, apply_wants
from trimtab.cli.starting import Started, start_each
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.isolation import NetworkPlan, plan


@dataclass(frozen=True)
class Proposed:
    """One project's proposal, and what became of it where it was started with it."""

    project: ComposeProject
    plan: NetworkPlan
    started: Started = field(default_factory=Started)


Plans = list[Proposed]


def networks(
    paths: Paths = (),
    /,
    *,
    prove: Annotated[bool, Parameter(negative="", help="Start each project before and after.")] = False,
    apply: Annotated[bool, Parameter(negative="", help="Write the proposal into the compose files.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Propose which service goes on which network: every store on one of its own, with those who talk to it.

    Who talks to whom is read from addresses in the environment, from `depends_on` and from the services' own files. Look at it
    before you apply it: an address that a program makes up at run time is not seen. `--prove` starts each project as it is and
    with the proposal; one whose services then do not all run, and become healthy, is not written. Exits with 1 when there is a
    proposal that was not written.
    """
    common = common or Common()
    loaded = load(paths, common)
    projects, whole = readable_projects(loaded, common)
    plans: Plans = [Proposed(project, plan(ComposeFacts(loaded.fleet, project))) for project in projects]
    if prove:
        plans = _started(loaded, plans, common)
    applied = Applied()
    if apply:
        for each in (each for each in plans if not each.started.problem):
            applied = applied.joined(apply_wants(loaded, each.project, each.plan.wants, allow_dirty=allow_dirty))
    show(common, lambda: _data(plans, applied), lambda: _view(plans, applied))
    if not whole:
        return COULD_NOT_RUN
    open_ones = [each for each in plans if each.plan.segments and (not apply or applied.refused or each.started.problem)]
    return FINDINGS if open_ones else CLEAN


def _started(loaded: Loaded, plans: Plans, common: Common) -> Plans:
    """The proposals, each with what became of its project; one without a proposal is not started."""
    tried = [each for each in plans if each.plan.segments]
    texts = [(each.project, settle(loaded.fleet, each.project, each.plan.wants).texts) for each in tried]
    found = iter(start_each(loaded, texts, 1, common))
    return [replace(each, started=next(found)) if each.plan.segments else each for each in plans]


def _data(plans: Plans, applied: Applied) -> dict[str, object]:
    return {
        "schema": "trimtab.networks/1",
        "projects": [
            {
                "files": list(each.project.files),
                "networks": [
                    {
                        "name": segment.name,
                        "store": segment.store,
                        "internal": segment.internal,
                        "members": [{"service": edge.service, "why": edge.why} for edge in segment.members],
                    }
                    for segment in each.plan.segments
                ],
                "left": list(each.plan.left),
                "apart": list(each.plan.apart),
                "started": [[pair.before, pair.after] for pair in each.started.measured.pairs]
                if each.started.measured
                else None,
                "problem": each.started.problem or None,
            }
            for each in plans
        ],
        "written": list(applied.written),
        "refused": list(applied.refused),
    }


def _view(plans: Plans, applied: Applied) -> RenderableType:
    parts: list[RenderableType] = []
    for proposed in plans:
        project, proposal = proposed.project, proposed.plan
        table = Table(title=", ".join(project.files), title_justify="left", box=None, pad_edge=False)
        for column in ("network", "store", "who talks to it", "by"):
            table.add_column(column, overflow="fold")
        for segment in proposal.segments:
            name = f"{segment.name}{' (internal)' if segment.internal else ''}"
            for number, edge in enumerate(segment.members):
                table.add_row(*((name, segment.store) if not number else ("", "")), edge.service, edge.why)
        parts += [table] if proposal.segments else [escape(f"{', '.join(project.files)}: {_nothing(proposal)}")]
        parts += [f"[yellow]stays[/yellow] {escape(reason)}" for reason in proposal.left]
        parts += _proof(proposed.started)
        parts.append("")
    parts += [f"written: {escape(path)}" for path in applied.written]
    parts += [f"[yellow]left alone[/yellow]: {escape(reason)}" for reason in applied.refused]
    return Group(*parts)


def _nothing(proposal: NetworkPlan) -> str:
    """Why there is nothing to propose."""
    if proposal.apart:
        return f"nothing to propose: only those who use {', '.join(proposal.apart)} share a network with it"
    return "nothing to propose" + ("" if proposal.left else ": none of its images is known as a database, cache or broker")


def _proof(started: Started) -> list[RenderableType]:
    """What came of starting a project, empty where it was not."""
    if started.problem:
        return [f"[red]not proven:[/red] {escape(started.problem)}"]
    if started.measured is None:
        return []
    seconds = f"{started.measured.before:.1f} s → {started.measured.after:.1f} s"
    return [f"[green]started[/green] before and after ({seconds}): every service runs, and is healthy where it has a check"]
