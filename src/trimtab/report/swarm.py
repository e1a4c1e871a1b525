"""What people and programs read about a project on a swarm."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.deploy.targets.swarm.cluster import Seen, Service
from trimtab.deploy.targets.swarm.kept import Kept
from trimtab.deploy.targets.swarm.plan import SwarmPlan, nodes_said
from trimtab.deploy.targets.swarm.state import UpdateOutcome
from trimtab.deploy.targets.swarm.verdict import failure, left_behind
from trimtab.deploy.targets.swarm.waves import mark
from trimtab.history.deployments import DeploymentRow
from trimtab.report.deploy import refusal_view, short, unfinished_view


def plan_view(
    plan: SwarmPlan, problems: Sequence[str] = (), notes: Sequence[str] = (), unwell: Sequence[str] = ()
) -> RenderableType:  # fmt: skip
    """A plan for people, with what is against it, and what does not run of that which is not to change."""
    nothing = f"nothing to do: everything of `{escape(plan.project)}` is on the swarm as it is wanted"
    nothing += ", and not all of it runs" if unwell else ""
    parts: list[RenderableType] = [nothing if plan.empty and not problems else Text(plan.told().rstrip("\n"))]
    parts += [f"[yellow]note:[/] {escape(each)}" for each in notes]
    parts += [f"[bold red]does not run:[/] {escape(each)}" for each in unwell]
    return Group(*parts, *([refusal_view(problems, plan.kind)] if problems else []))


def status_data(seen: Seen, kept: Sequence[Kept], unfinished: DeploymentRow | None) -> dict[str, object]:
    """What runs, for programs."""
    return {
        "schema": "trimtab.swarm-status/1",
        "project": seen.project,
        "unfinished": unfinished.id if unfinished else None,
        "nodes": [
            {"node": node.name, "state": node.state, "availability": node.availability, "manager": node.manager}
            for node in sorted(seen.nodes.values(), key=lambda node: node.name)
        ],
        "services": [
            {
                "service": each.name,
                "mode": each.mode,
                "running": len(each.serving),
                "wanted": each.wanted,
                "well": each.well,
                "update": each.update.outcome,
                "message": each.update.message,
                "reason": _why(seen, each),
                "revision": each.revision,
                "source": each.source,
                "image": each.image,
                "out_of_reach": sorted({seen.place(task) for task in left_behind(seen, each)}),
                "revisions": _revisions(kept, each),
            }
            for each in seen.services.values()
        ],
    }


def status_view(seen: Seen, kept: Sequence[Kept], unfinished: DeploymentRow | None) -> RenderableType:
    """What runs, for people."""
    table = Table(box=None, pad_edge=False, title=f"{seen.project}, on {nodes_said(seen)}", title_justify="left")
    for column in ("service", "runs", "last update", "revision", "image", "can go back to"):
        table.add_column(column, overflow="fold")
    for each in seen.services.values():
        style = "green" if each.well else "bold red"
        runs = (
            f"[{style}]{len(each.serving)} of {each.wanted}[/]" if not each.is_job else f"[{style}]job, {each.wanted} wanted[/]"
        )
        others = [str(number) for number in _revisions(kept, each) if number != each.source]
        table.add_row(each.name, runs, _update(each), _revision(each), short(mark(each.image)), ", ".join(others))
    parts: list[RenderableType] = [table] if seen.services else [f"nothing of `{escape(seen.project)}` is on the swarm"]
    for each in seen.services.values():
        why = _why(seen, each)
        parts += [f"[yellow]{escape(each.name)}:[/] {escape(why)}"] if why else []
        places = ", ".join(sorted({seen.place(task) for task in left_behind(seen, each)}))
        parts += (
            [f"[yellow]{escape(each.name)}:[/] {escape(places)} cannot be reached, and may still run what was there"]
            if places
            else []
        )
    parts += [
        f"[bold yellow]the node {escape(node.name)} is {node.state}[/]: the managers cannot reach it" for node in seen.lost
    ]
    return Group(*parts, *([unfinished_view(unfinished)] if unfinished else []))


def _update(service: Service) -> str:
    outcome = service.update.outcome
    style = {UpdateOutcome.COMPLETED: "green", UpdateOutcome.NEVER: "dim"}.get(outcome, "yellow")
    return f"[{style}]{'none' if outcome is UpdateOutcome.NEVER else outcome.replace('_', ' ')}[/]"


def _revision(service: Service) -> str:
    if service.revision is None:
        return "not by trimtab"
    return str(service.revision) if service.source == service.revision else f"{service.revision} (as {service.source})"


def _why(seen: Seen, service: Service) -> str:
    """Why the last update was given up, or why not all of it runs; empty where there is nothing to say."""
    given_up = service.update.outcome in {UpdateOutcome.PAUSED, UpdateOutcome.ROLLBACK_PAUSED, UpdateOutcome.ROLLBACK_COMPLETED}
    if not given_up and service.well:
        return ""
    if service.nowhere:
        return "it is to run on every node that fits its constraints, and none does"
    return failure(seen, service.tasks, service.since) or service.update.message


def _revisions(kept: Sequence[Kept], service: Service) -> list[int]:
    return [each.revision for each in kept if each.service == service.name]
