"""What would make a deployment fail, found out before anything is touched."""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.deploy.bodies import obstacle
from trimtab.deploy.desired import Desired, Wanted
from trimtab.deploy.plan import Plan, Strategy
from trimtab.docker.api import Api, Request
from trimtab.docker.containers import Containers
from trimtab.fleet.plain import items, mapping

_NAMED = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """A port of the host that a container has."""

    container: str
    name: str
    address: str
    port: int
    protocol: str


async def problems(
    api: Api, plan: Plan, desired: Desired, images: Mapping[str, str], *, local: bool, unset_is_fine: bool
) -> list[str]:
    """Everything that keeps this plan from succeeding, each with what to do about it; empty for nothing.

    Args:
        api: The engine.
        plan: What is to be done.
        desired: The project.
        images: The images that the engine has.
        local: Whether the engine is on this machine, whose ports can then be tried.
        unset_is_fine: Whether variables without a value are meant to be empty.
    """
    found = (
        [] if unset_is_fine else [f"{each}: set it, or write `${{NAME:-}}` where empty is meant" for each in desired.warnings]
    )
    services = [desired.services[name] for name in plan.services if name in desired.services]
    for wanted in services:
        if why := obstacle(wanted, desired.top):
            found.append(f"`{wanted.name}`: {why}")
        if wanted.container_name and wanted.replicas > 1:
            found.append(f"`{wanted.name}`: `container_name` allows one container, and {wanted.replicas} are asked for")
        if not wanted.config_hash:
            found.append(f"`{wanted.name}`: compose gives no digest of its configuration; compose 2.20 or newer is needed")
    found += _not_built([wanted for wanted in services if wanted.built and wanted.image not in images])
    found += await _names_taken(api, plan)
    found += _ports_taken(plan, desired, await _taken(api), local=local)
    return found


def _not_built(services: Sequence[Wanted]) -> list[str]:
    if not services:
        return []
    named = ", ".join(f"`{wanted.name}`" for wanted in services[:_NAMED])
    more = f" and {len(services) - _NAMED} more" if len(services) > _NAMED else ""
    return [f"{named}{more}: not built: run `trimtab build`, or pass --build"]


async def _names_taken(api: Api, plan: Plan) -> list[str]:
    """Containers of others that have a name which this plan gives."""
    found: list[str] = []
    for change in plan.changes:
        if change.strategy is Strategy.START:
            continue
        slot = change.slot
        wanted = [slot.name, slot.fresh(plan.revision), slot.before(plan.revision)]
        own = change.before.container.id if change.before else ""
        there = [each for each in await Containers(api).inspected(wanted) if each.id != own]
        found += [f"`{slot.service}`: a container that is not its own is called `{each.name}`" for each in there]
    return found


async def _taken(api: Api) -> list[Taken]:
    answer = await api.ask(Request("GET", "/containers/json"))
    found: list[Taken] = []
    for each in items(answer.json):
        container = mapping(each)
        name = str(next(iter(items(container.get("Names"))), "")).removeprefix("/")
        for port in items(container.get("Ports")):
            entry = mapping(port)
            public = entry.get("PublicPort")
            if isinstance(public, int):
                address = str(entry.get("IP") or "0.0.0.0")  # noqa: S104  it is compared, nothing is bound to it
                found.append(Taken(str(container.get("Id")), name, address, public, str(entry.get("Type") or "tcp")))
    return found


def _ports_taken(plan: Plan, desired: Desired, taken: Sequence[Taken], *, local: bool) -> list[str]:
    going = {change.before.container.id for change in plan.changes if change.before}
    going |= {each.container.id for each in plan.removals}
    taken = [each for each in taken if each.name not in plan.holder.ends]
    # The ports of a service behind the holder are its lane's: bound already, or together with the lane.
    standing = {track.lane.number for track in plan.holder.holding.tracks} - set(plan.holder.new)
    found: list[str] = []
    for change in plan.changes:
        if change.lane in standing:
            continue
        wanted = desired.services.get(change.slot.service)
        for address, port, protocol in _published(wanted.body if wanted else {}):
            other = next(
                (each for each in taken if _clash(each, address, port, protocol) and each.container not in going), None
            )
            if other is not None:
                found.append(f"`{change.slot.service}`: port {port} of the host is taken by the container `{other.name}`")
            elif (
                local
                and change.before is None
                and change.strategy is not Strategy.START
                and not _clashes(taken, address, port, protocol)
                and _busy(address, port, protocol)
            ):
                found.append(f"`{change.slot.service}`: port {port} of the host is taken by a program")
    return found


def _published(body: Mapping[str, object]) -> list[tuple[str, int, str]]:
    """Host address, port and protocol of what a service publishes at a fixed port."""
    ports = [mapping(each) for each in items(body.get("ports"))]
    return [
        (str(each.get("host_ip") or ""), int(str(each["published"])), str(each.get("protocol") or "tcp"))
        for each in ports
        if str(each.get("published") or "").isdecimal()
    ]


def _clashes(taken: Sequence[Taken], address: str, port: int, protocol: str) -> bool:
    return any(_clash(each, address, port, protocol) for each in taken)


def _clash(taken: Taken, address: str, port: int, protocol: str) -> bool:
    every = {"", "0.0.0.0", "::"}  # noqa: S104  it is compared, nothing is bound to it
    meets = taken.address == address or taken.address in every or address in every
    return meets and taken.port == port and taken.protocol == protocol


def _busy(address: str, port: int, protocol: str) -> bool:
    """Whether nobody else can have a port of this machine now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((address, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False
