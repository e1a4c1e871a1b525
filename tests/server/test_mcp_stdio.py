"""The server as a client meets it over standard input and output: the official client, real commands, no engine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from agents import (
    MODES,
    all_gone,
    called,
    cancelled_in_the_middle,
    entries,
    environment,
    server_argv,
    stdio,
    structured,
    talk,
    tree,
)
from jsonschema import Draft202012Validator
from mcp import Client
from mcp.shared.exceptions import MCPError

from trimtab.fleet.plain import mapping
from trimtab.history import open_store
from trimtab.mcp.project import project_at
from trimtab.mcp.server import make_server

Mode = Literal["auto", "legacy"]


@pytest.mark.parametrize("mode", MODES)
def test_listing(shop: Path, tmp_path: Path, mode: Mode) -> None:
    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False), mode=mode) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            assert list(tools) == ["review", "explain", "fix", "plan", "optimize", "build", "scan", "gate", "status"]
            for tool in tools.values():
                Draft202012Validator.check_schema(tool.input_schema)
                Draft202012Validator.check_schema(tool.output_schema or {})
                assert tool.input_schema["additionalProperties"] is False
            with pytest.raises(MCPError, match="without --allow-deploy"):
                await client.call_tool("deploy", {"apply": True})
            with pytest.raises(MCPError, match="There is no tool `shell`"):
                await client.call_tool("shell", {})

    talk(steps)


def test_reading(shop: Path, tmp_path: Path) -> None:
    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False)) as client:
            found, text = await called(client, "review", {"offline": True, "limit": 5})
            assert (found.is_error, structured(found)["outcome"], structured(found)["exit_code"]) == (False, "findings", 1)
            assert len(entries(found, "findings")) == 5
            assert {each["severity"] for each in entries(found, "findings")} <= {"critical", "high"}
            assert int(str(mapping(structured(found)["left_out"])["findings"])) > 50
            assert json.loads(text) == structured(found)
            found, _ = await called(client, "review", {"paths": ["services/web/Dockerfile"], "offline": True, "limit": 0})
            assert {each["path"] for each in entries(found, "findings")} == {"services/web/Dockerfile"}
            found, _ = await called(client, "plan", {"offline": True})
            assert entries(found, "batches")
            found, text = await called(client, "explain", {"rule": "DF104"})
            assert mapping(structured(found)["result"])["name"] == "defeated-cache-mount"
            found, text = await called(client, "explain", {"rule": "DF999"})
            assert (found.is_error, structured(found)["outcome"]) == (True, "could-not-run")
            assert "There is no rule `DF999`" in text
            found, _ = await called(client, "gate")
            assert (found.is_error, structured(found)["outcome"]) == (False, "not-passed")

    talk(steps)


def test_fixing_shows_first_and_writes_when_told(shop: Path, tmp_path: Path) -> None:
    async def steps() -> None:
        before = tree(shop)
        async with stdio(shop, environment(tmp_path, docker=False)) as client:
            arguments: dict[str, object] = {"paths": ["services/catalog"], "offline": True}
            found, _ = await called(client, "fix", arguments)
            file = entries(found, "files")[0]
            assert (mapping(structured(found)["result"])["written"], file["changed"]) == (False, True)
            assert "--mount=type=cache" in str(file["diff"])
            assert tree(shop) == before
            found, _ = await called(client, "fix", {**arguments, "apply": True})
            assert mapping(structured(found)["result"])["written"] is True
        after = tree(shop)
        assert {path for path in after if after[path] != before.get(path)} == {"services/catalog/Dockerfile"}

    talk(steps)


def test_scanning_without_an_engine_and_its_report(shop: Path, tmp_path: Path) -> None:
    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False)) as client:
            assert (await client.list_resources()).resources == []
            found, _ = await called(client, "scan", {"type": ["secrets"], "images": False, "offline": True})
            assert (found.is_error, structured(found)["outcome"], structured(found)["exit_code"]) == (False, "done", 0)
            (shop / "key.env").write_text("GITHUB_TOKEN=ghp_" + "a1B2" * 9 + "\n")
            found, text = await called(client, "scan", {"type": ["secrets"], "images": False, "offline": True})
            assert (found.is_error, structured(found)["outcome"], structured(found)["exit_code"]) == (False, "findings", 1)
            assert "a1B2" not in text
            found, _ = await called(client, "scan", {"type": ["vulns"], "images": False, "offline": True})
            assert (found.is_error, structured(found)["outcome"], structured(found)["exit_code"]) == (False, "incomplete", 2)
            # Of what a Dockerfile installs by apt, no image says which version it got.
            installing = [f"services/{name}/Dockerfile" for name in ("catalog", "store", "web", "worker")]
            assert sorted(str(each["what"]) for each in entries(found, "not_checked")) == [*installing, "source tree"]
            listed = (await client.list_resources()).resources
            assert [each.uri for each in listed] == ["trimtab://latest/scan.json"]
            contents = (await client.read_resource(listed[0].uri)).contents[0]
            assert json.loads(contents.model_dump()["text"])["schema"] == "trimtab.scan/1"

    talk(steps)


@pytest.mark.parametrize("tool", ["build", "optimize", "status", "deploy"])
def test_no_engine_is_an_error_with_a_next_step(shop: Path, tmp_path: Path, tool: str) -> None:
    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False), "--allow-deploy") as client:
            found, text = await called(client, tool)
            assert (found.is_error, structured(found)["outcome"], structured(found)["result"]) == (True, "could-not-run", None)
            assert "Start Docker, or set DOCKER_HOST" in text

    talk(steps)


def test_nothing_outside_of_the_project_is_read(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "Dockerfile").write_text("FROM scratch\nENV TOLD=yes\n")
    (shop / "out").symlink_to(tmp_path / "outside")

    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False)) as client:
            for path in ("../outside", str(tmp_path / "outside"), "out", "out/Dockerfile"):
                for tool in ("review", "fix", "plan", "optimize", "build"):
                    found, text = await called(client, tool, {"paths": [path]})
                    assert found.is_error
                    assert "is not inside the project" in text
            found, text = await called(client, "review", {"paths": ["--output=/tmp/x"]})
            assert found.is_error
            found, text = await called(client, "review", {"offline": True, "limit": 0})
            assert "TOLD" not in text

    talk(steps)


def test_reports_outside_of_their_folder_are_not_read(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text('{"told": true}')
    store = open_store(shop)
    store.write_result("1-a", "scan", {"run": "old"})
    store.write_result("2-b", "scan", {"run": "new", "log": ["ENV API_TOKEN=correct-horse"]})
    os.utime(shop / ".trimtab/runs/1-a/scan.json", (1, 1))
    store.close()
    (shop / ".trimtab/runs/2-b/evil.json").symlink_to(tmp_path / "secret.json")
    (shop / ".trimtab/runs/3-c").symlink_to(tmp_path)

    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=False)) as client:
            assert [each.uri for each in (await client.list_resources()).resources] == ["trimtab://latest/scan.json"]
            assert len((await client.list_resource_templates()).resource_templates) == 1
            for uri, run in (("trimtab://latest/scan.json", "new"), ("trimtab://runs/1-a/scan.json", "old")):
                text = (await client.read_resource(uri)).contents[0].model_dump()["text"]
                assert json.loads(text)["run"] == run
                assert "correct-horse" not in text
            for name in (
                "latest/evil.json",
                "runs/2-b/evil.json",
                "runs/3-c/secret.json",
                "runs/../history.db",
                "runs/1-a/../x.json",
            ):
                with pytest.raises(MCPError):
                    await client.read_resource(f"trimtab://{name}")
            with pytest.raises(MCPError):
                await client.read_resource(f"file://{tmp_path}/secret.json")

    talk(steps)


def test_a_command_that_cannot_be_started_is_told(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def steps() -> None:
        async with Client(make_server(project_at(shop), allow_deploy=False)) as client:
            found, text = await called(client, "review")
            assert found.is_error
            assert "/nowhere/python" in text

    talk(steps)


def test_credentials_do_not_reach_the_client(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text(
        "FROM python:3.12-slim\nENV API_TOKEN=correct-horse-battery\nCOPY . .\nRUN pip install -r requirements.txt\n"
    )
    (project / "requirements.txt").write_text("six\n")

    async def steps() -> None:
        async with stdio(project, environment(tmp_path, docker=False)) as client:
            found, text = await called(client, "fix", {"offline": True})
            assert "API_TOKEN=***" in text
            assert "correct-horse" not in text + json.dumps(structured(found))

    talk(steps)


def test_the_projects_own_modules_are_not_imported(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("trimtab", "json", "anyio", "secrets", "sitecustomize"):
        (project / f"{name}.py").write_text("open('imported', 'w').close()\nraise SystemExit(7)\n")
    (project / "Dockerfile").write_text("FROM scratch\n")

    async def steps() -> None:
        async with stdio(project, environment(tmp_path, docker=False)) as client:
            found, _ = await called(client, "review", {"offline": True})
            assert not found.is_error
        assert not (project / "imported").exists()

    talk(steps)


@pytest.mark.parametrize("mode", MODES)
def test_a_cancelled_call_leaves_no_process_and_no_change(shop: Path, tmp_path: Path, mode: Mode) -> None:
    before = tree(shop)

    async def steps() -> None:
        async with stdio(shop, environment(tmp_path, docker=True), mode=mode) as client:
            await cancelled_in_the_middle(client)
            await all_gone(shop)
            found, _ = await called(client, "explain", {"rule": "DF104"})
            assert not found.is_error

    talk(steps)
    assert tree(shop) == before
    calls = (tmp_path / "docker.log").read_text()
    assert "ps --all --quiet --no-trunc --filter label=io.trimtab.run=" in calls
    assert not list((tmp_path / "cache").glob("trimtab/staging/*"))


@pytest.mark.parametrize("ended_by", ["input", "SIGTERM", "SIGINT"])
def test_an_ending_server_ends_its_commands(shop: Path, tmp_path: Path, ended_by: str) -> None:
    env = environment(tmp_path, docker=True)
    with subprocess.Popen(
        server_argv(shop), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, text=True
    ) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None

        def send(**message: object) -> None:
            assert server.stdin is not None
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            server.stdin.flush()

        client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        send(id=1, method="initialize", params=client)
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "trimtab"
        send(method="notifications/initialized")
        call = {"name": "optimize", "arguments": {"quick": True, "offline": True}, "_meta": {"progressToken": 1}}
        send(id=2, method="tools/call", params=call)
        assert "staging" in json.loads(server.stdout.readline())["params"]["message"]
        if ended_by == "input":
            server.stdin.close()
        else:
            server.send_signal(signal.Signals[ended_by])
        assert server.wait(30) == 0
        talk(lambda: all_gone(shop))
