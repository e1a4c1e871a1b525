"""Which targets a change reaches. Each case says what changed and who must hear of it."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
import pytest

from trimtab.build import build_graph
from trimtab.build.affected import Changed, Reach, affected
from trimtab.build.since import fleet_before
from trimtab.docker import ProcessRunner
from trimtab.errors import UsageError
from trimtab.fleet import DiskTree, Fleet, discover
from trimtab.git import changes_since, export_revision

COMPOSE = """
services:
  api: {build: {context: ., dockerfile: api/Dockerfile, args: {V: "1"}}}
  web: {build: web}
  base: {build: base, image: acme/base}
  job: {build: job}
"""
FILES = {
    "compose.yaml": COMPOSE,
    "api/Dockerfile": "FROM debian\nARG V\nCOPY shared ./shared\nCOPY api/*.py ./\nRUN make\n",
    "api/main.py": "1",
    "api/notes.md": "n",
    "shared/lib.py": "l",
    ".dockerignore": "**/*.tmp\nshared/docs\n",
    "shared/docs/a.md": "a",
    "web/Dockerfile": "FROM node AS build\nCOPY . .\nFROM nginx\nCOPY --from=build /d /d\nFROM build AS test\nCOPY t /t\n",
    "web/index.html": "x",
    "web/.dockerignore": "node_modules\n",
    "base/Dockerfile": "FROM debian\nCOPY b /b\n",
    "base/b": "b",
    "job/Dockerfile": "FROM acme/base\nRUN --mount=type=bind,source=list.txt,target=/l cat /l\n",
    "job/list.txt": "l",
}


def run(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.com", *words], check=True, capture_output=True
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    run(tmp_path, "init", "-q", "-b", "main")
    run(tmp_path, "add", "-A")
    run(tmp_path, "commit", "-qm", "one")
    return tmp_path


def reached(root: Path, revision: str = "HEAD") -> Mapping[str, Reach]:
    async def found() -> Mapping[str, Reach]:
        runner = ProcessRunner()
        fleet = discover(DiskTree(root))
        changes = await changes_since(runner, root, revision)
        before, changed = await fleet_before(runner, root, fleet, changes)
        return affected(build_graph(fleet, "x"), build_graph(before, "x"), changed)

    return anyio.run(found)


def names(found: Mapping[str, Reach]) -> set[str]:
    return {name for name, reach in found.items() if reach.affected}


def test_nothing_changed(root: Path) -> None:
    assert names(reached(root)) == set()


@pytest.mark.parametrize(
    ("path", "text", "who"),
    [
        ("api/main.py", "2", {"api"}),
        ("api/new.py", "2", {"api"}),
        ("api/notes.md", "2", set[str]()),
        ("api/sub/deep.py", "2", set[str]()),
        ("shared/lib.py", "2", {"api"}),
        ("shared/new/x.py", "2", {"api"}),
        ("shared/x.tmp", "2", set[str]()),
        ("shared/docs/a.md", "2", set[str]()),
        ("web/index.html", "2", {"web"}),
        ("web/node_modules/a.js", "2", set[str]()),
        ("web/t/x", "2", {"web"}),
        ("base/b", "2", {"base", "job"}),
        ("job/list.txt", "2", {"job"}),
        ("job/other.txt", "2", set[str]()),
        ("README.md", "2", set[str]()),
        ("compose.yaml", COMPOSE.replace('V: "1"', 'V: "2"'), {"api"}),
        ("compose.yaml", COMPOSE.replace('V: "1"', 'UNUSED: "2", V: "1"'), set[str]()),
        ("compose.yaml", "# only a comment\n" + COMPOSE, set[str]()),
        ("compose.yaml", COMPOSE + "  new: {build: web, image: other}\n", {"web"}),
        ("compose.yaml", COMPOSE + "  new: {build: {context: web, target: test}}\n", {"new"}),
        ("compose.yaml", COMPOSE.replace("build: web", "build: {context: web, target: build}"), {"web"}),
        ("compose.yaml", COMPOSE.replace("build: job", "build: {context: job, network: none}"), {"job"}),
        (".env", "X=1", set[str]()),
        ("api/Dockerfile", "# a comment\n" + FILES["api/Dockerfile"], set[str]()),
        ("api/Dockerfile", "# syntax=docker/dockerfile:1\n" + FILES["api/Dockerfile"], {"api"}),
        ("api/Dockerfile", FILES["api/Dockerfile"] + "USER 1\n", {"api"}),
        ("web/Dockerfile", FILES["web/Dockerfile"].replace("FROM nginx", "FROM nginx:2"), {"web"}),
        (".dockerignore", "**/*.tmp\n", {"api"}),
        (".dockerignore", "**/*.tmp\nshared/docs\n*.never\n", set[str]()),
        ("api/Dockerfile.dockerignore", "shared/docs\n**/*.tmp\n", set[str]()),
    ],
)
def test_a_change_reaches(root: Path, path: str, text: str, who: set[str]) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)
    found = reached(root)
    assert names(found) == who, found


def test_an_untracked_target_stage_of_a_file_that_is_not_needed_does_not_count(root: Path) -> None:
    (root / "web/Dockerfile").write_text(FILES["web/Dockerfile"].replace("COPY t /t", "COPY u /u"))
    # The last stage is the target, so it is needed; naming another one leaves it out.
    assert names(reached(root)) == {"web"}


@pytest.mark.parametrize("path", ["api/main.py", "shared/lib.py"])
def test_a_file_that_is_gone_counts(root: Path, path: str) -> None:
    (root / path).unlink()
    assert names(reached(root)) == {"api"}


def test_a_mode_counts(root: Path) -> None:
    (root / "shared/lib.py").chmod(0o755)
    assert names(reached(root)) == {"api"}


def test_committed_and_uncommitted_changes_count_from_where_the_branches_part(root: Path) -> None:
    run(root, "checkout", "-qb", "work")
    (root / "job/list.txt").write_text("2")
    run(root, "commit", "-qam", "two")
    (root / "web/index.html").write_text("2")
    run(root, "stash")
    run(root, "checkout", "-q", "main")
    (root / "base/b").write_text("2")
    run(root, "commit", "-qam", "on main")
    run(root, "checkout", "-q", "work")
    run(root, "stash", "pop")
    assert names(reached(root, "main")) == {"job", "web"}


def test_what_git_ignores_is_unknown_and_so_in(root: Path) -> None:
    (root / ".gitignore").write_text("*.gen\nout/\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    (root / "shared/a.gen").write_text("x")
    (root / "web/out").mkdir()
    (root / "web/out/b").write_text("x")
    found = reached(root)
    assert names(found) == {"api", "web"}
    assert "does not track" in found["api"].reasons[0]


def test_a_linked_source_is_unsure_and_so_in(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real/x").write_text("1")
    (root / "api/main.py").unlink()
    (root / "api/main.py").symlink_to("../real/x")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    (root / "real/x").write_text("2")
    assert "api" in names(reached(root))


def test_history_that_is_copied_changes_with_every_commit(root: Path) -> None:
    (root / "compose.yaml").write_text("services: {a: {build: .}, b: {build: {context: ., dockerfile: D.Dockerfile}}}\n")
    (root / "Dockerfile").write_text("FROM debian\nCOPY . .\n")
    (root / "D.Dockerfile").write_text("FROM debian\nCOPY . .\n")
    (root / "D.Dockerfile.dockerignore").write_text(".git\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    found = reached(root)
    assert names(found) == {"a"}
    assert "`.git`, which every commit changes" in found["a"].reasons[0]


def test_variables_without_a_value_may_be_any_file(root: Path) -> None:
    (root / "api/Dockerfile").write_text("FROM debian\nCOPY ${WHAT:?} /x\nCOPY $OTHER /y\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    (root / "README.md").write_text("2")
    assert "api" in names(reached(root))


def test_an_address_without_a_checksum_is_always_in(root: Path) -> None:
    (root / "job/Dockerfile").write_text("FROM scratch\nADD https://example.com/a.tar /a\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    assert names(reached(root)) == {"job"}


def test_a_folder_below_the_top_of_the_repository(root: Path) -> None:
    (root / "web/compose.yaml").write_text("services: {w: {build: .}}\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    (root / "web/index.html").write_text("2")
    (root / "base/b").write_text("2")
    assert names(reached(root / "web")) == {"w"}


def test_names_with_odd_characters(root: Path) -> None:
    (root / "web" / 'a "b"\n\u00e9.txt').write_text("x")
    assert names(reached(root)) == {"web"}


def test_a_revision_that_is_none_and_a_folder_without_git(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match="knows no revision `nothing`"):
        reached(root, "nothing")
    with pytest.raises(UsageError, match="knows no revision"):
        reached(root, "--output=x")
    with pytest.raises(UsageError, match="in no git repository"):
        reached(tmp_path_factory.mktemp("plain"))


def test_a_revision_is_exported_whole_and_the_index_stays(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (root / ".gitattributes").write_text("web export-ignore\n")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    (root / "web/index.html").write_text("2")
    target = tmp_path_factory.mktemp("out") / "tree"
    anyio.run(export_revision, ProcessRunner(), root, "HEAD", target)
    assert (target / "web/index.html").read_text() == "x"
    assert subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain"], capture_output=True, text=True, check=True
    ).stdout == (" M web/index.html\n")
    below = tmp_path_factory.mktemp("below") / "tree"
    anyio.run(export_revision, ProcessRunner(), root / "web", "HEAD", below)
    assert (below / "index.html").read_text() == "x"


def test_a_folder_that_is_a_context(fleet: Callable[[Mapping[str, str]], Fleet]) -> None:
    compose = "services:\n  a:\n    build:\n      context: a\n      additional_contexts: {lib: ./lib, out: ../out}\n"
    files = {"compose.yaml": compose, "a/Dockerfile": "FROM scratch\nCOPY --from=lib x /x\n", "lib/x": "1"}
    graph = build_graph(fleet(files), "x")
    found = affected(graph, graph, Changed(("lib/x",)))["a"]
    assert any("context `lib`: `x` changed" in reason for reason in found.reasons)
    assert any("`out` lies outside" in reason for reason in found.reasons)


def test_an_inline_dockerfile(fleet: Callable[[Mapping[str, str]], Fleet]) -> None:
    compose = (
        "services:\n  a:\n    build:\n      context: a\n      dockerfile_inline: |\n        FROM scratch\n        COPY x /\n"
    )
    graph = build_graph(fleet({"compose.yaml": compose, "a/x": "1"}), "x")
    assert affected(graph, graph, Changed(("a/x",)))["a"].affected
    assert not affected(graph, graph, Changed(("b/x",)))["a"].affected
    other = build_graph(fleet({"compose.yaml": compose.replace("COPY x /", "COPY x /y"), "a/x": "1"}), "x")
    assert "inline Dockerfile changed" in affected(graph, other, Changed())["a"].reasons[0]


def test_what_an_inline_dockerfile_is_built_from(fleet: Callable[[Mapping[str, str]], Fleet]) -> None:
    compose = (
        "services:\n  base: {build: base, image: acme/base}\n  a:\n    build:\n      context: a\n"
        "      additional_contexts: {lib: lib}\n"
        "      dockerfile_inline: |\n        FROM acme/base\n        COPY --from=lib x /\n        COPY kept /\n"
    )
    graph = build_graph(
        fleet({"compose.yaml": compose, "base/Dockerfile": "FROM debian\n", "base/b": "", "a/kept": "", "lib/x": "1"}), "x"
    )
    assert [(link.consumer, link.provider, link.how) for link in graph.links] == [("a", "base", "FROM")]
    newer = build_graph(
        fleet({"compose.yaml": compose, "base/Dockerfile": "FROM debian\nRUN make\n", "a/kept": "", "lib/x": "1"}), "x"
    )
    assert affected(newer, graph, Changed(("base/Dockerfile",)))["a"].reasons
    assert affected(graph, graph, Changed(("lib/x",)))["a"].reasons == ("context `lib`: `x` changed",)
    assert affected(graph, graph, Changed(("a/kept",)))["a"].reasons == ("COPY kept: `kept` changed",)
    assert not affected(graph, graph, Changed(("a/other",)))["a"].affected


def test_a_tag_that_no_image_has_yet_counts(root: Path) -> None:
    (root / "compose.yaml").write_text(COMPOSE.replace("acme/base", "acme/base:2"))
    assert reached(root)["base"].reasons == ("no image has its tag `acme/base:2` yet",)


def test_variables_that_git_does_not_see_are_in_doubt_where_they_are_used(root: Path) -> None:
    compose = COMPOSE.replace('{V: "1"}', '{V: "$V"}').replace("acme/base", "acme/base:$TAG")
    for path, text in {"compose.yaml": compose, ".gitignore": ".env\n", ".env": "V=1\nTAG=2\n"}.items():
        (root / path).write_text(text)
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    found = reached(root)
    assert names(found) == {"api"}
    assert found["api"].reasons == (
        "build argument V comes from a file that git does not track: whether it changed is not known",
    )


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_file_that_git_is_told_not_to_look_at_is_in_doubt(root: Path, flag: str) -> None:
    run(root, "update-index", flag, "shared/lib.py")
    assert names(reached(root)) == {"api"}


def test_a_new_file_in_a_submodule_counts(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    run(other, "init", "-q")
    (other / "x").write_text("1")
    run(other, "add", "-A")
    run(other, "commit", "-qm", "one")
    run(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "shared/other")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    assert names(reached(root)) == set()
    (root / "shared/other/new").write_text("1")
    assert names(reached(root)) == {"api"}


def test_a_dockerfile_of_any_name_counts_by_what_it_says(root: Path) -> None:
    (root / "compose.yaml").write_text(COMPOSE.replace("{build: web}", "{build: {context: web, dockerfile: recipe}}"))
    (root / "web/recipe").write_text("FROM debian\nRUN one\n")
    (root / ".gitignore").write_text("job/Dockerfile\n")
    run(root, "rm", "-q", "--cached", "job/Dockerfile")
    run(root, "add", "-A")
    run(root, "commit", "-qm", "two")
    assert reached(root)["job"].reasons == ("git does not track `job/Dockerfile`: whether it changed is not known",)
    assert not reached(root)["web"].affected
    (root / "web/recipe").write_text("# a comment\nFROM debian\nRUN one\n")
    assert not reached(root)["web"].affected
    (root / "web/recipe").write_text("FROM debian\nRUN two\n")
    assert reached(root)["web"].reasons == ("`web/recipe` changed",)
