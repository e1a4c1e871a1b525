"""`trimtab resources`."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter
from rich.console import Group, RenderableType
from rich.table import Table

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Paths, load, show
from trimtab.cli.settle import Applied, apply_wants
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.sizing import Proposal, propose
from trimtab.fleet.sizes import byte_size, size_text

Plan = tuple[ComposeProject, list[Proposal]]


def resources(
    paths: Paths = (),
    /,
    *,
    apply: Annotated[bool, Parameter(negative="", help="Write the limits and reservations that are missing.")] = False,
    allow_dirty: Annotated[bool, Parameter(negative="", help="Change files with uncommitted changes, too.")] = False,
    common: Common | None = None,
) -> int:
    """Propose memory and CPU limits for every service, with all of them together against the host's memory.

    Without observed use the sizes are defaults by the kind of service, and are called that. A limit that is there is never
    changed. Exits with 1 when something is missing and was not written.
    """
    common = common or Common()
    loaded = load(paths, common)
    plans: list[Plan] = [(project, list(propose(ComposeFacts(loaded.fleet, project)))) for project in loaded.fleet.projects]
    applied = Applied()
    if apply:
        for project, proposals in plans:
            wants = [want for proposal in proposals for want in proposal.wants]
            applied = applied.joined(apply_wants(loaded, project, wants, allow_dirty=allow_dirty))
    host = byte_size(loaded.config.host_memory)
    show(common, lambda: _data(plans, host, applied), lambda: _view(plans, host, applied))
    missing = any(proposal.wants for _, proposals in plans for proposal in proposals)
    return FINDINGS if missing and (not apply or applied.refused) else CLEAN


def _data(plans: Sequence[Plan], host: int | None, applied: Applied) -> dict[str, object]:
    return {
        "schema": "trimtab.resources/1",
        "host_memory": host,
        "projects": [
            {
                "files": list(project.files),
                "limits": sum(each.after.limit for each in proposals),
                "services": [
                    {
                        "service": each.service.name,
                        "kind": each.kind,
                        "basis": each.basis,
                        "before": dict(zip(("memory", "reservation", "cpus"), each.before, strict=True)),
                        "after": {"memory": each.after.limit, "reservation": each.after.reservation, "cpus": each.after.cpus},
                    }
                    for each in proposals
                ],
            }
            for project, proposals in plans
        ],
        "written": list(applied.written),
        "refused": list(applied.refused),
    }


def _view(plans: Sequence[Plan], host: int | None, applied: Applied) -> RenderableType:
    parts: list[RenderableType] = []
    for project, proposals in plans:
        table = Table(title=", ".join(project.files), title_justify="left", box=None, pad_edge=False)
        for column in ("service", "memory", "reserved", "cpus", "basis"):
            table.add_column(column, justify="left" if column in {"service", "basis"} else "right", no_wrap=True)
        for each in proposals:
            limit, reservation, cpus = each.before
            table.add_row(
                each.service.name,
                _cell(size_text(limit) if limit else None, size_text(each.after.limit)),
                _cell(size_text(reservation) if reservation else None, size_text(each.after.reservation)),
                _cell(f"{cpus:g}" if cpus else None, f"{each.after.cpus:g}"),
                each.basis if each.wants else "as it is",
            )
        total = sum(each.after.limit for each in proposals if not each.service.profiles)
        against = f" of the host's {size_text(host)}: {total / host:.0%}" if host else "; `host-memory` says what the host has"
        parts += [table, f"limits together: {size_text(total)}{against}", ""]
    parts += [f"written: {path}" for path in applied.written]
    parts += [f"[yellow]left alone[/yellow]: {reason}" for reason in applied.refused]
    return Group(*parts) if parts else "no compose project"


def _cell(before: str | None, after: str) -> str:
    return before if before else f"[dim]none →[/dim] [bold]{after}[/bold]"
