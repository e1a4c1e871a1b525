"""The full and the rapid workflow: roles one after the other, with what has to hold between them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from trimtab.crew.model import Brief, Done, Report, Role, Standing, Step
from trimtab.crew.results import keep, report_of
from trimtab.crew.roles import WORKERS
from trimtab.crew.work import Work


class Kind(StrEnum):
    """Which roles take part."""

    FULL = "full"
    RAPID = "rapid"


ROLES: Mapping[Kind, tuple[Role, ...]] = {
    Kind.FULL: tuple(Role),
    Kind.RAPID: (Role.PLANNER, Role.IMPLEMENTER, Role.REVIEWER, Role.TESTER),
}
_BEFORE_CHANGES = frozenset({Role.ANALYST, Role.PLANNER, Role.ARCHITECT, Role.DESIGNER})
ADVISE = frozenset({Role.ARCHITECT, Role.DESIGNER, Role.OPS})
"""Roles on which no later one builds: the workflow goes on behind them, and still does not end as good."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a workflow has ended."""

    reports: tuple[Report, ...]
    stopped_by: Role | None = None
    """The role behind which it ended early."""
    paused_before: Role | None = None
    """The role that somebody did not want begun."""

    @property
    def is_good(self) -> bool:
        """Whether every role came to its turn and none of them failed or could not look."""
        whole = self.stopped_by is None and self.paused_before is None
        return whole and bool(self.reports) and all(each.standing.is_good for each in self.reports)

    @property
    def could_not_run(self) -> bool:
        """Whether nothing failed, but something could not be checked."""
        return not self.is_good and Standing.FAILED not in {each.standing for each in self.reports}


async def work_through(
    kind: Kind, brief: Brief, work: Work, tell: Callable[[Report], None], go_on: Callable[[Role], Awaitable[bool]]
) -> Ended:
    """Let the roles work in their order, each when the one before has left what it needs.

    A role that this run has finished already is not asked again. `go_on` is asked before each role but the first.

    Raises:
        StateError: the run's folder cannot be written.
    """
    reports: list[Report] = []
    for role in ROLES[kind]:
        report = finished(brief, role)
        if report is None:
            if reports and not await go_on(role):
                return Ended(tuple(reports), paused_before=role)
            report = await _in_its_place(role, brief, work)
        reports.append(report)
        tell(report)
        if report.halts and role not in ADVISE:
            return Ended(tuple(reports), stopped_by=role)
    return Ended(tuple(reports))


async def _in_its_place(role: Role, brief: Brief, work: Work) -> Report:
    """Before the implementer there is only the user's own tree; behind it, the branch's."""
    if role in _BEFORE_CHANGES:
        return await role_report(role, replace(brief, tree=brief.root), work)
    if role is not Role.IMPLEMENTER:
        await brief.check_out()
    return await role_report(role, brief, work)


async def role_report(role: Role, brief: Brief, work: Work) -> Report:
    """Let one role do its work, and keep its report.

    A role that has reported before, and was not good, looks again at everything: it was mended meanwhile, or was it not? What
    the implementer has changed is changed, and is not done twice.

    Raises:
        StateError: the run's folder cannot be written.
    """
    earlier = report_of(brief, role)
    after = max(earlier.steps, default=0) if earlier is not None and role is not Role.IMPLEMENTER else 0

    async def do(step: Step) -> Done:
        return await work.do(role, step, after)

    report = await WORKERS[role](brief, do)
    keep(brief, report)
    return report


def finished(brief: Brief, role: Role) -> Report | None:
    """What a role has left in an earlier attempt of this run; None where it has to work again."""
    report = report_of(brief, role)
    return report if report is not None and report.standing.is_good else None
