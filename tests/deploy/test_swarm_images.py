"""Which image a swarm's nodes get, where this engine has one and a registry another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from simulated import conversation
from stage import desired

from trimtab.deploy.targets.swarm.pinned import Pinned, pin
from trimtab.docker.api import Api
from trimtab.docker.command import Command
from trimtab.docker.runner import Completed

pytestmark = pytest.mark.anyio
PUSHED, BUILT = "sha256:aa", "sha256:bb"


@dataclass
class Registry:
    """A runner in front of an engine that has `reg.example/web:1`, and of its registry, which may ask for a login."""

    here: str
    login: bool = False

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        if command.argv[1:3] == ("buildx", "imagetools"):
            return Completed(command.argv, 0, PUSHED.encode(), "")
        return Completed(command.argv, 0, conversation(command.stdin, self._answer), "")

    def _answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        if target.startswith("/distribution/"):
            return (401, {"message": "log in"}) if self.login else (200, {"Descriptor": {"digest": PUSHED}})
        return 200, {"Id": "sha256:11", "RepoDigests": [f"reg.example/web@{self.here}"]}

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def pinned(registry: Registry, body: dict[str, Any]) -> Pinned:
    services = desired({"web": {"image": "reg.example/web:1", **body}}).services
    return await pin(registry, Api(registry), services.values(), nodes=3)


@pytest.mark.parametrize("login", [False, True])
async def test_an_image_that_was_built_and_not_pushed_is_refused(login: bool) -> None:
    built = {"build": {"context": "."}}
    found = await pinned(Registry(BUILT, login), built)
    assert len(found.problems) == 1
    assert "`web`: this engine has another image by the name `reg.example/web:1` than its registry" in found.problems[0]
    assert (await pinned(Registry(PUSHED, login), built)).problems == ()


async def test_an_image_of_others_is_what_its_registry_has() -> None:
    found = await pinned(Registry(BUILT, login=True), {})
    assert (found.problems, found.credentials, found.images) == ((), True, {"web": f"reg.example/web:1@{PUSHED}"})
