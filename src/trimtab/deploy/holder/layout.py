"""What a holder holds, and which holder (lane) each service of a project belongs to.

All services of a lane share one address, so two of them cannot use the same port: HAProxy sees a connection to
`address:8000` and cannot tell whether the caller meant `web:8000` or `api:8000`. A lane's published ports are those its
anchor was created with, because an engine publishes no port of a container that exists.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Protocol = Literal["http", "tcp", "detect"]
SlotName = Literal["a", "b"]

FIRST_DOOR = 20_000
"""Ports from here on are the holder's own: its administration, and the doors that published ports lead to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One port of a service, as the holder listens on it."""

    port: int
    """What callers in the service's networks ask for, and what every version of the service listens on."""
    doors: tuple[int, ...] = ()
    """Ports of the holder that published ports of the host lead to; open to every caller."""
    subnets: tuple[str, ...] = ()
    """The networks of the service, IPv4 or IPv6: callers from elsewhere are refused at `port`. Empty refuses all."""
    protocol: Protocol = "detect"


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one version."""

    name: SlotName
    host: str | None = None
    """The name by which the engine's DNS knows the version; None for an empty place."""


@dataclass(frozen=True, slots=True)
class Held:
    """A service behind the holder."""

    service: str
    entries: tuple[Entry, ...]
    slots: tuple[Slot, Slot] = (Slot("a"), Slot("b"))
    live: SlotName | None = None
    """The slot that a freshly started HAProxy leads to; None for neither."""
    hold_seconds: float = 0.0
    """How long callers wait while no slot is ready. Zero answers 503, or closes the connection, at once."""

    def slot(self, name: SlotName) -> Slot:
        return self.slots[0 if name == "a" else 1]


