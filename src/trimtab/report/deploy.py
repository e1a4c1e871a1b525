"""What people and programs read about deployments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Protocol

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from trimtab.deploy.holder.runtime import Counters
from trimtab.deploy.observed import Observed
from trimtab.deploy.outcome import Outcome, Result, ServiceOutcome
from trimtab.deploy.plan import Plan
from trimtab.history.deployments import DeploymentRow, ServiceRow, StepRow
from trimtab.report import figures

_STYLES = {
    Outcome.DEPLOYED: "green",
    Outcome.ROLLED_BACK: "yellow",
    Outcome.FAILED: "bold red",
    Outcome.UNTOUCHED: "dim",
}


def short(image: str) -> str:
    """An image's id as people compare it."""
    return image.removeprefix("sha256:")[:12]


def plan_data(plan: Plan) -> dict[str, object]:
    """A plan for programs."""
    return plan.data()


def plan_view(plan: Plan, problems: Sequence[str] = (), notes: Sequence[str] = ()) -> RenderableType:
    """A plan for people, with what is against it."""
    parts: list[RenderableType] = [Text(plan.told().rstrip("\n"))]
    if plan.empty:
        parts = [f"nothing to do: everything of `{escape(plan.project)}` runs as it is wanted"]
    parts += [f"[yellow]note:[/] {escape(each)}" for each in notes]
    return Group(*parts, *([refusal_view(problems, plan.kind)] if problems else []))


class Refused(Protocol):
    """A plan for any target, as far as it is told when it is not carried out."""

    @property
    def project(self) -> str: ...
    @property
    def kind(self) -> str: ...


def refusal_data(plan: Refused, problems: Sequence[str]) -> dict[str, object]:
    """A deployment that was not begun, for programs."""
    return {
        "schema": "trimtab.deployment/1", "deployment": None, "project": plan.project, "revision": None, "kind": plan.kind,
        "outcome": "refused", "problems": list(problems),
    }  # fmt: skip


def refusal_view(problems: Sequence[str], kind: str) -> RenderableType:
    """A deployment or rollback that was not begun, for people."""
    lines = "\n".join(f"  - {escape(each)}" for each in problems)
    head = "not rolled back" if kind == "rollback" else "not deployed"
    return f"[bold red]{head}[/], and nothing was touched:\n{lines}"


def result_data(result: Result) -> dict[str, object]:
    """A deployment for programs."""
    return {
        "schema": "trimtab.deployment/1",
        "deployment": result.deployment,
        "project": result.plan.project,
        "revision": result.plan.revision,
        "kind": result.plan.kind,
        "outcome": result.outcome,
        "interrupted": result.interrupted,
        "problem": result.problem,
        "seconds": round(result.seconds, 3),
        "services": {name: _outcome_data(each) for name, each in result.services.items()},
        "stays": dict(result.plan.stays),
        "warnings": list(result.warnings),
    }


def _outcome_data(each: ServiceOutcome) -> dict[str, object]:
    return {
        "outcome": str(each.outcome),
        "strategy": str(each.strategy),
        "reason": each.reason,
        "seconds": round(each.seconds, 3),
        "healthy_after": None if each.healthy is None else round(each.healthy, 3),
        "away": None if each.away is None else round(each.away, 3),
        "image_before": each.before,
        "image_after": each.after,
    }


def result_view(result: Result) -> RenderableType:
    """A deployment for people."""
    if result.problem:
        return f"[bold red]not deployed[/]: {escape(result.problem)}\nNothing that runs was touched."
    parts: list[RenderableType] = []
    if result.services:
        table = Table(box=None, pad_edge=False)
        for column in ("service", "outcome", "how", "took", "away", "image", ""):
            table.add_column(column, overflow="fold", justify="right" if column in {"took", "away"} else "left")
        for name, each in result.services.items():
            style = _STYLES[each.outcome]
            changed = each.before and each.after and each.before != each.after
            image = f"{short(each.before)} → {short(each.after)}" if changed else short(each.after)
            took = figures.seconds(each.seconds) if each.seconds else ""
            away = "" if each.away is None else figures.seconds(each.away)
            outcome = f"[{style}]{each.outcome}[/]"
            table.add_row(name, outcome, str(each.strategy), took, away, image, escape(each.reason))
        parts.append(table)
    parts += [f"[yellow]note:[/] {escape(each)}" for each in result.warnings]
    parts.append(_last_line(result))
    return Group(*parts)


