"""The nine roles."""

from collections.abc import Awaitable, Callable, Mapping

from trimtab.crew.model import Brief, Do, Report, Role
from trimtab.crew.roles.analyst import analyst
from trimtab.crew.roles.architect import architect
from trimtab.crew.roles.designer import designer
from trimtab.crew.roles.documenter import documenter
from trimtab.crew.roles.implementer import implementer
from trimtab.crew.roles.ops import ops
from trimtab.crew.roles.planner import planner
from trimtab.crew.roles.reviewer import reviewer
from trimtab.crew.roles.tester import tester

WORKERS: Mapping[Role, Callable[[Brief, Do], Awaitable[Report]]] = {
    Role.ANALYST: analyst,
    Role.PLANNER: planner,
    Role.ARCHITECT: architect,
    Role.DESIGNER: designer,
    Role.IMPLEMENTER: implementer,
    Role.REVIEWER: reviewer,
    Role.TESTER: tester,
    Role.OPS: ops,
    Role.DOCUMENTER: documenter,
}
"""Who does what. A role never raises for how its steps end."""

__all__ = ["WORKERS"]
