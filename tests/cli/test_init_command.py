"""The first configuration of a fleet: what is in it, that it is valid, and that nothing of the user's is lost."""

import json
import tomllib
from datetime import date
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.config import Config, load_config
from trimtab.first_config import first_config
from trimtab.fleet import MemoryTree, discover

DAY = date(2026, 11, 1)
SLIM, FULL = "FROM python:3.13-slim\n", "FROM python:3.13\n"


def config(files: dict[str, str], host_memory: int | None = None) -> tuple[str, Config]:
    text = first_config(discover(MemoryTree(files)), DAY, host_memory)
    return text, Config.model_validate(tomllib.loads(text))


def services(*names: str) -> dict[str, str]:
    return {f"{name}/Dockerfile": SLIM for name in names}


def test_the_base_that_most_have_is_the_standard() -> None:
    text, found = config({"a/Dockerfile": SLIM, "b/Dockerfile": SLIM, "c/Dockerfile": FULL})
    assert found.standard == {"python": "python:3.13-slim"}
    assert "# 2 of 3 images run on it." in text


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a/Dockerfile": SLIM, "b/Dockerfile": FULL, "c/Dockerfile": "FROM python:3.13-alpine\n"}, "less than half"),
        ({"a/Dockerfile": "FROM python:3.7-slim\n"}, "no security fixes any more"),
    ],
)
def test_a_base_that_is_no_standard_is_a_comment(files: dict[str, str], why: str) -> None:
    text, found = config(files)
    assert found.standard == {}
    assert why in text
    assert "#python = " in text


def test_digests_and_unknown_bases_are_no_standard() -> None:
    assert config({"Dockerfile": f"FROM python:3.13-slim@sha256:{'a' * 64}\n"})[1].standard == {"python": "python:3.13-slim"}
    assert "[standard]" not in config({"Dockerfile": "ARG B\nFROM $B\n"})[0]
    assert "[standard]" not in config({"Dockerfile": "FROM acme/base:1\n"})[0]


COMPOSE = """services:
  core: {build: core}
  db: {image: "postgres:17"}
  a: {build: a, depends_on: [core, db], ports: ["80:80"]}
  b: {build: b, depends_on: [a]}
  c: {build: c, depends_on: {core: {condition: service_started}}}
"""


def test_what_many_depend_on_is_critical() -> None:
    text, found = config({"compose.yaml": COMPOSE, **services("core", "a", "b", "c")})
    # `db` has no Dockerfile here, so there is no score that it could have; `a` has one that depends on it.
    assert found.gate.critical == ("core",)
    assert "core (3)" in text
    assert config({"compose.yaml": "services: {a: {build: a, depends_on: [a]}}", **services("a")})[1].gate.critical == ()


def test_projects_are_listed_where_nothing_says_which_is_meant() -> None:
    two = {f"{name}/compose.yaml": "services: {x: {build: .}}" for name in "ab"}
    text, found = config({**two, **services("a", "b")})
    assert found.compose == (("a/compose.yaml",), ("b/compose.yaml",))
    assert "nothing says which" in text
    assert config({"compose.yaml": COMPOSE, **two, **services("core", "a", "b", "c")})[1].compose == ()


def test_the_hosts_memory_is_only_suggested() -> None:
    text, found = config(services("a"), 24 * 1024**3 - 1)
    assert found.host_memory is None
    assert '#host-memory = "23g"' in text


@pytest.mark.parametrize("files", [{}, services("a"), {"compose.yaml": COMPOSE, **services("core", "a", "b", "c")}])
def test_every_comment_that_is_a_setting_is_one(files: dict[str, str]) -> None:
    text, before = config(files)
    switched = "".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines(keepends=True)
    )
    after = Config.model_validate(tomllib.loads(switched))
    assert after != before
    assert (after.gate.overall, after.deploy.on_failure, after.ignore) == (70, "service", ("FL101",))
    assert all(line.startswith("#") or not line or line[0] in '[]c "pnohmsa' for line in text.splitlines())


def test_strange_names_stay_what_they_are() -> None:
    name = 'a"]\x7f\né.b'
    compose = (
        "services:\n  "
        + json.dumps(name)
        + ":\n    build: x\n"
        + "".join(f"  s{number}: {{image: x, depends_on: [{json.dumps(name)}]}}\n" for number in range(3))
    )
    text, found = config({"compose.yaml": compose, "x/Dockerfile": SLIM})
    assert found.gate.critical == (name,)
    assert "\x7f" not in text


def test_it_is_written_once_and_works(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["review", str(shop), "--offline", "--format", "json"]) == 1
    before = json.loads(capsys.readouterr().out)
    assert run(["init", str(shop)]) == 0
    told = capsys.readouterr().out
    assert f"trimtab review {shop}" in told
    assert f"trimtab plan {shop}" in told
    text = (shop / "trimtab.toml").read_text()
    assert load_config(shop).gate.critical == ("store",)
    assert run(["review", str(shop), "--offline", "--format", "json"]) == 1
    after = json.loads(capsys.readouterr().out)
    assert (after["score"], after["findings"]) == (before["score"], before["findings"])
    assert run(["init", str(shop)]) == 2
    assert "--diff" in capsys.readouterr().err
    assert (shop / "trimtab.toml").read_text() == text
    assert run(["init", str(shop), "--diff"]) == 0
    assert "is as it would be written" in capsys.readouterr().out


def test_diff_writes_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(shop), "--diff", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["written"], data["next"], (shop / "trimtab.toml").exists()) == (False, [], False)
    (shop / "trimtab.toml").write_text('compose = [["none.yaml"]]\nrepeats = 5\n')
    assert run(["init", str(shop), "--diff"]) == 0
    told = capsys.readouterr().out
    assert "-repeats = 5" in told
    assert '+critical = ["store"]' in told
    assert (shop / "trimtab.toml").read_text().endswith("repeats = 5\n")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("pyproject.toml", "[tool.trimtab]\nrepeats = 2\n", "[tool.trimtab]"),
        ("trimtab.toml", "", "There is a `trimtab.toml` already"),
    ],
)
def test_a_configuration_that_exists_is_not_hidden(
    shop: Path, name: str, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    (shop / name).write_text(text)
    assert run(["init", str(shop)]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert (shop / name).read_text() == text


def test_another_programs_table_is_no_configuration(shop: Path) -> None:
    (shop / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    assert run(["init", str(shop)]) == 0


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "a" + ".a" * 100_000 + " = 1\n"], ids=["lists", "keys"])
def test_a_file_that_cannot_be_read_is_no_configuration(shop: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / "pyproject.toml").write_text(text)
    assert run(["init", str(shop)]) == 0, capsys.readouterr().err


def test_names_of_the_fleet_are_keys_without_quotes_where_they_need_none() -> None:
    files = {"compose.yaml": 'services: {"é.b": {build: x}}', "x/Dockerfile": SLIM}
    text, _ = config(files)
    assert '\npython = "python:3.13-slim"\n' in text
    assert '\n#"é.b" = "test -e /proc/1"\n' in text


def test_only_a_folder_can_have_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(shop / "compose.yaml")]) == 2
    assert "Name the folder" in capsys.readouterr().err


def test_a_compose_file_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  app: [\n")
    (tmp_path / "Dockerfile").write_text(SLIM)
    assert run(["init", str(tmp_path)]) == 1
    assert "error: `compose.yaml`, line " in capsys.readouterr().err
    assert (tmp_path / "trimtab.toml").is_file()
