"""Images that are the same on every node, and tomorrow: by what their registry says of them now, not by a tag that moves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from trimtab.deploy.desired import Wanted
from trimtab.docker.api import Api, Request
from trimtab.docker.command import registry_digest
from trimtab.docker.runner import Runner
from trimtab.errors import ToolError
from trimtab.fleet.plain import items, mapping, text

_SECONDS = 60.0
_HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Pinned:
    """What images are run, by service, and what is against it."""

    images: Mapping[str, str] = field(default_factory=dict[str, str])
    credentials: bool = False
    """Whether a registry gives an image only to who is logged in: the nodes have to be given the client's credentials then."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """What is known of one reference."""

    pinned: str = ""
    credentials: bool = False
    problem: str = ""


async def pin(runner: Runner, api: Api, services: Iterable[Wanted], nodes: int) -> Pinned:
    """Each service's image by its digest; where the swarm has one node, by what that node has.

    Args:
        runner: Starts the docker client, which has credentials for registries that the engine has not.
        api: A manager.
        services: What is to run.
        nodes: The nodes that may have to pull it.

    Raises:
        EngineMissing: the engine does not answer.
    """
    wanted = list(services)
    found: dict[str, _Found] = {}

    async def ask(reference: str) -> None:
        built = any(each.built for each in wanted if each.image == reference)
        found[reference] = await _pinned(runner, api, reference, nodes=nodes, built=built)

    async with anyio.create_task_group() as group:
        for reference in dict.fromkeys(each.image for each in wanted):
            group.start_soon(ask, reference)
    return Pinned(
        {each.name: found[each.image].pinned for each in wanted if found[each.image].pinned},
        any(each.credentials for each in found.values()),
        tuple(_said(wanted, reference, each.problem) for reference, each in sorted(found.items()) if each.problem),
    )


def _said(wanted: Sequence[Wanted], reference: str, what: str) -> str:
    return f"{', '.join(f'`{each.name}`' for each in wanted if each.image == reference)}: {what}"


async def _pinned(runner: Runner, api: Api, reference: str, *, nodes: int, built: bool) -> _Found:
    local = await api.ask(Request("GET", f"/images/{reference}/json"), allow=(404,))
    here = mapping(local.json if local.status == 200 else None)
    if here and nodes == 1:
        return _Found(pinned_here(reference, here))
    if nodes > 1 and registry(reference) in _HERE:
        why = f"`{reference}`: `{registry(reference)}` is another machine on every node"
        return _Found(problem=f"{why}. Name the registry by an address that all reach")
    answer = await api.ask(Request("GET", f"/distribution/{reference}/json"), allow=range(400, 600), timeout=_SECONDS)
    if answer.status == 200:
        digest = text(mapping(mapping(answer.json).get("Descriptor")).get("digest")) or ""
        return _Found(with_digest(reference, digest), problem=_differs(reference, here, digest) if built else "")
    digest = await _by_client(runner, reference)
    if digest:
        return _Found(
            with_digest(reference, digest), credentials=True, problem=_differs(reference, here, digest) if built else ""
        )
    return _Found(problem=_nowhere(reference, answer.message, built=built, there=bool(here), nodes=nodes))


async def _by_client(runner: Runner, reference: str) -> str:
    """What the registry says to the client, which may be logged in there; empty for nothing."""
    try:
        done = await runner.run(registry_digest(reference), timeout=_SECONDS)
    except ToolError:
        return ""
    return done.text if done.code == 0 and done.text.startswith("sha256:") else ""


def _nowhere(reference: str, why: str, *, built: bool, there: bool, nodes: int) -> str:
    if built and nodes == 1:
        return f"`{reference}` is not built: run `trimtab build`, or pass --build"
    if built:
        step = f"Give the service an `image:` in a registry that all {nodes} nodes reach, and push it: `docker compose push`"
    else:
        step = "Push it there, or log in: `docker login`"
    only = "only this engine has it" if there else "no registry gives it"
    return f"`{reference}` cannot be pulled by the nodes: {only} ({why or 'no reason was given'}). {step}."


def _differs(reference: str, here: Mapping[str, object], digest: str) -> str:
    """That an image was built here and not pushed: what would be deployed is another one than the project was built to."""
    if not here or any(str(each).endswith(digest) for each in items(here.get("RepoDigests"))):
        return ""
    why = f"this engine has another image by the name `{reference}` than its registry, whose one would be deployed"
    return f"{why}. `docker compose push` sends this one there, `docker pull {reference}` gets the other one"


def pinned_here(reference: str, image: Mapping[str, object]) -> str:
    """The image that the engine has: by the digest it was pulled by, else by its id, which a node that has it need not pull."""
    digests = [str(each) for each in items(image.get("RepoDigests"))]
    own = [each for each in digests if each.partition("@")[0] == name_of(reference)]
    return with_digest(reference, own[0].partition("@")[2]) if own else str(image.get("Id"))


def with_digest(reference: str, digest: str) -> str:
    """A reference that can mean one image only; its tag stays in it for people."""
    return f"{reference.partition('@')[0]}@{digest}"


def name_of(reference: str) -> str:
    """A reference without tag and digest."""
    plain = reference.partition("@")[0]
    head, slash, last = plain.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def registry(reference: str) -> str:
    """The registry's host as far as the reference names one; empty for Docker Hub."""
    first, slash, _ = reference.partition("/")
    names_host = slash and ("." in first or ":" in first or first == "localhost")
    return first.rpartition(":")[0] if names_host and ":" in first and not first.endswith("]") else first if names_host else ""