def _last_line(result: Result) -> str:
    plan = result.plan
    deployed = sum(each.outcome is Outcome.DEPLOYED for each in result.services.values())
    if not result.services:
        return f"[green]deployed[/] revision {plan.revision}: no service changed, in {figures.seconds(result.seconds)}"
    said = f"revision {plan.revision}: {deployed} of {len(result.services)} services in {figures.seconds(result.seconds)}"
    if result.outcome == "done":
        return f"[green]deployed[/] {said}"
    if result.outcome == "failed":
        return f"[bold red]failed[/] {said}: a service runs neither its new version nor the one before. Look at it now."
    undone = [each for each in result.services.values() if each.outcome is Outcome.ROLLED_BACK]
    return f"[yellow]rolled back[/] {said}: {_instead(undone)}"


def _instead(undone: Iterable[ServiceOutcome]) -> str:
    """What runs in the place of versions that were taken back."""
    ran = {bool(each.before) for each in undone}
    if ran == {False}:
        return "what failed is gone, and nothing ran before"
    return "every service that failed runs what it ran before" + (", or nothing where nothing did" if False in ran else "")


Held = Mapping[str, Counters | None]
"""What the holder has counted of each service behind it; None where it does not answer."""


def status_data(observed: Observed, unfinished: DeploymentRow | None, held: Held | None = None) -> dict[str, object]:
    """What runs, for programs."""
    return {
        "schema": "trimtab.status/1",
        "project": observed.project,
        "unfinished": unfinished.id if unfinished else None,
        "services": [
            {
                "service": each.service,
                "number": each.number,
                "container": each.container.name,
                "state": each.container.state,
                "health": each.container.health,
                "revision": each.revision,
                "source": each.source,
                "image": each.container.image,
                "started": each.container.started,
                "restarts": each.container.restarts,
                "revisions": [kept.revision for kept in observed.revisions(each.service)],
            }
            for each in observed.instances
        ],
        "holder": {name: None if each is None else _counters_data(each) for name, each in (held or {}).items()},
    }


def _counters_data(counters: Counters) -> dict[str, object]:
    return {**asdict(counters), "failed": counters.failed, "error_rate": counters.error_rate}


def _held_view(held: Held) -> RenderableType:
    """What callers got behind the holder since its HAProxy was started."""
    table = Table(box=None, pad_edge=False, title="behind the holder", title_justify="left")
    for column in ("service", "requests", "failed", "of them 5xx", "no connection", "broken off", "tried again", "passed on"):
        table.add_column(column, justify="left" if column == "service" else "right")
    for name, each in held.items():
        numbers = (
            ("not known: it does not answer",)
            if each is None
            else (each.sessions, each.failed, each.server_errors, each.refused, each.broken, each.retried, each.passed_on)
        )
        table.add_row(name, *(str(number) for number in numbers))
    return table


def status_view(observed: Observed, unfinished: DeploymentRow | None, held: Held | None = None) -> RenderableType:
    """What runs, for people."""
    table = Table(box=None, pad_edge=False, title=observed.project, title_justify="left")
    for column in ("service", "state", "health", "revision", "image", "restarts", "can go back to"):
        table.add_column(column, overflow="fold", justify="right" if column == "restarts" else "left")
    for each in observed.instances:
        container = each.container
        state = f"[green]{container.state}[/]" if container.state == "running" else f"[red]{container.state}[/]"
        health = {"healthy": "[green]healthy[/]", "unhealthy": "[bold red]unhealthy[/]"}.get(
            container.health or "", container.health or "no check"
        )
        kept = [str(other.revision) for other in observed.revisions(each.service) if other.revision != each.source]
        title = each.service if each.number == 1 else f"{each.service} {each.number}"
        table.add_row(
            title,
            state,
            health,
            _revision(each.revision, each.source),
            short(container.image),
            str(container.restarts or ""),
            ", ".join(kept),
        )
    notes: list[RenderableType] = [table] if observed.instances else [f"nothing of `{observed.project}` is there"]
    notes += ["", _held_view(held)] if held else []
    return Group(*notes, *([unfinished_view(unfinished)] if unfinished is not None else []))


def unfinished_view(row: DeploymentRow) -> RenderableType:
    """A deployment that was begun and has not ended, for people."""
    return (
        f"[bold yellow]revision {row.revision} is unfinished[/]: `trimtab deploy --resume` goes on with it, `trimtab rollback`"
        " undoes it"
    )


