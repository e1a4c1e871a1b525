"""`trimtab networks`."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from trimtab.cli.app import CLEAN, COULD_NOT_RUN, FINDINGS
from trimtab.cli.options import Common, Paths, load, show
from trimtab.cli.projects import readable_projects
from trimtab.cli.settle import Applied, apply_wants
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.isolation import NetworkPlan, plan

Plans = list[tuple[ComposeProject, NetworkPlan]]


def networks(
    paths: Paths = (),
    /,
    *,
    apply: Annotated[bool, Parameter(negative="", help="Write the proposal into the compose files.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Propose which service goes on which network: every store on one of its own, with those who talk to it.

    Who talks to whom is read from addresses in the environment, from `depends_on` and from the services' own files. Look at it
    before you apply it: an address that a program makes up at run time is not seen. Exits with 1 when there is a proposal that
    was not written.
    """
    common = common or Common()
    loaded = load(paths, common)
    projects, whole = readable_projects(loaded.fleet, common)
    plans: Plans = [(project, plan(ComposeFacts(loaded.fleet, project))) for project in projects]
    applied = Applied()
    if apply:
        for project, proposal in plans:
            applied = applied.joined(apply_wants(loaded, project, proposal.wants, allow_dirty=allow_dirty))
    show(common, lambda: _data(plans, applied), lambda: _view(plans, applied))
    if not whole:
        return COULD_NOT_RUN
    return FINDINGS if any(proposal.segments for _, proposal in plans) and (not apply or applied.refused) else CLEAN


def _data(plans: Plans, applied: Applied) -> dict[str, object]:
    return {
        "schema": "trimtab.networks/1",
        "projects": [
            {
                "files": list(project.files),
                "networks": [
                    {
                        "name": segment.name,
                        "store": segment.store,
                        "internal": segment.internal,
                        "members": [{"service": edge.service, "why": edge.why} for edge in segment.members],
                    }
                    for segment in proposal.segments
                ],
                "left": list(proposal.left),
            }
            for project, proposal in plans
        ],
        "written": list(applied.written),
        "refused": list(applied.refused),
    }


def _view(plans: Plans, applied: Applied) -> RenderableType:
    parts: list[RenderableType] = []
    for project, proposal in plans:
        table = Table(title=", ".join(project.files), title_justify="left", box=None, pad_edge=False)
        for column in ("network", "store", "who talks to it", "by"):
            table.add_column(column, overflow="fold")
        for segment in proposal.segments:
            name = f"{segment.name}{' (internal)' if segment.internal else ''}"
            for number, edge in enumerate(segment.members):
                table.add_row(*((name, segment.store) if not number else ("", "")), edge.service, edge.why)
        parts += [table] if proposal.segments else [escape(f"{', '.join(project.files)}: nothing to propose")]
        parts += [f"[yellow]stays[/yellow] {escape(reason)}" for reason in proposal.left]
        parts.append("")
    parts += [f"written: {escape(path)}" for path in applied.written]
    parts += [f"[yellow]left alone[/yellow]: {escape(reason)}" for reason in applied.refused]
    return Group(*parts)
