"""A small project on a simulated engine, and the deployments that tests make of it."""

import functools
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulated import Killed, Simulated

from trimtab.deploy.desired import Desired, read_desired
from trimtab.deploy.holder.choose import Wish, choose
from trimtab.deploy.holder.holding import changing_over, plan_holder, standing
from trimtab.deploy.observed import Observed
from trimtab.deploy.outcome import Result
from trimtab.deploy.plan import Plan
from trimtab.deploy.project import ask_images
from trimtab.deploy.reconcile import Asked, reconcile
from trimtab.deploy.revisions import next_revision, plan_rollback
from trimtab.deploy.run import Deployer, Settings
from trimtab.deploy.site import Checks, observed
from trimtab.docker.api import Api
from trimtab.docker.containers import Containers
from trimtab.errors import StateError
from trimtab.history import Store, open_store

PROJECT = "shop"
QUICK = Settings(Checks(settle=0))


def image(name: str) -> str:
    return "sha256:" + hashlib.sha256(name.encode()).hexdigest()


def services(version: str) -> dict[str, Any]:
    """A store with volumes, and two services that come after it."""
    return {
        "db": {"image": "db:1", "restart": "always", "volumes": [
            {"type": "volume", "source": "data", "target": "/data"}, {"type": "volume", "target": "/scratch"},
        ]},
        "api": {"image": f"api:{version}", "restart": "always", "depends_on": {"db": {"condition": "service_healthy"}}},
        "web": {
            "image": f"web:{version}", "depends_on": {"api": {"condition": "service_healthy"}},
            "ports": [{"target": 80, "published": "8080", "protocol": "tcp"}],
        },
    }  # fmt: skip


def desired(bodies: Mapping[str, Any], project: str = PROJECT) -> Desired:
    """The project as compose would tell it, each service's digest made of all that is said of it."""
    config = {"name": project, "services": bodies, "networks": {"default": {"name": f"{project}_default"}}}
    hashes = {name: hashlib.sha256(repr(body).encode()).hexdigest() for name, body in bodies.items()}
    return read_desired(config, hashes, folder="/srv/shop", files=("/srv/shop/compose.yaml",))


class Quiet:
    """A watcher that only remembers."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.said: list[str] = []

    def step(self, place: str, text: str, direction: str) -> None:
        self.steps.append(f"{'back: ' if direction == 'back' else ''}{place}: {text}")

    def told(self, place: str, text: str) -> None:
        self.said.append(f"{place}: {text}")

    def failed(self, service: str, reason: str, tail: str) -> None:
        self.said.append(f"{service}: {reason}")


@dataclass
class Stage:
    """One project, its engine and its journal."""

    folder: Path
    engine: Simulated = field(default_factory=Simulated)
    settings: Settings = QUICK
    watcher: Quiet = field(default_factory=Quiet)
    wish: Wish = field(default_factory=Wish)
    parallel: int = 1

    def __post_init__(self) -> None:
        for name in ("db:1", "api:1", "api:2", "api:3", "web:1", "web:2", "web:3", "haproxy:1"):
            self.engine.images[name] = image(name)

    @functools.cached_property
    def store(self) -> Store:
        return open_store(self.folder)

    def deployer(self) -> Deployer:
        return Deployer(self.engine, self.store.deployments, PROJECT, self.watcher, self.settings)

    async def plan(self, wanted: Desired, asked: Asked | None = None) -> Plan:
        api = Api(self.engine)
        now = await observed(Containers(api), PROJECT)
        images = await self.images(wanted)
        asked = asked or self._asked(wanted, now)
        return reconcile(wanted, now, images, next_revision(now, self.store.deployments.last_revision(PROJECT)), asked)

    def _asked(self, wanted: Desired, now: Observed) -> Asked:
        """What the wish comes to."""
        choice = choose(wanted, self.wish, {"web": {80}}, {})
        there = standing(now)
        holder = plan_holder(choice, "haproxy:1", there, now)
        return Asked(holder=holder, over=changing_over(holder, there), unheld=choice.refused)

    async def images(self, wanted: Desired) -> Mapping[str, str]:
        """The ids of those images of the project that the engine has."""
        there = await ask_images(Api(self.engine), (each.image for each in wanted.services.values()))
        return {reference: each.id for reference, each in there.items()}

    async def deploy(self, version: str = "1", asked: Asked | None = None, wanted: Desired | None = None) -> Result:
        wanted = wanted or desired(services(version))
        plan = await self.plan(wanted, asked)
        now = await observed(Containers(Api(self.engine)), PROJECT)
        return await self.deployer().deploy(plan, now, wanted, self.parallel)

    async def rollback(self, *names: str, to: int | None = None) -> Result:
        now = await observed(Containers(Api(self.engine)), PROJECT)
        plan = plan_rollback(now, next_revision(now, self.store.deployments.last_revision(PROJECT)), names, to)
        return await self.deployer().deploy(plan, now, None)

    async def until_killed(self, version: str | None, at: int, *, takes_effect: bool) -> bool:
        """Deploy, or roll back for None, until the process is killed at a change of the engine; whether it came so far."""
        self.engine.changes, self.engine.dies_at, self.engine.takes_effect = 0, at, takes_effect
        return await self.killed(lambda: self.rollback() if version is None else self.deploy(version))

    async def killed(self, does: Callable[[], Awaitable[Result]]) -> bool:
        """Do it until the process is killed where the engine was told so; whether it came so far."""
        # A process that is killed writes nothing more, neither to the engine nor to its journal.
        self.engine.on_death = self.store.close
        try:
            await does()
        except (Killed, StateError):
            del self.store
            return True
        finally:
            self.engine.revive()
        return False

    def compose_up(self, version: str = "1") -> None:
        """What `docker compose up` leaves: containers without any mark of ours."""
        wanted = desired(services(version))
        bodies = {name: each.body for name, each in wanted.services.items()}
        self.engine.compose({"name": PROJECT, "services": bodies, "networks": {"default": {}}})
        for container in self.engine.containers.values():
            self.engine.start(container)
            container["Config"]["Labels"]["com.docker.compose.config-hash"] = wanted.services[
                container["Config"]["Labels"]["com.docker.compose.service"]
            ].config_hash


async def at_every_change(folder: Path, one: Callable[[Path, int], Awaitable[bool]]) -> int:
    """Do it with a death at the first change, at the second, and so on, each in a folder of its own; where it first got through."""
    at = 1
    while await one(folder / str(at), at):
        at += 1
    return at
