"""The branch of a workflow, and what it began with."""

import subprocess
from pathlib import Path

import anyio

from trimtab.crew.branch import Branch
from trimtab.docker import ProcessRunner


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=folder, check=True)


def test_what_it_began_with_has_what_git_has_and_goes_with_the_branch(tmp_path: Path) -> None:
    top, run = tmp_path / "shop", tmp_path / "run"
    (top / "inner").mkdir(parents=True)
    (top / "inner/compose.yaml").write_text("services: {}\n")
    (top / "inner/.gitignore").write_text(".env\n")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "one")
    (top / "inner/.env").write_text("A=1\n")
    (top / "inner/compose.yaml").write_text("not committed\n")
    # Half of one, of a run that was killed.
    (run / "before/shop/inner").mkdir(parents=True)
    (run / "before/shop/inner/old").touch()
    branch = Branch(ProcessRunner(), top, run / "shop", "inner", "trimtab/x")

    async def work() -> tuple[Path, Path]:
        first = await branch.before()
        (first / "built").touch()
        return first, await branch.before()

    first, again = anyio.run(work)
    assert first == again == run / "before/shop/inner"
    assert sorted(each.name for each in first.iterdir()) == [".gitignore", "built", "compose.yaml"]
    assert (first / "compose.yaml").read_text() == "services: {}\n"
    anyio.run(branch.leave, "trimtab-nothing")
    assert not (run / "before").exists()
