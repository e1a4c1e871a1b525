"""The services that a service is started beside, on an engine that only keeps count."""

from pathlib import Path

import anyio
import pytest
from fake_engine import FakeEngine
from test_run import Held

from trimtab.build import Slots
from trimtab.docker import Command, Completed
from trimtab.fleet import DiskTree, discover
from trimtab.verify import Laboratory
from trimtab.verify.behave import start_options
from trimtab.verify.company import Shared

COMPOSE = """
services:
  app: {image: app, depends_on: [built, store]}
  built: {build: ./built}
  store: {image: store}
"""


class WithoutStore(FakeEngine):
    """An engine that has every image but `store`."""

    async def run(self, command: Command, *, on_line: object = None, timeout: float | None = None) -> Completed:
        if command.argv[1:3] == ("image", "inspect") and command.argv[-1] == "store":
            self.commands.append(command.argv)
            return Completed(command.argv, 1, b"", "no such image")
        return await super().run(command, timeout=timeout)


def shared(folder: Path, engine: FakeEngine) -> Shared:
    (folder / "built").mkdir()
    (folder / "built" / "Dockerfile").write_text("FROM debian\n")
    (folder / "compose.yaml").write_text(COMPOSE)
    fleet = discover(DiskTree(folder))
    return Shared(Laboratory(engine, "r", folder, folder, Slots(2), fleet, lambda _path, _doing: None))


def in_company(company: Shared) -> str:
    services = company._laboratory.fleet.services  # pyright: ignore[reportPrivateUsage]
    app = next(each for each in services if each.name == "app")
    options = start_options(app, services)

    async def run() -> str:
        with anyio.fail_after(10):
            return (await company.behaviour("sha256:1", options, "app", in_company=True)).state

    return anyio.run(run)


def builds(engine: FakeEngine) -> int:
    return sum(argv[1:3] == ("buildx", "build") for argv in engine.commands)


def test_nothing_is_built_for_a_company_that_never_comes_together(tmp_path: Path) -> None:
    engine = WithoutStore()
    assert in_company(shared(tmp_path, engine)) == "does not start"
    assert not builds(engine)


def test_a_neighbour_that_takes_too_long_to_build_is_not_waited_for_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trimtab.verify.company._CHEAP", 0.1)
    engine = Held()
    company = shared(tmp_path, engine)
    assert in_company(company) == "does not start"
    monkeypatch.setattr("trimtab.verify.company._CHEAP", 30.0)
    assert in_company(company) == "does not start"