@dataclass(frozen=True, slots=True)
class Publication:
    """A port of the host that leads to a service."""

    port: int
    address: str = ""
    """The host's address it is bound to; empty for all of them."""

    def overlaps(self, other: "Publication") -> bool:
        """Whether both cannot be bound at once."""
        return self.port == other.port and (self.address == other.address or self._everywhere or other._everywhere)

    @property
    def _everywhere(self) -> bool:
        return self.address in {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Opening:
    """One TCP port of a service as its compose file has it."""

    port: int
    published: tuple[Publication, ...] = ()
    subnets: tuple[str, ...] = ()
    protocol: Protocol = "detect"


@dataclass(frozen=True, slots=True)
class Offer:
    """A service and its TCP ports, each once."""

    service: str
    openings: tuple[Opening, ...]
    alone: bool = False
    """Whether its lane is for nobody else."""

    @property
    def ports(self) -> frozenset[int]:
        return frozenset(opening.port for opening in self.openings)

    @property
    def published(self) -> frozenset[Publication]:
        return frozenset(each for opening in self.openings for each in opening.published)


@dataclass(frozen=True, slots=True)
class Door:
    """A published port and the port of the lane's anchor that it leads to."""

    publication: Publication
    number: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One anchor, the services it holds, and the HAProxy that leads to them; a service that is alone needs none."""

    number: int
    admin: int
    """The port on the anchor's loopback that answers the runtime API."""
    doors: tuple[Door, ...]
    """Fixed when the anchor is created; a door whose service has gone stays until the anchor is made anew."""
    offers: tuple[Offer, ...]

    def entries(self, service: str) -> tuple[Entry, ...]:
        """The service's ports with the doors that lead to them here; empty for a service of another lane."""
        numbers = {door.publication: door.number for door in self.doors}
        return tuple(
            Entry(
                each.port,
                tuple(sorted(numbers[publication] for publication in each.published)),
                each.subnets,
                each.protocol,
            )
            for offer in self.offers
            if offer.service == service
            for each in sorted(offer.openings, key=lambda one: one.port)
        )

    @property
    def reserved_ports(self) -> str:
        """All ports of the lane, as `net.ipv4.ip_local_reserved_ports` takes them.

        Without it the kernel may give one of them to a connection of HAProxy's own, and the next start of HAProxy
        cannot listen there.
        """
        ports = {self.admin, *(door.number for door in self.doors), *(port for offer in self.offers for port in offer.ports)}
        return ",".join(map(str, sorted(ports)))


def assign(offers: Iterable[Offer], existing: Sequence[Lane] = ()) -> tuple[Lane, ...]:
    """Every service in exactly one lane; lanes without a service are left out.

    A service stays where it is unless its own ports no longer fit there. Others take the first new lane, in the order of
    their names, that has none of their ports; else a further one is opened. A lane that exists takes nobody new: the names
    of its anchor were given when it was made. The answer depends on nothing but the arguments, whatever the order of
    `offers`.
    """
    wanted = {offer.service: offer for offer in offers}
    avoided = frozenset(port for offer in wanted.values() for port in offer.ports)
    lanes = list(_kept(wanted, existing))
    placed = {offer.service for lane in lanes for offer in lane.offers}
    standing = len(lanes)
    number = max((lane.number for lane in existing), default=0)
    for _, offer in sorted(wanted.items()):
        if offer.service in placed:
            continue
        at = next((n for n, lane in enumerate(lanes) if n >= standing and _fits(lane, offer, may_open=True)), None)
        if at is None:
            number += 1
            at = len(lanes)
            lanes.append(Lane(number, _free(FIRST_DOOR, avoided), (), ()))
        lanes[at] = _joined(lanes[at], offer, avoided)
    return tuple(_in_order(lane) for lane in lanes if lane.offers)


def contested(lanes: Sequence[Lane]) -> tuple[tuple[Lane, Publication], ...]:
    """Lanes whose anchor still binds a published port that a later lane wants: they have to be made anew before it."""
    return tuple(
        (lane, door.publication)
        for at, lane in enumerate(lanes)
        for door in lane.doors
        if any(door.publication.overlaps(other.publication) for later in lanes[at + 1 :] for other in later.doors)
    )


def _kept(wanted: dict[str, Offer], existing: Sequence[Lane]) -> Iterator[Lane]:
    seen: set[str] = set()
    for lane in existing:
        kept = replace(lane, offers=())
        for old in sorted(lane.offers, key=lambda each: wanted.get(each.service) != each):  # the unchanged first
            offer = wanted.get(old.service)
            if offer is not None and offer.service not in seen and _fits(kept, offer, may_open=False):
                kept = replace(kept, offers=(*kept.offers, offer))
                seen.add(offer.service)
        yield kept


def _fits(lane: Lane, offer: Offer, *, may_open: bool) -> bool:
    if lane.offers and (offer.alone or any(other.alone for other in lane.offers)):
        return False
    own = {lane.admin, *(door.number for door in lane.doors)}
    taken = {port for other in lane.offers for port in other.ports}
    bound = {publication for other in lane.offers for publication in other.published}
    if offer.ports & (own | taken) or any(new.overlaps(old) for new in offer.published for old in bound):
        return False
    return may_open or offer.published <= {door.publication for door in lane.doors}


def _joined(lane: Lane, offer: Offer, avoided: frozenset[int]) -> Lane:
    doors = list(lane.doors)
    for publication in sorted(offer.published, key=lambda each: (each.port, each.address)):
        if all(door.publication != publication for door in doors):
            used = avoided | {lane.admin, *(door.number for door in doors)}
            doors.append(Door(publication, _free(FIRST_DOOR + 1, used)))
    return replace(lane, doors=tuple(doors), offers=(*lane.offers, offer))


def _in_order(lane: Lane) -> Lane:
    return replace(lane, offers=tuple(sorted(lane.offers, key=lambda each: each.service)))


def _free(first: int, used: frozenset[int]) -> int:
    return next(port for port in range(first, 65_536) if port not in used)
