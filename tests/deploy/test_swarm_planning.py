"""What `trimtab deploy` and `trimtab rollback` plan for a swarm, and what they find against it, from the user's own files."""

from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from stage import desired
from swarm_stage import SwarmStage, bodies

from trimtab.cli.deploying import Stack, find_stack
from trimtab.cli.options import Common
from trimtab.cli.swarming import Back, Planned, Wish, make_plan, plan_the_way_back
from trimtab.history import opened

pytestmark = pytest.mark.anyio
COMPOSE = """\
name: shop
services:
  db: {image: "db:1"}
  web: {image: "web:1", build: ., depends_on: {db: {condition: service_healthy}}}
"""
DOCKERFILE = """\
FROM python:3.12-slim
COPY app.py /
HEALTHCHECK CMD curl -f http://localhost:8000/
CMD python app.py
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def stack_in(folder: Path, table: str = "", dockerfile: str = DOCKERFILE) -> Stack:
    files = {"compose.yaml": COMPOSE, "Dockerfile": dockerfile, "app.py": "", "trimtab.toml": f"[deploy]\n{table}"}
    for name, text in files.items():
        (folder / name).write_text(text)
    # It reads what is there in an event loop of its own.
    return await anyio.to_thread.run_sync(find_stack, (folder,), Common())


async def plan(stage: SwarmStage, stack: Stack, wanted: dict[str, Any], *services: str) -> Planned:
    with opened(stack.folder) as store:
        return await make_plan(stage.swarm, stack, store, desired(wanted), "swarm-id", Wish(frozenset(services)))


async def test_a_check_that_cannot_pass_is_told_before(tmp_path: Path) -> None:
    stage = SwarmStage(tmp_path)
    found = await plan(stage, await stack_in(tmp_path), bodies("1"))
    assert [each.rpartition(", ")[2] for each in found.problems] == ["DF302)"]
    assert any(each.endswith("DF305)") for each in found.notes), found.notes
    clean = await stack_in(tmp_path, dockerfile='FROM python:3.12-slim\nCOPY app.py /\nCMD ["python", "app.py"]\n')
    assert (await plan(stage, clean, bodies("1"))).problems == ()


async def test_what_a_service_needs_comes_with_it_where_it_is_not_there(tmp_path: Path) -> None:
    stage = SwarmStage(tmp_path)
    stack = await stack_in(tmp_path)
    found = (await plan(stage, stack, bodies("1"), "web")).plan
    assert [[each.service for each in wave] for wave in found.waves] == [["db"], ["web"]]
    assert all("@sha256:aa" in each.image for each in found.changes), "what is needed has its digest, too"
    await stage.deploy({"db": bodies("1")["db"]})
    found = (await plan(stage, stack, bodies("2"), "web")).plan
    assert ([each.service for each in found.changes], found.stays) == (["web"], {"db": "not asked for"})


async def test_no_rollback_goes_behind_a_job_of_the_contract(tmp_path: Path) -> None:
    stage, stack = SwarmStage(tmp_path), await stack_in(tmp_path, 'contract = ["drop"]')
    await stage.deploy(bodies("1"))
    drop = {"image": "drop:1", "restart": "always", "environment": {"VERSION": "2"}}
    await stage.deploy({**bodies("2"), "drop": drop})
    with opened(tmp_path) as store:
        for to in (None, 1):
            back = Back(frozenset({"web"}), to, "shop", dry_run=True, wait=0)
            way = await plan_the_way_back(stage.api, stack, store, "shop", back)
            assert way[2] == ["`web`: revision 1 does not work any more, since `drop` of revision 2 has run"]
        free = await plan_the_way_back(stage.api, await stack_in(tmp_path), store, "shop", back)
    assert ([each.source for each in free[0].changes], free[2]) == ([1], [])
