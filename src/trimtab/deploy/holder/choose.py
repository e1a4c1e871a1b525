"""Which services go behind the holder, how each changes its version there, and why the others do not. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from trimtab.deploy.desired import Desired, Wanted
from trimtab.deploy.holder.layout import Offer, Opening, Publication
from trimtab.fleet.plain import items, mapping, text

HOLD_SECONDS = 120.0
"""How long callers wait at most while a service that stops first is away: for the drain, the grace and the boot together. To
keep them longer costs only memory, and callers have a patience of their own."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A service behind the holder."""

    service: str
    openings: tuple[Opening, ...]
    networks: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The engine's names of its networks, to the names by which callers there ask for it."""
    stop_first: bool = False
    """Whether two versions of it must not run at once."""
    shared: bool = False
    """Whether its versions listen in the anchor's own network, on the same ports, and no HAProxy leads to them."""

    @property
    def offer(self) -> Offer:
        return Offer(self.service, self.openings, alone=self.shared)

    @property
    def published(self) -> Mapping[int, tuple[Publication, ...]]:
        """Its ports that ports of the host lead to."""
        return {each.port: each.published for each in self.openings if each.published}

    @property
    def hold_seconds(self) -> float:
        return HOLD_SECONDS if self.stop_first else 0.0


@dataclass(frozen=True)
class Choice:
    """What goes behind the holder, and what cannot, with the reason."""

    behind: Mapping[str, Behind] = field(default_factory=dict[str, Behind])
    refused: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Wish:
    """What the user says about the holder."""

    services: tuple[str, ...] = ()
    """Services that are to be behind it; `*` for all that can."""
    start_first: frozenset[str] = frozenset()
    """Services of which two versions may run at once, whatever they mount."""
    stop_first: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    """Services whose programs share their ports with others (`SO_REUSEPORT`), so that they need no HAProxy."""

    @property
    def is_empty(self) -> bool:
        return not self.services and not self.shared

    def names(self, service: str) -> bool:
        return service in self.services or service in self.shared or "*" in self.services


def choose(
    desired: Desired, wish: Wish, exposed: Mapping[str, Collection[int]], listening: Mapping[str, Collection[int]]
) -> Choice:
    """Decide for each service that the user names.

    Args:
        desired: The project.
        wish: What the user says.
        exposed: By service, the TCP ports that its image declares.
        listening: By service, the TCP ports that its running container was seen to listen on.
    """
    joined = {other for wanted in desired.services.values() for other in wanted.joins.values()}
    behind: dict[str, Behind] = {}
    refused: dict[str, str] = {}
    for name, wanted in desired.services.items():
        if not wish.names(name):
            continue
        ports = {*exposed.get(name, ()), *listening.get(name, ()), *_declared(wanted)}
        why = obstacle(wanted, ports, joined) or (_not_shared(wanted, wish) if name in wish.shared else None)
        if why is not None:
            refused[name] = why
        else:
            behind[name] = _behind(desired, wanted, ports, wish)
    return Choice(behind, refused)


def obstacle(wanted: Wanted, ports: Collection[int], joined: Collection[str]) -> str | None:
    """Why a service cannot be behind the holder; None when it can."""
    body = wanted.body
    mode = text(body.get("network_mode"))
    published = [mapping(each) for each in items(body.get("ports"))]
    reasons = {
        "it is a job": wanted.is_job,
        f"it has {wanted.replicas} containers": wanted.replicas != 1,
        f"its network is `{mode}`": mode not in {None, "bridge"},
        "other services join its network": wanted.name in joined,
        "it publishes UDP, which cannot be handed over": any(each.get("protocol") == "udp" for each in published),
        "it publishes a port that the engine chooses": any(
            not str(each.get("published") or "").isdecimal() for each in published
        ),
        "it has a fixed address in a network": any(
            mapping(each).get("ipv4_address") or mapping(each).get("ipv6_address")
            for each in mapping(body.get("networks")).values()
        ),
        "it is not known to listen on any port: `expose` names them": not ports,
    }
    return next((reason for reason, so in reasons.items() if so), None)


def _declared(wanted: Wanted) -> set[int]:
    named = [str(mapping(each).get("target") or "") for each in items(wanted.body.get("ports"))]
    named += [str(each).removesuffix("/tcp") for each in items(wanted.body.get("expose"))]
    return {int(each) for each in named if each.isdecimal()}


def _behind(desired: Desired, wanted: Wanted, ports: Collection[int], wish: Wish) -> Behind:
    openings = tuple(
        Opening(port, tuple(sorted(_published(wanted, port), key=lambda one: (one.port, one.address))))
        for port in sorted(ports)
    )
    return Behind(
        wanted.name, openings, _networks(desired, wanted), _stops_first(wanted, wish), shared=wanted.name in wish.shared
    )


def _stops_first(wanted: Wanted, wish: Wish) -> bool:
    return wanted.name in wish.stop_first or (wanted.name not in wish.start_first and writes(wanted))


_OF_THE_NETWORK = ("hostname", "domainname", "extra_hosts", "dns", "dns_search", "dns_opt", "mac_address", "sysctls")
"""Keys of a service that are those of its network's owner: of a container that joins another's, the engine refuses them."""


def _not_shared(wanted: Wanted, wish: Wish) -> str | None:
    """Why a service that could be behind the holder cannot share its ports."""
    lost = next((key for key in _OF_THE_NETWORK if wanted.body.get(key)), None)
    if lost is not None:
        return f"its `{lost}` would be lost in a shared network"
    if _stops_first(wanted, wish):
        return "two versions would run at once, and it writes to a volume or is in `stop-first`: `start-first` says it may"
    return None


def _published(wanted: Wanted, port: int) -> list[Publication]:
    entries = [mapping(each) for each in items(wanted.body.get("ports"))]
    return [
        Publication(int(str(each["published"])), str(each.get("host_ip") or ""))
        for each in entries
        if str(each.get("target")) == str(port)
    ]


def _networks(desired: Desired, wanted: Wanted) -> dict[str, tuple[str, ...]]:
    top = mapping(desired.top.get("networks"))
    joined = mapping(wanted.body.get("networks")) or {"default": None}
    names = [wanted.name, *([wanted.container_name] if wanted.container_name else [])]
    found: dict[str, tuple[str, ...]] = {}
    for key, value in joined.items():
        network = str(mapping(top.get(key)).get("name") or f"{desired.project}_{key}")
        aliases = [str(each) for each in items(mapping(value).get("aliases"))]
        found[network] = tuple(dict.fromkeys([*names, *aliases]))
    return found


def writes(wanted: Wanted) -> bool:
    """Whether it mounts something that it can write to and that outlives it: two versions at once could harm that."""
    mounts = [mapping(each) for each in items(wanted.body.get("volumes"))]
    return any(each.get("type") in {"volume", "bind"} and each.get("read_only") is not True for each in mounts)
