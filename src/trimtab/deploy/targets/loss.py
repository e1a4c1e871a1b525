"""What of a compose project another orchestrator does not have, and the files that were made of the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class LossKind(StrEnum):
    """What became of a setting."""

    LOST = "lost"
    """Nothing does there what it did."""
    APPROXIMATED = "approximated"
    """Something does nearly the same."""
    MOOT = "moot"
    """It means nothing there, and nothing is missed."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One setting that is not carried over as it was."""

    service: str
    """Empty for a setting of the whole project."""
    key: str
    """Where it stands, as `deploy.update_config.delay`; list items by number."""
    kind: LossKind
    reason: str
    advice: str
    """What to do about it; empty where there is nothing to do."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The files for another orchestrator by name, and the settings that are not in them as they were."""

    files: Mapping[str, str]
    losses: tuple[Loss, ...]

    @property
    def lost(self) -> tuple[Loss, ...]:
        return tuple(loss for loss in self.losses if loss.kind is LossKind.LOST)


def in_order(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """Losses by service and key, each once."""
    return tuple(sorted(set(losses), key=lambda loss: (loss.service, loss.key, loss.kind, loss.reason, loss.advice)))
