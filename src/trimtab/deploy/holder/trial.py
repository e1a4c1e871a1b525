"""What two versions of a service got while both had callers, and whether the new one did worse by it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.deploy.holder.layout import Held, SlotName
from trimtab.deploy.holder.runtime import Counters, ServerStat, counted
from trimtab.deploy.holder.switch import other

_RATE, _FEWEST = 0.05, 3
"""A new version is not good when it does not do this share of its requests more than the old one, and so many."""
_BEYOND_DOUBT = 3.0
"""Standard errors between the two shares after which nobody waits for the trial's end: at one look in 700, chance does that.
Five of five requests against none of five are so many, three of three are not."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was counted at both versions since the trial began."""

    new: Counters
    old: Counters

    @property
    def is_decided(self) -> bool:
        """Whether the new version does so much worse that its callers should be spared the rest of the trial.

        The test of two proportions with their pooled share (NIST/SEMATECH e-Handbook of Statistical Methods, 7.3.3).
        """
        given = self.new.sessions, self.old.sessions
        if self.worse is None or not all(given):
            return False
        pooled = (self.new.not_done + self.old.not_done) / sum(given)
        error = math.sqrt(pooled * (1 - pooled) * sum(1 / each for each in given))
        return error == 0 or (_share(self.new) - _share(self.old)) / error > _BEYOND_DOUBT

    @property
    def worse(self) -> str | None:
        """Why the new version is not good; None when it is."""
        few = self.new.not_done < _FEWEST or _share(self.new) <= _share(self.old) + _RATE
        return None if few else self.text

    @property
    def text(self) -> str:
        """What the new version got, in words; what the old one got beside it, where anything failed."""
        spared = f", {self.new.passed_on} of them unseen by callers" if self.new.passed_on else ""
        usual = f", of the one before {_share(self.old):.1%}" if self.new.not_done else ""
        return f"{self.new.not_done} of {self.new.sessions} requests failed on trial{spared}{usual}"


def since(first: Sequence[ServerStat], now: Sequence[ServerStat], held: Held, new: SlotName) -> Trial:
    """The trial of the version in a slot, between two looks at HAProxy's counters."""
    both = (counted(now, held, slot).since(counted(first, held, slot)) for slot in (new, other(new)))
    return Trial(*both)


def _share(seen: Counters) -> float:
    return seen.not_done / seen.sessions if seen.sessions else 0.0
