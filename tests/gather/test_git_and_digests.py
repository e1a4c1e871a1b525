"""What git and registries are asked, and what their failures mean."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anyio

from trimtab.docker import Command, Completed, ProcessRunner
from trimtab.errors import CommandTimedOut
from trimtab.fleet import MemoryTree, Policy, discover
from trimtab.gather.digests import find_digests
from trimtab.git import change_counts, left_out

DIGEST = "sha256:" + "c" * 64


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def test_change_counts_are_relative_and_leave_out_the_first(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "sub").mkdir()
    for number in range(3):
        (tmp_path / "sub" / "a b.py").write_text(str(number))
        (tmp_path / "still").write_text("")
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", "x")
    assert anyio.run(change_counts, ProcessRunner(), tmp_path, 10) == {"sub/a b.py": 2}
    assert anyio.run(change_counts, ProcessRunner(), tmp_path / "sub", 10) == {"a b.py": 2}


def test_no_repository_is_no_history(tmp_path: Path) -> None:
    assert anyio.run(change_counts, ProcessRunner(), tmp_path, 10) is None
    assert anyio.run(left_out, ProcessRunner(), tmp_path, ["a"]) == frozenset()


def test_left_out(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("a\n")
    assert anyio.run(left_out, ProcessRunner(), tmp_path, ["a", "b"]) == {"a"}


class Answering:
    """A runner that answers by the words of the command."""

    def __init__(self, **answers: str | None) -> None:
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.asked.append(command.argv)
        answer = self.answers["registry" if "imagetools" in command.argv else "engine"]
        if answer is None:
            raise CommandTimedOut(command.argv, timeout or 0)
        return Completed(command.argv, 0 if answer else 1, answer.encode(), "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError


def digests(runner: Answering, *, offline: bool) -> dict[str, str]:
    fleet = discover(MemoryTree({"Dockerfile": "FROM python:3.13 AS a\nFROM a\nFROM scratch\nFROM x@sha256:00\n"}))
    fleet = replace(fleet, policy=Policy(pin=True))

    async def ask() -> dict[str, str]:
        return dict(await find_digests(runner, fleet, offline=offline))

    return anyio.run(ask)


def test_the_registry_is_asked_first_and_the_engine_next() -> None:
    assert digests(Answering(registry=DIGEST, engine=""), offline=False) == {"python:3.13": DIGEST}
    assert digests(Answering(registry=None, engine=f'["python@{DIGEST}"]'), offline=False) == {"python:3.13": DIGEST}
    silent = Answering(registry=None, engine="")
    assert digests(silent, offline=False) == {}
    assert [argv[1] for argv in silent.asked] == ["buildx", "image"]


def test_what_a_pinned_tag_is_by_now_only_the_registry_knows() -> None:
    runner = Answering(registry=DIGEST, engine=f'["python@{DIGEST}"]')
    fleet = replace(discover(MemoryTree({"Dockerfile": f"FROM python:3.13@sha256:{'a' * 64}\n"})), policy=Policy(pin=True))

    async def ask(offline: bool) -> dict[str, str]:
        return dict(await find_digests(runner, fleet, offline=offline))

    assert anyio.run(ask, False) == {"python:3.13": DIGEST}
    assert anyio.run(ask, True) == {}
    assert [argv[1] for argv in runner.asked] == ["buildx"]


def test_offline_asks_the_engine_alone() -> None:
    runner = Answering(registry=DIGEST, engine="")
    assert digests(runner, offline=True) == {}
    assert [argv[1] for argv in runner.asked] == ["image"]