def _revision(revision: int | None, source: int | None) -> str:
    if revision is None:
        return "not by trimtab"
    return str(revision) if source in {revision, None} else f"{revision} (as {source})"


def deployments_data(rows: Sequence[DeploymentRow], services: Mapping[str, Sequence[ServiceRow]]) -> dict[str, object]:
    """Deployments over time, for programs."""
    return {
        "schema": "trimtab.deployments/1",
        **rates(rows, services),
        "deployments": [
            {**_row_data(row), "services": {each.service: each.outcome for each in services.get(row.id, ())}} for row in rows
        ],
    }


def _row_data(row: DeploymentRow) -> dict[str, object]:
    names = ("id", "project", "revision", "kind", "started", "seconds", "git", "outcome", "reason")
    return {name: getattr(row, name) for name in names}


def deployment_data(row: DeploymentRow, services: Sequence[ServiceRow], steps: Sequence[StepRow]) -> dict[str, object]:
    """One deployment with every step, for programs."""
    return {
        "schema": "trimtab.deployment-log/1",
        **_row_data(row),
        "services": [{key: value for key, value in asdict(each).items() if key != "deployment"} for each in services],
        "steps": [asdict(each) for each in steps],
    }


def deployment_view(row: DeploymentRow, services: Sequence[ServiceRow], steps: Sequence[StepRow]) -> RenderableType:
    """One deployment with every step, for people."""
    table = Table(box=None, pad_edge=False)
    for column in ("at", "service", "step", "took"):
        table.add_column(column, overflow="fold", justify="right" if column == "took" else "left")
    for each in steps:
        took = "not known to have ended" if each.seconds is None else figures.seconds(each.seconds)
        text = f"back: {each.step}" if each.direction == "back" else each.step
        table.add_row(each.started[11:23], each.service or "all", escape(text), took)
    lines = [f"  {each.service}: {each.outcome} {each.reason}{_away(each)}".rstrip() for each in services]
    head = f"revision {row.revision} of {row.project}: {row.outcome or 'unfinished'}, begun {row.started[:19]}"
    return Group(escape(head), *map(escape, lines), table)


def _away(row: ServiceRow) -> str:
    return "" if row.away is None else f", away for {figures.seconds(row.away)}"


def rates(rows: Sequence[DeploymentRow], services: Mapping[str, Sequence[ServiceRow]]) -> dict[str, float | int | None]:
    """How deployments have gone: counts, shares of 1, and seconds. What nothing is known of is None."""
    ended = [row for row in rows if row.kind == "deploy" and row.outcome is not None]
    done = [row for row in ended if row.outcome == "done"]
    said = [each.passed for row in ended for each in services.get(row.id, ()) if each.passed is not None]
    seconds = sorted(row.seconds for row in done if row.seconds is not None)
    return {
        "count": len(ended),
        "success_rate": len(done) / len(ended) if ended else None,
        "rollback_rate": sum(row.outcome == "rolled-back" for row in ended) / len(ended) if ended else None,
        "rollbacks_asked_for": sum(row.kind == "rollback" for row in rows),
        "health_pass_rate": sum(said) / len(said) if said else None,
        "median_seconds": seconds[len(seconds) // 2] if seconds else None,
    }


def deployments_view(rows: Sequence[DeploymentRow], services: Mapping[str, Sequence[ServiceRow]]) -> RenderableType:
    """Deployments over time, for people."""
    if not rows:
        return "nothing was deployed here yet: `trimtab deploy` does it"
    table = Table(box=None, pad_edge=False)
    for column in ("revision", "started", "kind", "outcome", "took", "services", "why"):
        table.add_column(column, overflow="fold")
    for row in rows:
        mine = services.get(row.id, ())
        deployed = sum(each.outcome == "deployed" for each in mine)
        took = figures.seconds(row.seconds) if row.seconds is not None else ""
        table.add_row(
            str(row.revision),
            row.started[:19],
            row.kind,
            row.outcome or "unfinished",
            took,
            f"{deployed} of {len(mine)}",
            escape(row.reason),
        )
    found = rates(rows, services)
    share = {
        key: f"{value:.0%}" if isinstance(value, float) else "not known"
        for key, value in found.items()
        if key.endswith("_rate")
    }
    median = found["median_seconds"]
    last = f"{found['count']} deployments: {share['success_rate']} succeeded, {share['rollback_rate']} were rolled back,"
    last += f" {share['health_pass_rate']} of the new versions with a health check passed it"
    return Group(table, last + (f"; median {figures.seconds(median)}" if median else ""))
