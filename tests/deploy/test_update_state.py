"""How a swarm service says that its last update ended."""

import pytest

from trimtab.deploy.targets.swarm import UpdateOutcome, update_state


@pytest.mark.parametrize(
    ("state", "outcome", "ended", "succeeded"),
    [
        ("updating", UpdateOutcome.UPDATING, False, False),
        ("paused", UpdateOutcome.PAUSED, True, False),
        ("completed", UpdateOutcome.COMPLETED, True, True),
        ("rollback_started", UpdateOutcome.ROLLBACK_STARTED, False, False),
        ("rollback_paused", UpdateOutcome.ROLLBACK_PAUSED, True, False),
        ("rollback_completed", UpdateOutcome.ROLLBACK_COMPLETED, True, False),
    ],
)
def test_only_a_completed_update_has_succeeded(state: str, outcome: UpdateOutcome, ended: bool, succeeded: bool) -> None:
    status = {"State": state, "StartedAt": "2025-11-01T10:00:00Z", "Message": "update paused due to failure"}
    found = update_state({"ID": "x", "UpdateStatus": status})
    assert (found.outcome, found.ended, found.succeeded) == (outcome, ended, succeeded)
    assert (found.message, found.started, found.completed) == ("update paused due to failure", "2025-11-01T10:00:00Z", "")


@pytest.mark.parametrize("service", [{}, {"UpdateStatus": None}, {"UpdateStatus": {}}])
def test_a_service_that_was_never_updated_has_not_succeeded(service: dict[str, object]) -> None:
    found = update_state(service)
    assert found.outcome is UpdateOutcome.NEVER
    assert not found.succeeded


def test_an_unknown_state_is_not_taken_for_a_known_one() -> None:
    found = update_state({"UpdateStatus": {"State": "evaporated", "Message": "gone"}})
    assert found.outcome is UpdateOutcome.UNKNOWN
    assert found.message == "evaporated: gone"
    assert not found.succeeded
