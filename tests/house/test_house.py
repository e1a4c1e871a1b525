"""Laws of the house that no linter knows: sizes, and an end for everything that is waited for."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "src/trimtab").rglob("*.py"))
ENDLESS = {"docker/command.py": 1, "crew/work.py": 1}
"""Where a command may have no limit: events are listened to until something else ends, and a role's steps have their own."""
PATIENT = {"replay.py"}
"""Whose processes are waited for in another place than where they start."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    root = Path(__file__).parents[2] / "src/trimtab"
    for path in SOURCES:
        yield path.relative_to(root).as_posix(), ast.parse(path.read_bytes())


def test_the_sources_are_found() -> None:
    assert len(SOURCES) > 300


def test_functions_fit_on_a_screen_and_modules_in_a_head() -> None:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        (path, node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, functions) and (node.end_lineno or 0) - node.lineno >= 60
    ]
    assert long == []
    assert [str(path) for path in SOURCES if len(path.read_bytes().splitlines()) > 400] == []


def test_everything_public_says_what_it_guarantees() -> None:
    missing: list[tuple[str, str]] = []
    for path, tree in trees():
        for node in tree.body:
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None:
                missing.append((path, node.name))
    assert missing == []


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) in names:
                yield path, node


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {each.arg: each.value for each in call.keywords if each.arg}


@pytest.mark.parametrize(
    "name", ["subprocess.run", "subprocess.check_output", "httpx.AsyncClient", "httpx.Client", "httpx.post"]
)
def test_what_is_waited_for_has_a_limit(name: str) -> None:
    found = [(path, call.lineno) for path, call in calls(name) if not {"timeout", None} & {each.arg for each in call.keywords}]
    assert found == []


def test_processes_are_started_where_their_end_is_seen_to() -> None:
    started = {path for path, _ in calls("subprocess.Popen", "anyio.open_process", "asyncio.create_subprocess_exec")}
    assert started - PATIENT == {"docker/runner.py", "mcp/child.py"}


def test_few_commands_go_on_without_a_limit() -> None:
    endless: dict[str, int] = {}
    for path, call in calls("Command", "docker"):
        value = keywords(call).get("seconds")
        if isinstance(value, ast.Constant) and value.value is None:
            endless[path] = endless.get(path, 0) + 1
    assert endless == ENDLESS


def test_no_shell_reads_what_is_run() -> None:
    processes = ("subprocess.run", "subprocess.Popen", "anyio.open_process", "anyio.run_process", "os.system", "os.popen")
    # A text instead of a list, as the first word of these, goes through a shell; so does `shell=True` of whatever is called.
    told = [(path, call.lineno) for path, call in calls(*processes)
            if isinstance(call.args[0], ast.Constant | ast.JoinedStr) or "shell" in keywords(call)]  # fmt: skip
    assert told == []


@pytest.mark.xdist_group("house")
def test_tests_of_one_group_share_a_worker(pytestconfig: pytest.Config) -> None:
    """They are kept together by their names, which a version of pytest has to let pytest-xdist change."""
    name = os.environ["PYTEST_CURRENT_TEST"].partition(" ")[0]
    assert name.endswith("@house") == bool(getattr(pytestconfig.option, "loadgroup", False))
