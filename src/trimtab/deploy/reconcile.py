"""From what is wanted and what is there to a plan. Pure: the same input gives the same plan, and nothing is asked or done."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from trimtab.deploy.desired import Desired, Wanted, grace
from trimtab.deploy.holder.choose import Behind
from trimtab.deploy.holder.holding import HolderPlan, letter_of
from trimtab.deploy.holder.switch import other as other_slot
from trimtab.deploy.names import Slot
from trimtab.deploy.observed import Instance, Observed
from trimtab.deploy.plan import Change, Plan, Strategy

_SHOWN = 12


@dataclass(frozen=True)
class Asked:
    """What the user wants of a deployment."""

    services: frozenset[str] | None = None
    """Only these, with what they need to run; None for all."""
    force: bool = False
    """Replace what has not changed, too."""
    remove_orphans: bool = False
    holder: HolderPlan = field(default_factory=HolderPlan)
    over: frozenset[str] = frozenset()
    """Services that go behind the holder now, or leave it."""
    unheld: Mapping[str, str] = field(default_factory=dict[str, str])
    """Services that are to be behind the holder and cannot be, and why."""


def reconcile(
    desired: Desired, observed: Observed, images: Mapping[str, str], revision: int, asked: Asked | None = None
) -> Plan:
    """The plan that leads from one to the other.

    Args:
        desired: The project as it is to be.
        observed: The project as it is.
        images: References to the ids that the engine has for them; what is missing is pulled.
        revision: The number that this deployment gets.
        asked: What the user wants of it.
    """
    return _Reconciliation(desired, observed, images, revision, asked or Asked()).plan()


@dataclass
class _Reconciliation:
    desired: Desired
    observed: Observed
    images: Mapping[str, str]
    revision: int
    asked: Asked
    changing: set[str] = field(default_factory=set[str])
    """Services that change."""

    def plan(self) -> Plan:
        meant = self._meant()
        changes: list[Change] = []
        stays: dict[str, str] = {}
        for name in self.desired.order:
            wanted = self.desired.services[name]
            made = [
                change for slot in wanted.slots(self.desired.project) for change in self._changes(wanted, slot, name in meant)
            ]
            changes += made
            if made:
                self.changing.add(name)
            else:
                stays[name] = "as it is wanted" if name in meant else "not asked for"
        pulls = dict.fromkeys(change.image for change in changes if not change.image_id)
        holder = self.asked.holder
        if (holder.new or holder.refit) and holder.holding.image not in self.images:
            pulls[holder.holding.image] = None
        return Plan(
            self.desired.project, self.revision, "deploy", tuple(changes), tuple(pulls), self._removals(stays), stays,
            self.asked.holder,
        )  # fmt: skip

    def _meant(self) -> frozenset[str]:
        """The services that are asked for, with all that they need where that does not run yet."""
        if self.asked.services is None:
            return frozenset(self.desired.services)
        return self.desired.with_needs(self.asked.services, self.observed.of)

    def _changes(self, wanted: Wanted, slot: Slot, meant: bool) -> list[Change]:
        instance = self.observed.in_use(slot)
        # What changes over with the holder does so whether it was asked for or not: they have their ports in common.
        cause = self._cause(wanted, instance) if meant or wanted.name in self.asked.over else None
        cause = cause or self._dragged(wanted)
        if cause is None:
            return []
        replaced = cause != "start"
        track = self.asked.holder.holding.track_of(wanted.name)
        behind = track.of(wanted.name) if track else None
        letter = letter_of(instance)
        return [
            Change(
                slot,
                self._strategy(wanted, instance, behind, replaced),
                cause if replaced else self._state(instance),
                wanted.image,
                self.images.get(wanted.image, ""),
                instance,
                needs=tuple(name for name in (*wanted.waited_for, *wanted.joins.values()) if name in self.changing),
                after=tuple(name for name in wanted.needs if name in self.changing and name not in wanted.waited_for),
                joins=wanted.joins,
                grace=grace(wanted),
                why=self.asked.unheld.get(wanted.name, "") if replaced else "",
                letter="" if behind is None or behind.shared else other_slot(letter) if letter and replaced else letter or "a",
                lane=track.lane.number if track else 0,
                early=behind is not None and not behind.stop_first and not behind.shared,
                shared=behind is not None and behind.shared,
            )
        ]

    def _cause(self, wanted: Wanted, instance: Instance | None) -> str | None:
        """Why a place gets another container, `start` where the one it has is only to be started, None for neither."""
        if instance is None:
            return "no container of it is there"
        container = instance.container
        image = self.images.get(wanted.image, "")
        if not image:
            return f"its image `{wanted.image}` is not on the engine"
        if container.image != image:
            return f"its image was {_short(container.image)}, and is {_short(image)}"
        if instance.config_hash != wanted.config_hash:
            return "its configuration changed"
        if self.asked.force:
            return "it was asked for"
        if wanted.name in self.asked.over:
            return (
                "it leaves the holder"
                if self.asked.holder.holding.track_of(wanted.name) is None
                else "it goes behind the holder"
            )
        ended_well = wanted.is_job and container.state == "exited" and container.exit_code == 0
        return None if container.running or ended_well else "start"

    def _dragged(self, wanted: Wanted) -> str | None:
        """Why a service has to be replaced because another one is."""
        for key, other in wanted.joins.items():
            if other in self.changing:
                return f"it joins the container of `{other}` by `{key}`, which is replaced"
        for other, need in wanted.needs.items():
            if need.restart and other in self.changing:
                return f"it asks to start anew with `{other}`"
        return None

    def _strategy(self, wanted: Wanted, instance: Instance | None, behind: Behind | None, replaced: bool) -> Strategy:
        if wanted.name in self.asked.over:
            return Strategy.EXCHANGE
        if not replaced:
            return Strategy.START
        if wanted.is_job:
            return Strategy.JOB
        if behind is not None and not behind.shared:
            return Strategy.HOLD if behind.stop_first else Strategy.SWITCH
        if instance is None:
            return Strategy.FIRST
        return Strategy.SWAP if behind is None else Strategy.SHARE

    def _state(self, instance: Instance | None) -> str:
        container = instance.container if instance else None
        ended = container is not None and container.state == "exited"
        return (
            f"it has ended with {container.exit_code}"
            if container and ended
            else f"it is {container.state if container else ''}"
        )

    def _removals(self, stays: dict[str, str]) -> tuple[Instance, ...]:
        """Containers that no file has a place for: too many of a service, and services that are no more."""
        found: list[Instance] = []
        for instance in self.observed.instances:
            wanted = self.desired.services.get(instance.service)
            if instance.service in self.desired.others:
                stays[instance.service] = "it is of a profile that is not active"
            elif wanted is None and not self.asked.remove_orphans:
                stays[instance.service] = "no file names it; --remove-orphans removes it"
            elif wanted is None or instance.number > wanted.replicas:
                found.append(instance)
        return tuple(found)


def _short(image: str) -> str:
    return image.removeprefix("sha256:")[:_SHOWN]
