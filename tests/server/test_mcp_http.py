"""The server over HTTP: the official client, a token, and who is turned away."""

import signal
import subprocess
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal

import httpx
import httpx2
import pytest
from agents import (
    MODES,
    all_gone,
    called,
    cancelled_in_the_middle,
    environment,
    server_argv,
    structured,
    talk,
    tree,
)
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from trimtab.addresses import Address
from trimtab.cli.app import run
from trimtab.mcp.serve import checked_token

TOKEN = "a-token-that-nobody-guesses"
Mode = Literal["auto", "legacy"]


@contextmanager
def serving(project: Path, env: Mapping[str, str], *words: str) -> Generator[tuple[str, subprocess.Popen[str]]]:
    """A server on a free port, and its address; at the end it is asked to go, and has to go well."""
    argv = server_argv(project, "--http", "127.0.0.1:0", *words)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, env=env, text=True) as server:
        assert server.stderr is not None
        try:
            line = server.stderr.readline()
            assert line.startswith("listening on ")
            yield line.split()[-1], server
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0


@asynccontextmanager
async def connected(url: str, mode: Mode = "auto", token: str = "") -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", MODES)
def test_tools_and_reports(shop: Path, tmp_path: Path, mode: Mode) -> None:
    async def steps() -> None:
        with serving(shop, environment(tmp_path, docker=False)) as (url, _):
            async with connected(url, mode) as client:
                assert "deploy" not in [tool.name for tool in (await client.list_tools()).tools]
                found, _ = await called(client, "review", {"offline": True, "limit": 3})
                assert structured(found)["outcome"] == "findings"
                found, text = await called(client, "review", {"paths": [".."]})
                assert found.is_error
                found, text = await called(client, "status")
                assert "Start Docker, or set DOCKER_HOST" in text
                assert (await client.list_resources()).resources == []

    talk(steps)


@pytest.mark.parametrize("mode", MODES)
def test_a_cancelled_call_leaves_nothing(shop: Path, tmp_path: Path, mode: Mode) -> None:
    before = tree(shop)

    async def steps() -> None:
        with serving(shop, environment(tmp_path, docker=True)) as (url, _):
            async with connected(url, mode) as client:
                await cancelled_in_the_middle(client)
                await all_gone(shop)

    talk(steps)
    assert tree(shop) == before
    assert "--filter label=io.trimtab.run=" in (tmp_path / "docker.log").read_text()


def test_an_ending_server_ends_its_commands(shop: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    async def steps() -> None:
        with serving(shop, environment(tmp_path, docker=True)) as (url, server):

            async def told(progress: float, total: float | None, message: str | None) -> None:
                if message and "staging" in message:
                    seen.append(message)
                    server.send_signal(signal.SIGTERM)

            # Whatever a client makes of a server that goes.
            with suppress(Exception):
                async with connected(url, "legacy") as client:
                    await client.call_tool("optimize", {"quick": True, "offline": True}, progress_callback=told)
            assert seen, "the command had begun"
            assert server.wait(30) == 0
        await all_gone(shop)

    talk(steps)


INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}  # fmt: skip


def test_who_is_turned_away(shop: Path, tmp_path: Path) -> None:
    env = {**environment(tmp_path, docker=False), "TRIMTAB_MCP_TOKEN": TOKEN}
    good = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
    with serving(shop, env, "--host", "build.lan:8001") as (url, _):
        port = url.split(":")[2].partition("/")[0]
        for headers, status in (
            ({}, 200),
            ({"Host": f"localhost:{port}"}, 200),
            ({"Host": "build.lan:8001", "Origin": "http://build.lan:8001"}, 200),
            ({"Authorization": ""}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": f"Basic {TOKEN}"}, 401),
            ({"Authorization": f"Bearer {TOKEN}x"}, 401),
            ({"Host": "evil.example"}, 421),
            ({"Host": f"evil.example:{port}"}, 421),
            ({"Host": "127.0.0.1:1"}, 421),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": f"http://127.0.0.1.evil.example:{port}"}, 403),
            ({"Origin": "null"}, 403),
        ):
            answer = httpx.post(url, json=INITIALIZE, headers={**good, **headers}, timeout=30)
            assert (headers, answer.status_code) == (headers, status)
        assert httpx.get(url.replace("/mcp", "/"), headers=good, timeout=30).status_code == 404


def test_commands_do_not_get_the_token(shop: Path, tmp_path: Path) -> None:
    env = {**environment(tmp_path, docker=True), "TRIMTAB_MCP_TOKEN": TOKEN}
    docker = tmp_path / "tools" / "docker"
    docker.write_text('#!/bin/sh\nenv > "$DOCKER_LOG"\nexit 1\n')

    async def steps() -> None:
        with serving(shop, env) as (url, _):
            async with connected(url, token=TOKEN) as client:
                found, _ = await called(client, "status")
                assert found.is_error

    talk(steps)
    told = (tmp_path / "docker.log").read_text()
    assert "DOCKER_LOG=" in told
    assert TOKEN not in told


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [("0.0.0.0", "", "Others can reach"), ("build.lan", "", "Others can reach"), ("127.0.0.1", "short", "16 or more")],
)
def test_no_server_for_everybody(
    shop: Path, host: str, token: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    monkeypatch.setenv("TRIMTAB_MCP_TOKEN", token)
    assert run(["mcp", str(shop), "--http", f"{host}:0"]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_tokens(tmp_path: Path) -> None:
    assert checked_token(Address("127.0.0.1", 1), "") is None
    assert checked_token(Address("0.0.0.0", 1), TOKEN) == TOKEN
