"""What the journal says of deployments, and what containers were seen to use."""

from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from functools import partial
from statistics import median

from trimtab.history.containers import Place
from trimtab.history.deployments import DeploymentRow, ServiceRow
from trimtab.history.totals import Total
from trimtab.report.deploy import rates
from trimtab.report.overview.known import RECENT, Known
from trimtab.report.overview.model import Better, Deployed, Empty, Group, Metric, Sourced, Target, Unit, Used, Where
from trimtab.report.overview.spans import change, halves
from trimtab.report.words import counted

_DEPLOY = "trimtab deploy"
_GONE = 300.0
"""Seconds for which a container was not seen beside others of its project, after which it is not there any more."""
Rows = Sequence[DeploymentRow]


def deployment_metrics(known: Known) -> list[Metric]:
    """The figures of deployments."""
    rows = [row for row in known.deployments if row.kind == "deploy" and row.outcome is not None]
    newer, older = halves(rows, 2 * RECENT)
    nothing = "nothing was deployed here yet"
    time = partial(
        Metric, "deployment_time", Group.DEPLOYMENT, "Deployment time", Unit.SECONDS, "lower",
        f"Median of those that succeeded, in the newer half of the last {2 * RECENT}, against the older half.", _DEPLOY,
    )  # fmt: skip
    value = _median(newer)
    found = [time(note=nothing if not rows else "none of the last succeeded")]
    if value is not None:
        found = [
            time(value=value, where=_where(newer), change=change(_median(older), value, _where(older)) if older else None)
        ]  # fmt: skip
    for key, title, better, target, rate in _RATES:
        make = partial(
            Metric, key, Group.DEPLOYMENT, title, Unit.SHARE, better,
            f"Over the newer half of the last {2 * RECENT} deployments, against the older half.", _DEPLOY,
        )  # fmt: skip
        now = _rate(known, newer, rate)
        if now is None:
            why = "no new version had a health check" if newer else nothing
            found.append(make(target=Target(target, None, "by default"), note=why))
            continue
        before = change(_rate(known, older, rate), now, _where(older)) if older else None
        met = now == (1.0 if better == "higher" else 0.0)
        note = counted(len(newer), "deployment") + _asked_for(known, key) + _unchecked(known, newer, key)
        found.append(make(value=now, where=_where(newer), change=before, target=Target(target, met, "by default"), note=note))
    return found


_RATES: Sequence[tuple[str, str, Better, str, str]] = (
    ("deployment_success_rate", "Deployments that succeeded", "higher", "all", "success_rate"),
    ("rollback_rate", "Deployments that were rolled back", "lower", "none", "rollback_rate"),
    ("health_pass_rate", "New versions that passed their health check", "higher", "all", "health_pass_rate"),
)  # fmt: skip


def _rate(known: Known, rows: Rows, name: str) -> float | None:
    return rates(rows, known.services)[name]


def _asked_for(known: Known, key: str) -> str:
    asked = sum(row.kind == "rollback" for row in known.deployments)
    return f"; {counted(asked, 'rollback')} asked for" if key == "rollback_rate" and asked else ""


def _unchecked(known: Known, rows: Rows, key: str) -> str:
    unchecked = sum(each.passed is None for row in rows for each in _touched(known.services.get(row.id, ())))
    return f"; {unchecked} of which no check has said anything left out" if key == "health_pass_rate" and unchecked else ""


def _median(rows: Rows) -> float | None:
    seconds = [row.seconds for row in rows if row.outcome == "done" and row.seconds is not None]
    return median(seconds) if seconds else None


def _where(rows: Rows) -> Where:
    return Where(_DEPLOY, rows[0].started, tuple(row.id for row in rows))


def deployments_part(known: Known) -> Sourced[Sequence[Deployed]] | Empty:
    """The last deployments, the newest first."""
    if not known.deployments:
        return Empty("nothing was deployed here yet", _DEPLOY)
    return Sourced([_deployed(row, known.services.get(row.id, ())) for row in known.deployments], _where(known.deployments))


