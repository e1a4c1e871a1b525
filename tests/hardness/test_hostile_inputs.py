"""Every command that reads a repository, in one that is made to do harm: it ends as it says it does, and obeys nothing."""

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hostile import DOCKERFILE, ESCAPES, RAW, SCRIPT, hostile_repository

from trimtab.cli.app import run
from trimtab.report.exchange import cell, code, json_text

COMMANDS = [
    "review", "review --format json", "review --format sarif", "review --format github", "review --format markdown", "score",
    "score --format json", "fix --dry-run --diff", "fix --dry-run --unsafe --format json", "plan", "plan --format markdown",
    "ci", "bake", "scripts", "startup", "networks", "resources", "bases --offline", "alerts", "gate",
    "export swarm --output-dir {out}", "export k8s --output-dir {out}", "deploy", "status", "build",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile_repository(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def within(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(hostile)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    return hostile


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_and_shows_nothing_raw(
    within: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    result = run(command.format(out=tmp_path / "out").split())
    said = capsys.readouterr()
    assert result in {0, 1, 2}, said.err
    found = RAW.search(said.out + said.err)
    # A bake file's own JSON may hold any letter that JSON lets stand; its control characters it writes out.
    assert found is None or (command == "bake" and found[0] >= "\x7f"), repr(found)
    # A difference shows the lines around it as the user wrote them.
    assert command.startswith("fix") or "hunter3" not in said.out + said.err, "the password of an address"
    assert not list(within.rglob("owned*")), "a name was run as a command"
    if "json" in command or "sarif" in command:
        json.loads(said.out)


def test_every_file_that_is_none_is_named_and_the_others_are_reviewed(within: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", "--format", "json"]) == 2
    data = json.loads(capsys.readouterr().out)
    told = {each["path"]: each["message"] for each in data["errors"]}
    assert "leads out of the folder" in told["links/Dockerfile"]
    assert {"links/compose.yaml", "c/Dockerfile.nul"} <= set(told)
    reviewed = {each["path"] for each in data["files"]}
    assert {"Dockerfile", "names/-rf/Dockerfile", "c/Dockerfile.latin", f"names/a{ESCAPES}b/Dockerfile"} <= reviewed
    assert not [each for each in data["findings"] if "root:x:0" in each["message"]], "what lies outside was read"
    broken = {each["path"] for each in data["findings"] if each["rule"] == "FL001"}
    assert {"y/bomb/compose.yaml", "y/itself/compose.yaml", "y/deep/compose.yaml"} <= broken


def test_a_line_of_a_log_that_is_a_command_of_githubs_is_ours(within: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("review", "score", "fix --dry-run", "review --format github"):
        run(command.split())
        for line in capsys.readouterr().out.splitlines():
            assert not line.lstrip().startswith("::") or re.match(r"::(error|warning|notice) file=[^:]*::", line), line
            assert not line.lstrip().startswith("::error::x")


def test_markdown_and_html_show_names_and_run_nothing(within: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run(["review", "--format", "markdown"])
    text = capsys.readouterr().out
    assert "<script" not in re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)\]\(", re.sub(r"(`+) .*? \1|`[^`\n]*`", "", text)), "a link of somebody else's"
    page = tmp_path / "page.html"
    run(["startup", "--page", str(page)])
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            seen.append(tag)
            assert not [name for name, _ in attrs if name.startswith("on")], "a handler of somebody else's"

    Tags().feed(page.read_text(encoding="utf-8"))
    assert "html" in seen
    assert "script" not in seen, SCRIPT


def test_the_fix_of_a_hostile_repository_stays_within_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "Dockerfile").write_text(DOCKERFILE)
    root = tmp_path / "root"
    root.mkdir()
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / "requirements.txt").write_text("six\n")
    (root / "linked").symlink_to(outside)
    (root / "Dockerfile.link").symlink_to(outside / "Dockerfile")
    (root / "compose.yaml").write_text(
        "services: {a: {build: ../outside}, b: {build: linked}, c: {build: {context: ., dockerfile: Dockerfile.link}}}"
    )
    assert run(["fix", "--unsafe", str(root)]) in {0, 2}, capsys.readouterr().err
    assert (outside / "Dockerfile").read_text() == DOCKERFILE
    assert (root / "Dockerfile").read_text() != DOCKERFILE


@pytest.mark.parametrize(
    "name", ["Dockerfile", "compose.yaml", ".dockerignore", "requirements.txt", "package.json", "deploy.sh", ".env"]
)
def test_a_line_of_100_mb_is_told_and_costs_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    with (tmp_path / name).open("wb") as file:
        file.truncate(100_000_000)
        file.write(b"x" * 1000)
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\n")
    done = limited("review", str(tmp_path), "--format", "json")
    assert done.returncode in {1, 2}, done.stderr
    files = {each["path"] for each in json.loads(done.stdout)["files"]}
    assert "app/Dockerfile" in files


@pytest.mark.parametrize(
    ("name", "line", "head"),
    [
        ("Dockerfile", "#\n", "FROM a\n"),
        ("compose.yaml", "#\n", "services: {a: {image: b}}\n"),
        (".dockerignore", "#\n", "a\n"),
        ("deploy.sh", "a\n", ""),
    ],
)
def test_a_million_lines(tmp_path: Path, name: str, line: str, head: str) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / name).write_text(head + line * 1_000_000)
    done = limited("review", str(tmp_path), "--format", "json")
    assert done.returncode in {0, 1, 2}, done.stderr[-2000:]
    json.loads(done.stdout)


def limited(*words: str) -> subprocess.CompletedProcess[str]:
    """The real command with 2 GiB of address space; it ends within two minutes on a busy machine."""
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); from trimtab.cli.app import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, check=False)


def test_a_file_that_vanishes_between_the_walk_and_the_reading(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trimtab.fleet import DiskTree, discover

    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    (tmp_path / "compose.yaml").write_text("services: {a: {build: .}}")
    tree = DiskTree(tmp_path)
    assert "Dockerfile" in tree.entries
    (tmp_path / "Dockerfile").unlink()
    (tmp_path / "compose.yaml").unlink()
    kinds = {(problem.path, problem.kind) for problem in discover(tree).problems}
    assert ("compose.yaml", "unreadable") in kinds
    assert ("Dockerfile", "unreadable") in kinds


def test_words_of_others_in_json_and_markdown() -> None:
    assert RAW.search(json_text({"a": ESCAPES})) is None
    assert json.loads(json_text({"a": ESCAPES})) == {"a": ESCAPES}
    assert code("a`b") == "`` a`b ``"
    assert code("a|b\n# c") == "`a\\|b # c`"
    assert cell("a\n\n# b <i>|[x](y)") == "a # b &lt;i>\\|\\[x\\](y)"


def test_a_terminal_gets_no_escapes_but_our_own_colours(within: Path) -> None:
    """On a terminal of its own, where colours are escape sequences: all of them are ones that only set colours."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"TERM": "xterm-256color", "COLUMNS": "120"})
        os.execv(sys.executable, [sys.executable, "-m", "trimtab", "review"])
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.waitpid(pid, 0)
    os.close(terminal)
    text = b"".join(parts).decode("utf-8", "replace")
    left = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\", "", text).replace("\r\n", "\n")
    assert "owned" in left
    found = RAW.search(left)
    assert found is None, repr(left[found.start() - 40 : found.start() + 20])


def test_a_patch_of_a_file_with_an_odd_name_is_one_that_git_takes(tmp_path: Path) -> None:
    from trimtab.text import unified_diff

    name = 'a\n::error::x "b\\c'
    (tmp_path / name).write_text("one\n")
    patch = unified_diff(name, "one\n", "two\n")
    assert not [line for line in patch.splitlines() if line.startswith("::")]
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, check=True)
    assert (tmp_path / name).read_text() == "two\n"
