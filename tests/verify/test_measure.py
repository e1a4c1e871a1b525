"""What a measurement is taken on: new cache mounts, the user's own commits, a slow link."""

import os
import subprocess
import time
from pathlib import Path

import anyio
import anyio.abc
import pytest

from trimtab.docker import Command, Completed, ProcessRunner
from trimtab.fleet import DiskTree, discover
from trimtab.verify import Measurement, Pair, Scenario
from trimtab.verify.link import slow_link
from trimtab.verify.measure import with_new_mounts
from trimtab.verify.replay import checkout, last_commits
from trimtab.verify.workspace import Workspace

TEXT = (
    "FROM a:1\n"
    "RUN --mount=type=cache,target=/a,sharing=locked --mount=type=bind,target=/b x\n"
    "RUN --mount=type=cache,id=known,target=/c \\\n    --mount=target=/d,type=cache y\n"
    "RUN --mount=type=secret,id=s z\n"
)


def test_every_cache_mount_is_a_new_one_and_nothing_else_changes() -> None:
    after = with_new_mounts(TEXT, "m")
    assert after == (
        "FROM a:1\n"
        "RUN --mount=type=cache,target=/a,sharing=locked,id=/a-m --mount=type=bind,target=/b x\n"
        "RUN --mount=type=cache,target=/c,id=known-m \\\n    --mount=target=/d,type=cache,id=/d-m y\n"
        "RUN --mount=type=secret,id=s z\n"
    )


def test_mounts_above_a_line_stay() -> None:
    assert with_new_mounts(TEXT, "m", 3).splitlines()[:2] == TEXT.splitlines()[:2]
    assert "id=known-m" in with_new_mounts(TEXT, "m", 3)


def test_saved_a_week_has_a_spread() -> None:
    pairs = tuple(Pair(10.0 + extra, 4.0) for extra in range(5))
    assert Measurement(Scenario.REPLAY, "", pairs).saved_a_week is None
    assert Measurement(Scenario.REPLAY, "", pairs, per_week=10).saved_a_week == (70, 80, 90)


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_the_context_is_what_it_was_at_each_commit(tmp_path: Path) -> None:
    root = tmp_path / "repository"
    (root / "svc").mkdir(parents=True)
    git(root, "init")
    (root / "svc" / "Dockerfile").write_text("FROM a:1\nCOPY . .\n")
    (root / "svc" / ".dockerignore").write_text("left-out\n")
    (root / "svc" / "left-out").write_text("x")
    (root / "svc" / "a.py").write_text("one")
    (root / "svc" / "run.sh").write_text("#!/bin/sh\n")
    (root / "svc" / "run.sh").chmod(0o755)
    (root / "svc" / "link").symlink_to("a.py")
    git(root, "add", ".")
    git(root, "commit", "-m", "one")
    (root / "elsewhere").write_text("")
    git(root, "add", ".")
    git(root, "commit", "-m", "not in the context")
    (root / "svc" / "a.py").write_text("two")
    (root / "svc" / "run.sh").unlink()
    git(root, "add", ".")
    git(root, "commit", "-m", "two")
    (root / "svc" / "a.py").write_text("not committed")
    fleet = discover(DiskTree(root))
    context = fleet.files[0].contexts[0]

    async def both() -> list[dict[str, str]]:
        runner = ProcessRunner()
        commits = await last_commits(runner, root, context.root, 10)
        workspace = Workspace(tmp_path / "staged", root, context)
        workspace.stage()
        seen: list[dict[str, str]] = []
        for commit in commits:
            await checkout(runner, root, commit, workspace, context)
            files = sorted(path for path in workspace.context_path.rglob("*") if path.is_file())
            seen.append({path.name: path.read_text() for path in files})
            executable = workspace.context_path / "run.sh"
            assert not executable.exists() or os.access(executable, os.X_OK)
        return seen

    one, two = anyio.run(both)
    assert set(one) == {"Dockerfile", ".dockerignore", "a.py", "run.sh", "link"}
    assert (one["a.py"], one["link"], two["a.py"]) == ("one", "one", "two")
    assert "run.sh" not in two
    # The staged files were hard links to the user's own, which are as they were.
    assert (root / "svc" / "a.py").read_text() == "not committed"


class Bridge:
    """A runner whose engine's network has this machine's loopback address."""

    def __init__(self, address: str) -> None:
        self.address = address

    async def run(self, command: Command, **_: object) -> Completed:
        return Completed(command.argv, 0, self.address.encode(), "")

    async def stream(self, command: Command, sink: object) -> Completed:
        raise NotImplementedError


async def _served(listener: anyio.abc.Listener[anyio.abc.SocketStream], size: int) -> None:
    async def answer(client: anyio.abc.SocketStream) -> None:
        async with client:
            await client.receive()
            await client.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * size)

    await listener.serve(answer)


@pytest.mark.parametrize("tunnel", [True, False])
def test_a_link_carries_everything_at_its_rate(tunnel: bool) -> None:
    size, mbit = 300_000, 8.0

    async def fetched() -> tuple[int, float]:
        received, seconds = b"", 0.0
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with listener, anyio.create_task_group() as group:
            group.start_soon(_served, listener, size)
            async with slow_link(Bridge("127.0.0.1"), mbit) as proxies:
                assert proxies is not None
                proxy = int(proxies["http_proxy"].rpartition(":")[2])
                started = time.monotonic()
                async with await anyio.connect_tcp("127.0.0.1", proxy) as client:
                    if tunnel:
                        await client.send(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
                        assert b"200" in await client.receive()
                        await client.send(b"GET / HTTP/1.1\r\n\r\n")
                    else:
                        await client.send(f"GET http://127.0.0.1:{port}/a HTTP/1.1\r\n\r\n".encode())
                    try:
                        while True:
                            received += await client.receive()
                    except anyio.EndOfStream:
                        pass
                seconds = time.monotonic() - started
            group.cancel_scope.cancel()
        return len(received), seconds

    count, seconds = anyio.run(fetched)
    assert count > size
    # 0.3 MB at 1 MB/s: never faster than the rate allows; how much slower is the machine's business.
    assert seconds > 0.25


def test_without_a_bridge_there_is_no_link() -> None:
    async def tried() -> object:
        async with slow_link(Bridge(""), 1) as proxies:
            return proxies

    assert anyio.run(tried) is None
