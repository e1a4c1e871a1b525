"""What containers, images and labels of deployments are called, so that all of it can be found again without the journal."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from trimtab.docker.labels import COMPOSE_HASH as COMPOSE_HASH
from trimtab.docker.labels import COMPOSE_NUMBER as COMPOSE_NUMBER
from trimtab.docker.labels import COMPOSE_ONE_OFF as COMPOSE_ONE_OFF
from trimtab.docker.labels import COMPOSE_PROJECT as COMPOSE_PROJECT
from trimtab.docker.labels import COMPOSE_SERVICE as COMPOSE_SERVICE
from trimtab.docker.labels import ROLE as ROLE
from trimtab.docker.labels import RUNS as RUNS

PROJECT = "io.trimtab.project"
SERVICE = "io.trimtab.service"
NUMBER = "io.trimtab.number"
REVISION = "io.trimtab.revision"
"""The deployment that made it, by its number within the project."""
SOURCE = "io.trimtab.source"
"""The revision whose image and configuration it has; another one than its own after a rollback."""
DEPLOYMENT = "io.trimtab.deployment"
"""On a swarm's service: the deployment itself, as two deployers at two managers may take the same number."""
IMAGE = "io.trimtab.image"
"""On a kept revision: its image's name in the files."""
CONFIG = "io.trimtab.config"
"""On a swarm's service: the digest of what was asked for."""
CONTENT = "io.trimtab.content"
"""On a secret or config of a swarm that people have named: what its text is told apart by."""
STRATEGY = "io.trimtab.strategy"
SUPPRESSED = "io.trimtab.suppressed"
"""Paths at which a kept revision has an empty mount, only so that the engine makes no volume for it."""
LETTER = "io.trimtab.slot"
"""On a container behind the holder: the slot that it has there, `a` or `b`."""
ANCHORED = "io.trimtab.anchor"
"""On an HAProxy of the holder: the id of the anchor whose network it shares."""
TRACK = "io.trimtab.lane"
"""On an HAProxy of the holder: the lane, with what is behind it."""
COMPOSE_DEPENDS = "com.docker.compose.depends_on"
COMPOSE_FILES = "com.docker.compose.project.config_files"
COMPOSE_FOLDER = "com.docker.compose.project.working_dir"

KEPT, ANCHOR, PROXY, LEASE, TRIAL = "revision", "anchor", "proxy", "lease", "trial"
"""Roles beside `RUNS`: a revision that is kept to go back to, the two halves of a holder, the deployers' lease, a trial."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One container's place in a service, which one container after the other takes."""

    project: str
    service: str
    number: int
    name: str
    """What the container in use is called."""

    def fresh(self, revision: int) -> str:
        """The name of a revision's container until it takes the place."""
        return f"{self.name}.r{revision}"

    def trial(self, revision: int) -> str:
        """The name of a container that tries a revision by itself, before it shares the ports of the one in use."""
        return f"{self.name}.trial-r{revision}"

    def before(self, revision: int) -> str:
        """The name that the container before it has until the deployment is committed."""
        return f"{self.name}.before-r{revision}"

    @property
    def title(self) -> str:
        """For people: the service, with a number where it is not the first."""
        return self.service if self.number == 1 else f"{self.service}-{self.number}"


def slot_of(project: str, service: str, number: int, container_name: str | None) -> Slot:
    """The place of a service's container, named as compose would."""
    return Slot(project, service, number, container_name or f"{project}-{service}-{number}")


def template(service: str, revision: int) -> str:
    """The service under which compose makes the model of a container."""
    return f"trimtab-r{revision}-{service}"


def template_of(service: str) -> tuple[str, int] | None:
    """The service and the revision that a model is made for, by the model's own service name; None for any other name."""
    found = re.match(r"trimtab-r(\d+)-(.+)", service, re.DOTALL)
    return (found[2], int(found[1])) if found else None


def passing(name: str) -> tuple[str, Literal["fresh", "before"], int] | None:
    """What a name says that a container has only while a deployment is under way: the place's name, which one, the revision."""
    place, _, last = name.rpartition(".")
    found = re.fullmatch(r"(before-)?r(\d+)", last)
    return (place, "before" if found[1] else "fresh", int(found[2])) if found and place else None


def kept(project: str, service: str, revision: int) -> str:
    """The container that keeps a revision's configuration."""
    return f"{project}.{service}.r{revision}"


def host(service: str, revision: int) -> str:
    """The name by which the holder finds a revision's container in its networks."""
    return f"trimtab-{service}-r{revision}"


def anchor(project: str, lane: int, revision: int) -> str:
    """The container that has a lane's ports, names and addresses."""
    return f"{project}.anchor.{lane}.r{revision}"


def proxy(project: str, lane: int, revision: int) -> str:
    """The HAProxy of a lane."""
    return f"{project}.proxy.{lane}.r{revision}"


def tag(project: str, service: str, revision: int) -> str:
    """The tag that keeps a revision's image. No registry is named by it, so that it cannot be pushed by mistake."""
    return f"trimtab/{_path(project)}/{_path(service)}:r{revision}"


def _path(name: str) -> str:
    """A name as part of an image's: what that does not allow is replaced, and a digest keeps two of them apart."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x"
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
