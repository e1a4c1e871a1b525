"""Asking the engine for what the holder's plan is made from: the ports of images, and those that containers listen on."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import anyio

from trimtab.deploy.desired import Desired
from trimtab.deploy.holder.choose import Wish, choose
from trimtab.deploy.holder.holding import HolderPlan, changing_over, plan_holder, standing
from trimtab.deploy.observed import Observed
from trimtab.deploy.project import Image
from trimtab.docker.command import run_beside
from trimtab.docker.runner import Runner
from trimtab.docker.sockets import TABLES, listening

_SECONDS = 60.0


@dataclass(frozen=True)
class Asking:
    """The holder's part in a deployment."""

    plan: HolderPlan = field(default_factory=HolderPlan)
    over: frozenset[str] = frozenset()
    """Services that change over at the moment when their lane does."""
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    """Services that cannot be behind it, and why."""


async def ask_holder(
    runner: Runner, desired: Desired, now: Observed, images: Mapping[str, Image], wish: Wish, image: str
) -> Asking:  # fmt: skip
    """What the holder is to be, and what has to be done about it.

    Args:
        runner: Starts the docker client.
        desired: The project.
        now: What is there of it.
        images: The images that the engine has.
        wish: What the user says about the holder.
        image: The reference of the image that its containers have; where it is there, its programs look for open ports.
    """
    there = standing(now)
    if wish.is_empty and not there:
        return Asking()
    meant = [name for name in desired.services if wish.names(name)]
    exposed = {name: images[reference].exposed for name in meant if (reference := desired.services[name].image) in images}
    seen = await _listening(runner, now, meant, image)
    choice = choose(desired, wish, exposed, seen)
    plan = plan_holder(choice, image, there, now)
    over = changing_over(plan, there)
    # With none of them running there is nothing that could be away: each is started behind its lane as it is.
    runs = any(each.container.running for name in over for each in now.of(name))
    return Asking(plan, over if runs else frozenset(), choice.refused)


async def _listening(runner: Runner, now: Observed, services: Iterable[str], image: str) -> dict[str, set[int]]:
    """The TCP ports that running containers listen on, by service. Nothing is run inside them: they need have no program."""
    found: dict[str, set[int]] = {}
    run = f"ports-{secrets.token_hex(4)}"

    async def look(service: str, container: str) -> None:
        beside = run_beside(container, image, run, "cat", TABLES)
        done = await runner.run(beside, timeout=_SECONDS)
        found[service] = listening(done.text, reachable=True)

    async with anyio.create_task_group() as group:
        for service in services:
            running = [each for each in now.of(service) if each.container.running]
            if running:
                group.start_soon(look, service, running[0].container.id)
    return found
