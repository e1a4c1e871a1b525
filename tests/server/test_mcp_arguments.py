"""What a client may name, and the command lines that its arguments become."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from trimtab.errors import UsageError
from trimtab.mcp.project import Project, project_at
from trimtab.mcp.tools import TOOLS, offered

BY_NAME = {tool.name: tool for tool in TOOLS}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "shop" / "services" / "web").mkdir(parents=True)
    (tmp_path / "shop" / "services" / "web" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "shop-2").mkdir()
    (tmp_path / "secret.txt").write_text("x")
    return project_at(tmp_path / "shop")


def words(project: Project, name: str, arguments: dict[str, object]) -> str:
    line = " ".join(BY_NAME[name].arguments.model_validate(arguments).words(project))
    return line.replace(str(project.root), "ROOT")


@pytest.mark.parametrize(
    ("name", "arguments", "line"),
    [
        ("review", {}, "review ROOT"),
        ("review", {"paths": ["services/web/Dockerfile"]}, "review ROOT/services/web/Dockerfile"),
        (
            "review", {"select": ["DF104", "CX"], "ignore": ["DF110"], "offline": True},
            "review --select=DF104 --select=CX --ignore=DF110 --offline ROOT",
        ),
        ("plan", {"paths": ["services/../services"]}, "plan ROOT/services"),
        ("explain", {}, "rule"),
        ("explain", {"rule": "defeated-cache-mount"}, "rule defeated-cache-mount"),
        ("fix", {}, "fix --dry-run ROOT"),
        ("fix", {"apply": True, "unsafe": True}, "fix --unsafe ROOT"),
        ("fix", {"apply": True, "allow_dirty": True}, "fix --allow-dirty ROOT"),
        ("optimize", {}, "optimize --dry-run --repeats=0 --jobs=0 ROOT"),
        (
            "optimize", {"apply": True, "quick": True, "budget": "15m", "jobs": 2},
            "optimize --quick --repeats=0 --jobs=2 --budget=15m ROOT",
        ),
        ("build", {"services": ["web", "a.b_c-d"], "since": "HEAD~2"}, "build --since=HEAD~2 --jobs=0 --service=web --service=a.b_c-d ROOT"),
        ("build", {"changed": True, "explain": True}, "build --changed --explain --jobs=0 ROOT"),
        ("scan", {"type": ["secrets"], "target": "services", "images": False}, "scan --type=secrets --target=services --no-images --fail-on=info ROOT"),
        ("gate", {"base": "origin/main", "allow": ["scan:advisories"]}, "gate --base=origin/main --allow=scan:advisories ROOT"),
        ("status", {"project": "shop"}, "status --project=shop ROOT"),
        ("deploy", {"services": ["web"]}, "deploy --dry-run --service=web ROOT"),
        ("deploy", {"apply": True, "build": True, "resume": True}, "deploy --build --resume ROOT"),
    ],
)  # fmt: skip
def test_command_lines(project: Project, name: str, arguments: dict[str, object], line: str) -> None:
    assert words(project, name, arguments) == line


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("review", {"paths": ["--output=x"]}),
        ("review", {"paths": [""]}),
        ("review", {"select": ["--write-baseline"]}),
        ("review", {"select": ["DF104 --output x"]}),
        ("review", {"select": ["DF104\n"]}),
        ("review", {"output": "x"}),
        ("review", {"limit": -1}),
        ("explain", {"rule": "-h"}),
        ("build", {"services": ["--push"]}),
        ("build", {"services": ["a;b"]}),
        ("build", {"since": "--output=x"}),
        ("build", {"push": True}),
        ("optimize", {"budget": "1m --apply"}),
        ("scan", {"type": ["everything"]}),
        ("scan", {"target": "-x"}),
        ("gate", {"allow": ["-x"]}),
        ("status", {"project": "$(id)"}),
        ("deploy", {"services": ["web\0"]}),
    ],
)
def test_what_could_be_an_option_is_refused(project: Project, name: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        words(project, name, arguments)


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret.txt",
        "../shop-2",
        "services/../../secret.txt",
        "/etc/passwd",
        "/",
        "out",
        "out/passwd",
        "file",
        "around",
    ],
)
def test_nothing_outside_can_be_named(project: Project, path: str) -> None:
    (project.root / "out").symlink_to("/etc")
    (project.root / "file").symlink_to("../secret.txt")
    (project.root / "around").symlink_to("services/../../shop-2")
    for name, key in (("review", "paths"), ("fix", "paths"), ("deploy", "paths"), ("build", "paths"), ("optimize", "paths")):
        with pytest.raises(UsageError, match="not inside the project"):
            words(project, name, {key: [path]})
    with pytest.raises(UsageError, match="not inside the project"):
        words(project, "scan", {"target": path})


@pytest.mark.parametrize(
    ("path", "message"), [("nothing", "does not exist"), ("circle", "no path"), ("a\0b", "no path"), ("n" * 300, "no path")]
)
def test_paths_that_lead_nowhere_are_told(project: Project, path: str, message: str) -> None:
    (project.root / "circle").symlink_to("circle")
    with pytest.raises(UsageError, match=message):
        project.path(path)


def test_what_lies_outside_is_not_told_apart(project: Project) -> None:
    told: set[str] = set()
    for path in ("../secret.txt", "../none.txt"):
        with pytest.raises(UsageError) as refused:
            project.path(path)
        told.add(str(refused.value).replace(path, "P"))
    assert len(told) == 1


def test_a_link_that_stays_inside_is_followed(project: Project) -> None:
    (project.root / "short").symlink_to("services/web")
    assert words(project, "review", {"paths": ["short/Dockerfile"]}) == "review ROOT/services/web/Dockerfile"
    assert project.below(str(project.root)) == "."


def test_a_project_behind_a_link_is_the_folder_itself(project: Project, tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to("shop")
    assert project_at(tmp_path / "again") == project
    with pytest.raises(UsageError, match="is no folder"):
        project_at(tmp_path / "secret.txt")


def test_deploy_is_offered_only_where_it_was_allowed() -> None:
    assert "deploy" not in offered(allow_deploy=False)
    assert list(offered(allow_deploy=True)) == [tool.name for tool in TOOLS]


def test_only_deploy_optimize_and_fix_can_destroy() -> None:
    hints = {tool.name: tool.listed().annotations for tool in TOOLS}
    assert {name for name, hint in hints.items() if hint and hint.destructive_hint} == {"fix", "optimize", "deploy"}
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == {"review", "explain", "plan", "status"}
