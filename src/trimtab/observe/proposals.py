"""Proposals for a compose project's services: from what was observed where that is enough, else the default by kind. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from trimtab.fleet.compose.apply import Want
from trimtab.fleet.compose.facts import ComposeFacts, replicas
from trimtab.fleet.compose.sizing import DEFAULTS, Proposal, propose, sized_wants
from trimtab.fleet.compose.told import workers_of
from trimtab.fleet.model import Service
from trimtab.fleet.plain import text
from trimtab.fleet.sizes import byte_size
from trimtab.history.usage import Subject, Usage
from trimtab.observe.evidence import Evidence, Rows, evidence_of
from trimtab.observe.sizing import Advice, Given, Program, advise, balanced

_MIB = 1024 * 1024
_SWAP = "memswap_limit"


@dataclass(frozen=True)
class Sized:
    """One service's sizes: the default for its kind, and what was observed instead, where that says enough."""

    default: Proposal
    evidence: Evidence | None = None
    advice: Advice | None = None

    @property
    def service(self) -> Service:
        return self.default.service

    @property
    def given(self) -> Given:
        """What the files give it."""
        return Given(*self.default.before)

    @property
    def after(self) -> Given:
        """What it would have; None for nothing."""
        default = self.default.after
        if self.advice is None:
            return Given(default.limit, default.reservation, default.cpus)
        memory = self.advice.memory or self.given.memory or default.limit
        reservation = self.advice.reservation or self.given.reservation or min(default.reservation, memory // 2)
        cpus = self.advice.cpus or self.given.cpus
        # A process killed in the first hours says nothing about the processor: there the default stands.
        if cpus is None and self.advice.shares is None:
            cpus = default.cpus
        return Given(memory, min(reservation, memory), cpus)

    @property
    def together(self) -> int:
        """Bytes of memory that all of its containers may use together."""
        return (self.after.memory or 0) * replicas(self.service)

    @property
    def wants(self) -> tuple[Want, ...]:
        """The settings that would change, in the spelling that the service has already."""
        if self.advice is None:
            return self.default.wants
        after, given, found = self.after, self.given, list[Want]()
        if after.memory is not None and after.memory != given.memory:
            found += [*sized_wants(self.service, "limits", "memory", after.memory), *self._swap(after.memory)]
        if after.cpus is not None and after.cpus != given.cpus:
            found += sized_wants(self.service, "limits", "cpus", after.cpus)
        if after.reservation is not None and after.reservation != given.reservation:
            found += sized_wants(self.service, "reservations", "memory", after.reservation)
        if self.advice.shares is not None and str(self.advice.shares) != text(self.service.body.get("cpu_shares")):
            found.append(Want(self.service.name, ("cpu_shares",), self.advice.shares))
        return tuple(found)

    @property
    def basis(self) -> str:
        """Where the sizes come from, in a few words."""
        if self.evidence is None:
            return self.default.basis
        if self.advice is None:
            return f"{self.default.basis}; seen for {told_length(self.evidence.covered)} only"
        return f"seen for {told_length(self.evidence.covered)}, {self.advice.confidence} confidence"

    def _swap(self, memory: int) -> Iterator[Want]:
        """With swap limited, too: where there was none beside the memory there is none, and it is never below the memory."""
        swap = byte_size(text(self.service.body.get(_SWAP)))
        if swap and swap > 0 and (swap == self.given.memory or swap < memory):
            yield Want(self.service.name, (_SWAP,), _mebibytes(memory))


def told_length(seconds: float) -> str:
    """A length of time in the unit that fits: `40 minutes`, `12 hours`, `7 days`."""
    for unit, size in (("day", 86_400), ("hour", 3600)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}s"
    return f"{seconds / 60:.0f} minutes"


def _mebibytes(size: int) -> str:
    return f"{size // _MIB}M"


def sized(facts: ComposeFacts, rows: Rows, host: int | None = None) -> list[Sized]:
    """A proposal for each service that keeps running.

    Args:
        facts: The project.
        rows: What was observed of it, in the order of time.
        host: Bytes of memory that the host has; None when nobody has said.
    """
    by_service: dict[str, list[tuple[Subject, Usage]]] = {}
    for row in rows:
        by_service.setdefault(row[0].service, []).append(row)
    found = [_sized(facts, each, by_service.get(each.service.name, [])) for each in propose(facts)]
    return _fitting(found, host) if host is not None else found


def _sized(facts: ComposeFacts, default: Proposal, rows: Rows) -> Sized:
    seen = evidence_of(rows)
    if seen is None:
        return Sized(default)
    sizes = DEFAULTS[default.kind]
    program = Program(
        default.kind,
        default.heap,
        Given(sizes.limit, sizes.reservation, sizes.cpus),
        workers_of(facts, default.service),
    )
    return Sized(default, seen, advise(seen, Given(*default.before), program))


def _fitting(found: Sequence[Sized], host: int) -> list[Sized]:
    """With headroom cut so that everything that starts together fits into the host."""
    advised = [each for each in found if each.advice is not None and not each.service.profiles]
    others = sum(each.together for each in found if each.advice is None and not each.service.profiles)
    pairs = [(each.after.memory or 0, each.advice, replicas(each.service)) for each in advised if each.advice is not None]
    cut: Mapping[str, Advice] = dict(zip((e.service.name for e in advised), balanced(pairs, host - others), strict=True))
    return [replace(each, advice=cut.get(each.service.name, each.advice)) for each in found]
