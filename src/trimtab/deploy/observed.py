"""What the engine has of a project, told by labels and names."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.deploy import names
from trimtab.docker.containers import Container
from trimtab.fleet.plain import whole


@dataclass(frozen=True, slots=True)
class Instance:
    """A container of a service, whoever made it."""

    service: str
    number: int
    container: Container

    @property
    def revision(self) -> int | None:
        """The deployment that made it; None when it was compose."""
        return whole(self.container.labels.get(names.REVISION))

    @property
    def source(self) -> int | None:
        """The revision whose image and configuration it has."""
        return whole(self.container.labels.get(names.SOURCE)) or self.revision

    @property
    def config_hash(self) -> str:
        return self.container.labels.get(names.COMPOSE_HASH, "")


@dataclass(frozen=True, slots=True)
class Kept:
    """A revision of a service that can be gone back to."""

    service: str
    revision: int
    container: Container


@dataclass(frozen=True)
class Observed:
    """Everything of one project that the engine has."""

    project: str
    instances: tuple[Instance, ...]
    """In the order of service and number; more than one of a number only while a deployment is under way."""
    kept: tuple[Kept, ...] = ()
    """The oldest first."""
    templates: tuple[Container, ...] = ()
    """Models that an interrupted deployment has left behind."""
    holders: tuple[Container, ...] = ()

    def of(self, service: str) -> tuple[Instance, ...]:
        return tuple(each for each in self.instances if each.service == service)

    def in_use(self, slot: names.Slot) -> Instance | None:
        """The container that has a place: the one of its name, else the one that compose counts as this one."""
        every = [each for each in self.of(slot.service) if each.number == slot.number]
        named = [each for each in every if each.container.name == slot.name]
        others = [each for each in every if names.passing(each.container.name) is None]
        return next(iter([*named, *others]), None)

    def revisions(self, service: str) -> tuple[Kept, ...]:
        return tuple(each for each in self.kept if each.service == service)


def observe(project: str, containers: Sequence[Container]) -> Observed:
    """A project from the containers that have its label, compose's or ours."""
    instances: list[Instance] = []
    kept: list[Kept] = []
    templates: list[Container] = []
    holders: list[Container] = []
    for container in containers:
        labels = container.labels
        role = labels.get(names.ROLE)
        service = labels.get(names.COMPOSE_SERVICE, "")
        if role in {names.ANCHOR, names.PROXY}:
            holders.append(container)
        elif role == names.KEPT:
            kept.append(Kept(labels.get(names.SERVICE, ""), whole(labels.get(names.REVISION)) or 0, container))
        elif names.template_of(service):
            templates.append(container)
        elif service and labels.get(names.COMPOSE_ONE_OFF, "False") != "True":
            instances.append(Instance(service, whole(labels.get(names.COMPOSE_NUMBER)) or 1, container))
    instances.sort(key=lambda each: (each.service, each.number, each.container.name))
    kept.sort(key=lambda each: (each.service, each.revision))
    return Observed(project, tuple(instances), tuple(kept), tuple(templates), tuple(holders))
