"""How a deployment has ended, service by service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trimtab.deploy.plan import Plan, Strategy


class Outcome(StrEnum):
    """What became of one service."""

    DEPLOYED = "deployed"
    ROLLED_BACK = "rolled-back"
    """It runs what it ran before."""
    FAILED = "failed"
    """Neither the new version nor the one before is good."""
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """What became of one service, in seconds and image ids."""

    service: str
    strategy: Strategy
    outcome: Outcome
    reason: str
    seconds: float = 0.0
    healthy: float | None = None
    """From the start of the new container until it was ready."""
    away: float | None = None
    """For how long no container of it ran, by the engine's clock; None where that was not seen."""
    before: str = ""
    after: str = ""
    passed: bool | None = None
    """What the new version's health or smoke check said last; None where it has none, or was not waited for."""


@dataclass(frozen=True)
class Result:
    """How a deployment has ended."""

    deployment: str
    plan: Plan
    services: Mapping[str, ServiceOutcome] = field(default_factory=dict[str, ServiceOutcome])
    seconds: float = 0.0
    interrupted: bool = False
    problem: str = ""
    """Why it could not be prepared, or the holder not be made ready; no service was touched then."""
    warnings: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """`done`, `failed`, `rolled-back` or `abandoned`."""
        found = {each.outcome for each in self.services.values()}
        if self.problem:
            return "abandoned"
        if Outcome.FAILED in found:
            return "failed"
        return "rolled-back" if found - {Outcome.DEPLOYED} or self.interrupted else "done"
