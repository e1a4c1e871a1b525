"""What the engine shows of a deployment that has stopped midway, for when its journal is lost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.deploy import names
from trimtab.deploy.holder.holding import HolderPlan, Holding, Standing, image_of, letter_of, standing
from trimtab.deploy.observed import Instance, Observed
from trimtab.deploy.plan import Move, Strategy, moves_data


@dataclass(frozen=True, slots=True)
class Traces:
    """A deployment by its traces."""

    revision: int
    phase: str
    """`rolling` when a container was made for a place: the one before may have been stopped already. Else `preparing`."""
    plan: Mapping[str, object]
    """The moves that are not at their end, and what becomes of the holder; which networks were there before is not known."""


def traces(now: Observed) -> Traces | None:
    """The newest deployment of which containers with names for its length, or models, are there; None when none are.

    What it had committed before it stopped is not told from what was always so, and stays.
    """
    seen = [(each, mark) for each in now.instances if (mark := names.passing(each.container.name))]
    models = [found for each in now.templates if (found := names.template_of(each.labels.get(names.COMPOSE_SERVICE, "")))]
    revision = max([*(mark[2] for _, mark in seen), *(number for _, number in models)], default=0)
    if not revision:
        return None
    places = {(each.service, each.number, mark[0]) for each, mark in seen if mark[2] == revision}
    lanes = standing(now)
    slots = [names.Slot(now.project, service, number, name) for service, number, name in sorted(places)]
    moves = [_move(now, slot, revision, lanes) for slot in slots]
    prepared = {slot.service for slot in (move.slot for move in moves)}
    moves += [
        Move(names.slot_of(now.project, service, 1, None), Strategy.SWAP, "", "")
        for service, number in sorted(models)
        if number == revision and service not in prepared
    ]
    plan = {"moves": moves_data(moves), "removals": [], "holder": _holder(now, moves, revision, lanes).data()}
    return Traces(revision, "rolling" if places else "preparing", plan)


def _holder(now: Observed, moves: Sequence[Move], revision: int, lanes: Sequence[Standing]) -> HolderPlan:
    """Lanes with the deployment's own anchor are its new ones; of the others, those end whose services change over."""
    over = {move.slot.service for move in moves if move.strategy is Strategy.EXCHANGE}
    new = [each for each in lanes if each.anchor.labels.get(names.REVISION) == str(revision)]
    ending = {each.anchor.id for each in lanes if each not in new and over & {one.service for one in each.track.behind}}
    ends = tuple(each.name for each in now.holders if {each.id, each.labels.get(names.ANCHORED, "")} & ending)
    stay = tuple(each.track for each in lanes if each.anchor.id not in ending)
    fitted = [each for each in now.holders if each.labels.get(names.REVISION) == str(revision)]
    anchors = {each.labels.get(names.ANCHORED) for each in fitted}
    refit = tuple(each.track.lane.number for each in lanes if each not in new and each.anchor.id in anchors)
    image = image_of(fitted[-1]) if fitted else ""
    return HolderPlan(Holding(image, stay), tuple(each.track.lane.number for each in new), refit, ends)


def _move(now: Observed, slot: names.Slot, revision: int, lanes: Sequence[Standing]) -> Move:
    mine = [each for each in now.of(slot.service) if each.number == slot.number]
    new = next((each for each in mine if each.revision == revision), None)
    before = next((each for each in mine if each.container.name == slot.before(revision)), None) or _in_use(
        mine, slot, revision
    )
    strategy = Strategy(new.container.labels.get(names.STRATEGY) or Strategy.SWAP) if new else Strategy.SWAP
    container = before.container if before else None
    letter = _letter(new, before)
    # What leaves the holder has a lane that is to end, and none that it is to be in.
    lane = _lane_of(slot.service, revision, lanes) if letter or strategy is not Strategy.EXCHANGE else None
    behind = lane.track.of(slot.service) if lane else None
    return Move(
        slot, strategy, "", new.container.image if new else "", container.id if container else None,
        slot.name if container else None, container.image if container else "", before_ran=container is not None,
        source=new.source if new else None, letter=letter, lane=lane.track.lane.number if lane else 0,
        shared=behind is not None and behind.shared,
    )  # fmt: skip


def _lane_of(service: str, revision: int, lanes: Sequence[Standing]) -> Standing | None:
    """The lane that its new container is for: the deployment's own one, if it has made one for it."""
    mine = [each for each in lanes if each.track.of(service)]
    return next((each for each in mine if each.anchor.labels.get(names.REVISION) == str(revision)), next(iter(mine), None))


def _letter(new: Instance | None, before: Instance | None) -> str:
    """The slot of the new container; of one that is gone, the one that is not the slot of the one before."""
    letter = letter_of(new)
    if new is not None or letter_of(before) is None:
        return letter or ""
    return "b" if letter_of(before) == "a" else "a"


def _in_use(mine: list[Instance], slot: names.Slot, revision: int) -> Instance | None:
    return next((each for each in mine if each.container.name == slot.name and each.revision != revision), None)
