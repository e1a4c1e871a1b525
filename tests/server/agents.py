"""What the tests of the server have in common: the official client, a project, and a stand-in for the docker program."""

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, cast

import anyio
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from trimtab.fleet.plain import items, mapping

MODES: tuple[Literal["auto", "legacy"], ...] = ("auto", "legacy")
"""The protocol as of 2026, and the one with a handshake that most clients speak."""
DOCKER = """#!/bin/sh
echo "$$ $*" >> "$DOCKER_LOG"
case "$1 $2" in
  "version "*) echo 27.0.0 ;;
  "info "*) echo /nowhere ;;
  "buildx build"*) exec sleep 1000 ;;
esac
"""
"""A docker program whose builds never end; it notes each call with its process."""


def environment(folder: Path, *, docker: bool) -> dict[str, str]:
    """With the stand-in for docker, or with an engine that does not answer."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    own = {"XDG_CACHE_HOME": str(folder / "cache"), "DOCKER_HOST": f"unix://{folder}/nobody.sock"}
    if docker:
        (tools / "docker").write_text(DOCKER)
        (tools / "docker").chmod(0o755)
        own |= {"PATH": f"{tools}:{os.environ['PATH']}", "DOCKER_LOG": str(folder / "docker.log")}
    return {**os.environ, **own}


def server_argv(project: Path, *words: str) -> list[str]:
    """The server's command line."""
    return [sys.executable, "-P", "-m", "trimtab", "mcp", str(project), *words]


@asynccontextmanager
async def stdio(
    project: Path, env: Mapping[str, str], *words: str, mode: Literal["auto", "legacy"] = "auto"
) -> AsyncGenerator[Client]:  # fmt: skip
    """The official client, with a server that it has started."""
    command, *args = server_argv(project, *words)
    async with Client(StdioServerParameters(command=command, args=args, env=dict(env), cwd=project), mode=mode) as client:
        yield client


def talk(steps: Callable[[], Awaitable[None]]) -> None:
    """Run what a test does with a server, for two minutes at most."""

    async def main() -> None:
        with anyio.fail_after(120):
            await steps()

    anyio.run(main)


async def called(client: Client, name: str, arguments: dict[str, object] | None = None) -> tuple[types.CallToolResult, str]:
    """A tool's result, and its texts."""
    found = await client.call_tool(name, arguments or {})
    return found, "\n".join(each.text for each in found.content if isinstance(each, types.TextContent))


def structured(found: types.CallToolResult) -> Mapping[str, object]:
    """What a tool has printed, with its outcome."""
    return cast("Mapping[str, object]", found.structured_content)


def entries(found: types.CallToolResult, name: str) -> list[Mapping[str, object]]:
    """The entries of a list in a result."""
    return [mapping(each) for each in items(mapping(structured(found)["result"])[name])]


async def cancelled_in_the_middle(client: Client) -> None:
    """Begin to optimise, and give up as soon as there is progress."""
    async with anyio.create_task_group() as group:

        async def told(progress: float, total: float | None, message: str | None) -> None:
            if message and "staging" in message:
                group.cancel_scope.cancel()

        await client.call_tool("optimize", {"quick": True, "offline": True, "apply": True}, progress_callback=told)


def commands(project: Path) -> list[int]:
    """The processes of commands that a server has started for a project."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    own = [line.split() for line in listed.splitlines() if "-m trimtab" in line and str(project) in line]
    return [int(words[0]) for words in own if "mcp" not in words]


async def all_gone(project: Path) -> None:
    """Wait until no command of a project runs any more."""
    with anyio.fail_after(60):
        while commands(project):
            await anyio.sleep(0.05)


def tree(project: Path) -> dict[str, bytes]:
    """Every file of a project but what trimtab keeps for itself."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in sorted(project.rglob("*"))
        if path.is_file() and ".trimtab" not in path.parts
    }
