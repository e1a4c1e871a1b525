"""The networks of a project, and those that a deployment has made for nothing."""

import json
from collections.abc import Collection
from urllib.parse import quote

from trimtab.deploy.names import COMPOSE_PROJECT
from trimtab.docker.api import Api, Request
from trimtab.fleet.plain import items, mapping


async def project_networks(api: Api, project: str) -> dict[str, str]:
    """The project's networks that the engine has: names to ids."""
    filters = json.dumps({"label": [f"{COMPOSE_PROJECT}={project}"]})
    answer = await api.ask(Request("GET", "/networks", {"filters": filters}))
    found = [mapping(each) for each in items(answer.json)]
    return {str(each.get("Name")): str(each.get("Id")) for each in found}


async def sweep_networks(api: Api, project: str, before: Collection[str]) -> None:
    """Remove the project's networks that were not there before. One that is in use stays: the engine refuses."""
    for name, identity in (await project_networks(api, project)).items():
        if name not in before:
            await api.ask(Request("DELETE", f"/networks/{quote(identity, safe='')}"), allow=(403, 404, 409))
