"""How the last update of a swarm service ended.

`docker service update` exits with 0 after a rollback, too (seen with 28.5.2), and `docker stack deploy` is done before the
update is, unless told to wait, so that only the service itself tells the truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trimtab.fleet.plain import mapping, text


class UpdateOutcome(StrEnum):
    """What a service says of its last update; the words are the engine's (`swarm.UpdateState`), but for the first and last."""

    NEVER = "never"
    """It has not been updated since it was made, which says nothing about whether it runs."""
    UPDATING = "updating"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_PAUSED = "rollback_paused"
    ROLLBACK_COMPLETED = "rollback_completed"
    UNKNOWN = "unknown"
    """The engine says something that is not known here."""


_RUNNING = frozenset({UpdateOutcome.UPDATING, UpdateOutcome.ROLLBACK_STARTED})


@dataclass(frozen=True, slots=True)
class UpdateState:
    """The outcome with the engine's own words. Times are as the engine writes them (RFC 3339), empty for none.

    The state stays until the next update: compare `started` before you take it for the outcome of your own.
    """

    outcome: UpdateOutcome
    message: str
    started: str
    completed: str

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself. A paused update waits for a person."""
        return self.outcome not in _RUNNING

    @property
    def succeeded(self) -> bool:
        """Whether the new version is what runs. False for a service that was never updated: there is nothing to tell by."""
        return self.outcome is UpdateOutcome.COMPLETED


def update_state(service: Mapping[str, object]) -> UpdateState:
    """The last update of a service, from one item of what `docker service inspect` prints."""
    status = mapping(service.get("UpdateStatus"))
    said = text(status.get("State")) or ""
    known = {outcome.value: outcome for outcome in UpdateOutcome}
    outcome = known.get(said, UpdateOutcome.UNKNOWN) if said else UpdateOutcome.NEVER
    message = text(status.get("Message")) or ""
    if outcome is UpdateOutcome.UNKNOWN:
        message = f"{said}: {message}" if message else said
    return UpdateState(outcome, message, text(status.get("StartedAt")) or "", text(status.get("CompletedAt")) or "")
