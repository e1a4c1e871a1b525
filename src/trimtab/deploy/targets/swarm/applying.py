"""Telling a swarm what it is to be.

`docker stack deploy` applies what comes from the files: it is what makes a service of a stack file's words (docker/cli's
`cli/compose/convert`), networks, secrets and configs included, and a second such translation would differ somewhere. Its exit
code says only that the managers were told. Going back is the API's own: a specification as the engine described it once has
nothing in it to translate.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from trimtab.deploy.desired import Desired
from trimtab.deploy.names import CONFIG, DEPLOYMENT, PROJECT, REVISION, SOURCE
from trimtab.deploy.targets.swarm.cluster import Service
from trimtab.deploy.targets.swarm.export import Stack, stack_text
from trimtab.deploy.targets.swarm.plan import config_of
from trimtab.docker.api import Api, Request
from trimtab.docker.command import Command, docker
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError
from trimtab.fleet.plain import mapping

_SECONDS = 600.0


@dataclass(frozen=True)
class Files:
    """A project from its files, ready to be told to a swarm."""

    desired: Desired
    stack: Stack
    credentials: bool = field(default=False, repr=False)
    """Whether the nodes need the client's credentials for a registry."""


def part_of(files: Files, services: Collection[str], revision: int, deployment: str) -> Stack:
    """A stack with some of its services only, each with labels that say what it is."""
    stack = files.stack
    parts = {
        name: _labelled(files, name, body, revision, deployment) for name, body in stack.services.items() if name in services
    }
    return replace(stack, data={**stack.data, "services": parts})


def _labelled(
    files: Files, name: str, body: Mapping[str, object], revision: int, deployment: str
) -> Mapping[str, object]:  # fmt: skip
    deploy = mapping(body.get("deploy"))
    own = {
        PROJECT: files.stack.project,
        REVISION: str(revision),
        SOURCE: str(revision),
        DEPLOYMENT: deployment,
        CONFIG: config_of(files.desired.services[name], files.stack),
    }
    # Labels of the service, not of its tasks: one that changes replaces no container.
    return {**body, "deploy": {**deploy, "labels": {**mapping(deploy.get("labels")), **own}}}


def stack_deploy(stack: Stack, *, credentials: bool) -> Command:
    """The command that applies a stack; its file comes by standard input, and credentials by variables of the client's own."""
    words = ["stack", "deploy", "--compose-file", "-", "--detach=true", "--resolve-image", "never"]
    words += ["--with-registry-auth"] if credentials else []
    command = docker(*words, stack.project, env=stack.variables)
    return replace(command, stdin=stack_text(stack).encode())


async def apply_files(runner: Runner, files: Files, services: Collection[str], revision: int, deployment: str) -> str:
    """Tell the managers what services are to be. Empty when they took it; else why not, and then some may have been taken.

    Raises:
        ToolError: there is no docker client.
    """
    command = stack_deploy(part_of(files, services, revision, deployment), credentials=files.credentials)
    try:
        done = await runner.run(command, timeout=_SECONDS)
    except TimeoutError:
        return f"the managers did not take it within {_SECONDS:.0f} s"
    lines = [line for line in done.stderr.splitlines() if line.strip() and "--detach" not in line]
    return "" if done.code == 0 else " / ".join(lines[-2:]) or f"`docker stack deploy` ended with {done.code}"


async def apply_spec(api: Api, service: Service | None, spec: Mapping[str, object], labels: Mapping[str, str]) -> None:
    """Make a service what it was once.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: the managers do not take it, as when somebody else has changed the service meanwhile.
    """
    body = {**spec, "Labels": {**mapping(spec.get("Labels")), **labels}}
    if service is None:
        await api.ask(Request("POST", "/services/create", body=body))
        return
    await api.ask(Request("POST", f"/services/{service.id}/update", {"version": str(service.number)}, body))


async def go_back(api: Api, service: Service) -> None:
    """Have the swarm undo a service's last update; errors as of `apply_spec`."""
    query = {"version": str(service.number), "rollback": "previous"}
    await api.ask(Request("POST", f"/services/{service.id}/update", query, dict(service.spec)))


async def remove(api: Api, service: Service) -> None:
    """Remove a service with its tasks. Its volumes stay, on whatever node they are."""
    await api.ask(Request("DELETE", f"/services/{service.id}"), allow=(404,))


async def last_words(runner: Runner, project: str, service: str) -> str:
    """What a service's tasks printed last, for people only; empty where that cannot be had soon."""
    try:
        done = await runner.run(docker("service", "logs", "--raw", "--tail", "5", f"{project}_{service}"), timeout=5)
    except ToolError:
        return ""
    return "\n".join(f"{done.text}\n{done.stderr}".strip().splitlines()[-10:]) if done.code == 0 else ""
