"""The holder of a project as it is to be and as it is: its lanes, what is behind each, and what has to change. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import TypeAdapter, ValidationError

from trimtab.deploy import names
from trimtab.deploy.holder.choose import Behind, Choice
from trimtab.deploy.holder.layout import Held, Lane, Slot, SlotName, assign, contested
from trimtab.deploy.observed import Instance, Observed
from trimtab.docker.containers import Container
from trimtab.errors import StateError


@dataclass(frozen=True, slots=True)
class Track:
    """One lane with the services behind it."""

    lane: Lane
    behind: tuple[Behind, ...]

    def text(self) -> str:
        """For a label: which configuration a container of the holder has."""
        return _TRACK.dump_json(self).decode()

    def of(self, service: str) -> Behind | None:
        return next((each for each in self.behind if each.service == service), None)

    @property
    def shared(self) -> Behind | None:
        """Its only service, where that shares its ports and there is no HAProxy."""
        return next((each for each in self.behind if each.shared), None)


@dataclass(frozen=True, slots=True)
class Holding:
    """A whole holder."""

    image: str = ""
    tracks: tuple[Track, ...] = ()

    def track_of(self, service: str) -> Track | None:
        return next((track for track in self.tracks if track.of(service)), None)

    def track(self, number: int) -> Track | None:
        return next((track for track in self.tracks if track.lane.number == number), None)


_TRACK = TypeAdapter(Track)
_HOLDING = TypeAdapter(Holding)


@dataclass(frozen=True)
class Standing:
    """A lane, and the containers that it is."""

    track: Track
    anchor: Container
    proxy: Container | None = None
    """Its HAProxy; None where the lane's one service shares its ports."""


@dataclass(frozen=True)
class HolderPlan:
    """What happens to the holder in a deployment."""

    holding: Holding = field(default_factory=Holding)
    """As it is when the deployment is at its end."""
    new: tuple[int, ...] = ()
    """Lanes that are made anew: their services change over together."""
    refit: tuple[int, ...] = ()
    """Lanes whose HAProxy gets another configuration; nobody notices."""
    ends: tuple[str, ...] = ()
    """Names of the containers of lanes that are no more: they are stopped as the services change over."""

    @property
    def empty(self) -> bool:
        return not (self.new or self.refit or self.ends)

    def makes(self, project: str, revision: int, used_by: Collection[str] = ()) -> tuple[str, ...]:
        """The names of the containers that are made for the new lanes, but for lanes that one of these services is behind."""
        kinds = (names.proxy, names.anchor)
        used = {track.lane.number for track in self.holding.tracks if any(track.of(service) for service in used_by)}
        return tuple(kind(project, number, revision) for number in self.new if number not in used for kind in kinds)

    def data(self) -> dict[str, object]:
        """For the journal."""
        return {
            "holding": _HOLDING.dump_python(self.holding, mode="json"), "new": list(self.new), "refit": list(self.refit),
            "ends": list(self.ends),
        }  # fmt: skip


def read_holder_plan(data: Mapping[str, object]) -> HolderPlan:
    """A plan that the journal has kept.

    Raises:
        StateError: it is none.
    """
    try:
        return TypeAdapter(HolderPlan).validate_python(data)
    except ValidationError as error:
        raise StateError(f"The journal's plan of the holder cannot be read: {error.errors()[0]['msg']}.") from error


def standing(observed: Observed) -> tuple[Standing, ...]:
    """The lanes that are there, by the labels of their containers: of several HAProxies the newest that runs is the lane's."""
    found: list[Standing] = []
    anchors = {each.id: each for each in observed.holders if each.labels.get(names.ROLE) == names.ANCHOR}
    newest: dict[str, Container] = {}
    for each in observed.holders:
        anchor = each.labels.get(names.ANCHORED, "")
        if each.labels.get(names.ROLE) == names.PROXY and anchor in anchors and _rank(each) >= _rank(newest.get(anchor)):
            newest[anchor] = each
    for anchor, proxy in newest.items():
        found.append(Standing(_track(proxy), anchors[anchor], proxy))
    found += [Standing(_track(each), each) for each in anchors.values() if names.TRACK in each.labels]
    return tuple(sorted(found, key=lambda each: each.track.lane.number))


def _track(container: Container) -> Track:
    return _TRACK.validate_json(container.labels[names.TRACK])


def anchor_of(observed: Observed, lane: int, revision: int) -> Container | None:
    """The anchor of a lane: the one that this deployment has made, else the one that stands."""
    own = names.anchor(observed.project, lane, revision)
    made = next((each for each in observed.holders if each.name == own), None)
    return made or next((each.anchor for each in standing(observed) if each.track.lane.number == lane), None)