def _deployed(row: DeploymentRow, services: Sequence[ServiceRow]) -> Deployed:
    touched = _touched(services)
    deployed = sum(each.outcome == "deployed" for each in touched)
    return Deployed(
        row.id, row.project, row.revision, row.kind, row.started, row.seconds, row.outcome, row.reason, deployed, len(touched)
    )


def _touched(services: Sequence[ServiceRow]) -> list[ServiceRow]:
    return [each for each in services if each.outcome != "untouched"]


def last_outcomes(known: Known) -> dict[tuple[str, str], str]:
    """How each service's last deployment ended, by project and service, and by no project for whichever was the last."""
    found: dict[tuple[str, str], str] = {}
    for row in known.deployments:
        for each in _touched(known.services.get(row.id, ())):
            for project in (row.project, ""):
                found.setdefault((project, each.service), each.outcome)
    return found


def healthy(known: Known) -> dict[tuple[str, str], float]:
    """Seconds from each service's start until it was healthy, as the last deployment that saw it measured them; by project
    and service, and by no project for whichever was the last."""
    found: dict[tuple[str, str], float] = {}
    for row in known.deployments:
        for each in known.services.get(row.id, ()):
            if each.healthy is not None and each.passed:
                for project in (row.project, ""):
                    found.setdefault((project, each.service), each.healthy)
    return found


def usage_part(known: Known, jobs: Set[tuple[str, str]] = frozenset()) -> Sourced[Sequence[Used]] | Empty:
    """What was used in the last week, the nearest to its memory limit first.

    `jobs` are services that are meant to end: by project where another project has one of that name, and else by no project.
    """
    places = {(each.project, each.service, each.number): each for each in known.places}
    looked: dict[str, float] = {}
    for each in known.places:
        looked[each.project] = max(looked.get(each.project, 0.0), each.seen)
    found = [
        _used(project, total, places.get((project, total.service, total.number)), looked.get(project, 0.0), jobs)
        for project, totals in known.totals.items()
        for total in totals
    ]
    if not found:
        return Empty("nobody has observed what containers use in the last week", "trimtab observe")
    newest = max(total.last for totals in known.totals.values() for total in totals)
    at = datetime.fromtimestamp(newest, UTC).isoformat(timespec="seconds")
    return Sourced(sorted(found, key=_fullest), Where("trimtab observe", at, tuple(known.totals)))


def _fullest(each: Used) -> tuple[float, float, str]:
    return -(each.memory or 0), -(each.memory_max or 0), each.service


def _state(place: Place | None, looked: float, jobs: Set[tuple[str, str]]) -> str:
    """How a container was when its project was looked at last; the state it had once says nothing when it is not there."""
    if place is None:
        return ""
    ended = place.state == "exited" and not jobs.isdisjoint({(place.project, place.service), ("", place.service)})
    return "gone" if place.seen < looked - _GONE else "ended" if ended else place.health or place.state


def _used(project: str, total: Total, place: Place | None, looked: float, jobs: Set[tuple[str, str]]) -> Used:
    return Used(
        project, total.service, total.number, total.seconds, _state(place, looked, jobs),
        total.memory_max, place.memory_limit if place else None, total.cpu_p95, place.cpu_limit if place else None,
        total.throttled_ratio, total.ooms, total.restarts,
    )  # fmt: skip


def memory_shares(usage: Sourced[Sequence[Used]] | Empty) -> Mapping[tuple[str, str], float]:
    """The fullest container of each service, as a share of its limit; by project and service, and by no project over all."""
    found: dict[tuple[str, str], float] = {}
    for each in usage.value if isinstance(usage, Sourced) else ():
        for project in (each.project, "") if each.memory is not None else ():
            found[project, each.service] = max(found.get((project, each.service), 0.0), each.memory or 0.0)
    return found
