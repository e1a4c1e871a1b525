"""Revisions of a swarm's services: each is kept by the managers as a config object, as the engine described the service then.

What a service was may hold credentials in its environment. The managers have it anyway; here it stays with them, and is on no
disk of whoever deploys. `docker stack rm` removes these objects with the stack, as they carry its label.
"""

import base64
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from trimtab.deploy.names import KEPT, PROJECT, REVISION, ROLE, SERVICE
from trimtab.deploy.targets.swarm.cluster import NAMESPACE, Seen
from trimtab.deploy.targets.swarm.files import FILE, KINDS
from trimtab.docker.api import Api, Request
from trimtab.fleet.plain import items, mapping, mapping_of, text, whole

_LONGEST = 64
"""Characters that a config's name may have (swarmkit's `isValidConfigOrSecretName`)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a service was under one revision."""

    service: str
    revision: int
    id: str
    spec: Mapping[str, object] = field(repr=False)

    @property
    def image(self) -> str:
        return text(mapping(mapping(self.spec.get("TaskTemplate")).get("ContainerSpec")).get("Image")) or ""


async def kept_revisions(api: Api, project: str) -> tuple[Kept, ...]:
    """Every revision that is kept of a project, by service and number.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: it is no manager.
    """
    filters = json.dumps({"label": [f"{PROJECT}={project}", f"{ROLE}={KEPT}"]})
    answer = await api.ask(Request("GET", "/configs", {"filters": filters}))
    found = [_read(mapping(each)) for each in items(answer.json)]
    return tuple(sorted((each for each in found if each is not None), key=lambda each: (each.service, each.revision)))


def _read(data: Mapping[str, object]) -> Kept | None:
    spec = mapping(data.get("Spec"))
    labels = mapping(spec.get("Labels"))
    number = whole(labels.get(REVISION))
    try:
        kept = mapping_of(base64.b64decode(text(spec.get("Data")) or ""))
    except ValueError:
        return None
    if number is None or not kept:
        return None
    return Kept(text(labels.get(SERVICE)) or "", number, str(data.get("ID")), kept)


async def keep(api: Api, project: str, revisions: Mapping[tuple[str, int], Mapping[str, object]]) -> None:
    """Keep what services are, by service and revision; one that is kept already is left as it is.

    Raises:
        EngineMissing: the engine does not answer.
        EngineRefused: it cannot be kept.
    """
    for (service, revision), spec in revisions.items():
        labels = {NAMESPACE: project, PROJECT: project, ROLE: KEPT, SERVICE: service, REVISION: str(revision)}
        data = base64.b64encode(json.dumps(spec).encode()).decode()
        body = {"Name": name_of(project, service, revision), "Labels": labels, "Data": data}
        await api.ask(Request("POST", "/configs/create", body=body), allow=(409,))


def name_of(project: str, service: str, revision: int) -> str:
    """The name of a revision's object, which is as long as those may be at most."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{project}_{service}").strip("-_.")
    end = f".r{revision}"
    if len(plain) + len(end) <= _LONGEST and plain == f"{project}_{service}":
        return plain + end
    digest = hashlib.sha256(f"{project} {service}".encode()).hexdigest()[:12]
    return f"{plain[: _LONGEST - len(end) - len(digest) - 1]}.{digest}{end}"


async def retain(api: Api, seen: Seen, kept: Iterable[Kept], number: int) -> None:
    """Forget all but the newest revisions of each service, and those that run; and files of ours that nothing uses any more."""
    standing = {(each.name, each.source) for each in seen.services.values()}
    by_service: dict[str, list[Kept]] = {}
    for each in kept:
        by_service.setdefault(each.service, []).append(each)
    rest: list[Kept] = []
    for mine in by_service.values():
        for each in mine[:-number]:
            if (each.service, each.revision) not in standing:
                await api.ask(Request("DELETE", f"/configs/{each.id}"), allow=(404,))
            else:
                rest.append(each)
        rest += mine[-number:]
    specs = [each.spec for each in rest]
    specs += [spec for each in seen.services.values() for spec in (each.spec, each.previous)]
    await _sweep(api, seen.project, _named(specs))


def _named(specs: Iterable[Mapping[str, object]]) -> frozenset[str]:
    """The secrets and configs that services have, by id."""
    found: set[str] = set()
    for spec in specs:
        container = mapping(mapping(spec.get("TaskTemplate")).get("ContainerSpec"))
        for kind, key in (("Secrets", "SecretID"), ("Configs", "ConfigID")):
            found |= {str(mapping(each).get(key)) for each in items(container.get(kind))}
    return frozenset(found)


async def _sweep(api: Api, project: str, used: Collection[str]) -> None:
    filters = json.dumps({"label": [f"{PROJECT}={project}", f"{ROLE}={FILE}"]})
    for kind in KINDS:
        answer = await api.ask(Request("GET", f"/{kind}", {"filters": filters}))
        for each in map(mapping, items(answer.json)):
            if str(each.get("ID")) not in used:
                # In use by somebody else's service after all: the engine refuses, and it stays.
                await api.ask(Request("DELETE", f"/{kind}/{each.get('ID')}"), allow=(400, 404, 409))
