"""What keeps a project from a swarm by what the swarm has already."""

import base64
from pathlib import Path
from typing import Any

import pytest
from simulated_swarm import SimulatedSwarm
from stage import desired

from trimtab.deploy.desired import Desired
from trimtab.deploy.project import project_of
from trimtab.deploy.targets.swarm import Stack, read_stack
from trimtab.deploy.targets.swarm.against import missing
from trimtab.deploy.targets.swarm.files import with_versions
from trimtab.deploy.targets.swarm.plan import config_of
from trimtab.docker.api import Api
from trimtab.errors import EngineRefused
from trimtab.fleet.plain import mapping

pytestmark = pytest.mark.anyio
SWARM = "swarm-id"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def project(folder: Path) -> tuple[Desired, Stack]:
    body: dict[str, Any] = {"image": "web:1", "configs": [{"source": "site"}], "secrets": [{"source": "key"}]}
    wanted = desired({"web": body})
    files = {
        "configs": {"site": {"name": "site-1", "file": str(folder / "site.conf")}},
        "secrets": {"key": {"name": "key-1", "file": str(folder / "key")}},
    }
    return wanted, with_versions(read_stack({**project_of(wanted), **files}), SWARM)


def deployed(stack: Stack, folder: Path) -> SimulatedSwarm:
    """A swarm with the secret and the config as `docker stack deploy` has made them; of a secret it tells no text."""
    swarm = SimulatedSwarm()
    for kind, there in (("configs", swarm.configs), ("secrets", swarm.secrets)):
        for each in map(mapping, mapping(stack.data[kind]).values()):
            name = str(each["name"])
            there[name] = {"ID": name, "Spec": {"Name": name, "Labels": dict(mapping(each["labels"]))}}
    swarm.configs["site-1"]["Spec"]["Data"] = base64.b64encode((folder / "site.conf").read_bytes()).decode()
    return swarm


async def test_another_text_under_the_same_name_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("a")
    (tmp_path / "key").write_text("sesame")
    wanted, stack = project(tmp_path)
    digest = config_of(wanted.services["web"], stack)
    swarm = deployed(stack, tmp_path)
    assert await missing(Api(swarm), stack, wanted, SWARM) == []
    for name in ("site.conf", "key"):
        (tmp_path / name).write_text("another")
    wanted, stack = project(tmp_path)
    why = "the swarm has it with another text, and changes none. Give it another `name`, or none: trimtab counts then"
    assert await missing(Api(swarm), stack, wanted, SWARM) == [f"the secret `key-1`: {why}", f"the config `site-1`: {why}"]
    assert config_of(wanted.services["web"], stack) != digest, "or nothing would be said to have changed"
    for each in (*swarm.configs.values(), *swarm.secrets.values()):
        each["Spec"]["Labels"].clear()
    assert await missing(Api(swarm), stack, wanted, SWARM) == [f"the config `site-1`: {why}"], "of the secret it is not known"


async def test_what_the_managers_do_not_list_is_not_taken_for_missing(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("a")
    (tmp_path / "key").write_text("sesame")
    wanted, stack = project(tmp_path)
    swarm = SimulatedSwarm(silent_about="configs")
    with pytest.raises(EngineRefused, match="the swarm has no leader"):
        await missing(Api(swarm), stack, wanted, SWARM)