def _rank(container: Container | None) -> tuple[bool, int]:
    """One that a deployment made and never started, because it was killed, leads nobody anywhere."""
    return (container.running, int(container.labels.get(names.REVISION, "0"))) if container else (False, -1)


def plan_holder(choice: Choice, image: str, there: Sequence[Standing], observed: Observed) -> HolderPlan:
    """From what is to be behind the holder to what has to be done about it.

    A lane whose services all stay keeps its anchor, which nobody notices. A service that is new goes to a lane of its own
    making: the names and ports of an anchor are given when it is made.
    """
    alive = [each for each in there if each.anchor.running and _stays(each.track, choice)]
    lanes = [each.track.lane for each in alive]
    offers = [each.offer for each in choice.behind.values()]
    while True:
        assigned = assign(offers, lanes)
        fought = {lane.number for lane, _ in contested(assigned)} & {lane.number for lane in lanes}
        if not fought:
            break
        lanes = [lane for lane in lanes if lane.number not in fought]
    kept = {lane.number for lane in lanes}
    tracks = tuple(
        Track(lane, tuple(choice.behind[offer.service] for offer in lane.offers)) for lane in assigned
    )  # fmt: skip
    old = {each.track.lane.number: each for each in alive if each.track.lane.number in kept}
    refit = tuple(
        track.lane.number for track in tracks if track.lane.number in old and _refits(old[track.lane.number], track, image)
    )
    new = tuple(track.lane.number for track in tracks if track.lane.number not in old)
    remaining = {each.anchor.id for each in old.values()}
    ends = tuple(
        each.name
        for each in observed.holders
        if each.id not in remaining and each.labels.get(names.ANCHORED, "") not in remaining
    )
    return HolderPlan(Holding(image, tracks), new, refit, ends)


def _refits(one: Standing, track: Track, image: str) -> bool:
    """Whether a lane's HAProxy is to be another one; a lane that has none needs nothing that its anchor has not."""
    return one.proxy is not None and (one.track != track or image_of(one.proxy) != image)


def _stays(track: Track, choice: Choice) -> bool:
    """Whether everything behind a lane stays behind it, as its anchor was made for it."""
    return all(_fits(one, choice.behind.get(one.service)) for one in track.behind)


def _fits(one: Behind, now: Behind | None) -> bool:
    """Whether a service has the same names and networks; its ports are the anchor's own where it shares them."""
    if now is None or now.networks != one.networks or now.shared != one.shared:
        return False
    return not now.shared or now.published == one.published


def image_of(proxy: Container) -> str:
    """The reference of the image that a container of the holder was made from."""
    return proxy.labels.get(names.IMAGE, "")


def changing_over(plan: HolderPlan, there: Sequence[Standing]) -> frozenset[str]:
    """The services that go behind a new lane, or leave the holder: all of them change over at the same moment."""
    ending = {one.service for each in there if each.anchor.name in plan.ends for one in each.track.behind}
    return frozenset(
        ending | {one.service for track in plan.holding.tracks if track.lane.number in plan.new for one in track.behind}
    )


def letter_of(instance: Instance | None) -> SlotName | None:
    """The slot that a container has in its lane; None for one that is not behind the holder."""
    letter = instance.container.labels.get(names.LETTER) if instance else None
    return cast("SlotName", letter) if letter in {"a", "b"} else None


def held(
    behind: Behind, lane: Lane, instances: Sequence[Instance], live: SlotName | None, subnets: Mapping[str, Sequence[str]]
) -> Held:
    """A service as HAProxy is to know it.

    Args:
        behind: The service.
        lane: Its lane.
        instances: Its containers, whatever their state.
        live: The slot that callers are led to.
        subnets: By the engine's name of a network, its subnets.
    """
    allowed = tuple(dict.fromkeys(subnet for network in behind.networks for subnet in subnets.get(network, ())))
    entries = tuple(replace(entry, subnets=allowed) for entry in lane.entries(behind.service))
    hosts: dict[SlotName, str] = {}
    for each in sorted(instances, key=_last):
        letter = letter_of(each)
        if letter is not None:
            hosts[letter] = names.host(each.service, each.revision or 0)
    slots = (Slot("a", hosts.get("a")), Slot("b", hosts.get("b")))
    return Held(behind.service, entries, slots, live if live in hosts else None, behind.hold_seconds)


def _last(instance: Instance) -> tuple[bool, int]:
    return instance.container.running, instance.revision or 0
