"""The ignore file that is really in effect, and facts that rules rely on."""

from collections.abc import Callable, Mapping
from pathlib import Path

from trimtab.fleet import DiskTree, Facts, Fleet, discover, facts_for
from trimtab.fleet.copies import manifest_files, source_file
from trimtab.fleet.programs import effective_path, needed_programs
from trimtab.fleet.stage import libc_of
from trimtab.review import review

Make = Callable[[Mapping[str, str]], Fleet]
COMPOSE = "services: {a: {build: {context: ., dockerfile: svc/Dockerfile}}}\n"


def test_a_services_own_ignore_file_below_a_root_context_is_never_read(fleet: Make) -> None:
    files = {"compose.yaml": COMPOSE, "svc/Dockerfile": "FROM scratch\n", "svc/.dockerignore": "*\n", "svc/a": ""}
    context = fleet(files).files[0].contexts[0]
    assert context.ignore_path is None
    assert context.exists("svc/a")


def test_dockerfile_dockerignore_wins_over_the_roots(fleet: Make) -> None:
    files = {
        "compose.yaml": COMPOSE, "svc/Dockerfile": "FROM scratch\n", "svc/Dockerfile.dockerignore": "*.md\n",
        ".dockerignore": "*.py\n", "a.py": "", "a.md": "",
    }  # fmt: skip
    context = fleet(files).files[0].contexts[0]
    assert context.ignore_path == "svc/Dockerfile.dockerignore"
    assert (context.exists("a.py"), context.exists("a.md")) == (True, False)


def test_broken_ignore_file_is_a_problem(fleet: Make) -> None:
    found = fleet({"Dockerfile": "FROM scratch\n", ".dockerignore": "[\n"})
    assert [(problem.path, problem.kind) for problem in found.problems] == [(".dockerignore", "syntax")]


def test_source_that_is_no_pattern_matches_nothing(fleet: Make) -> None:
    found = fleet({"Dockerfile": "FROM scratch\nCOPY [--chown=<user>] a /\n", "a": ""})
    assert list(found.files[0].contexts[0].matching("[--chown=<user>]")) == []
    assert review(found).crashes == ()


def test_dockerfiles_that_nobody_names_count(fleet: Make) -> None:
    found = fleet({"x/Dockerfile.dev": "FROM scratch\n", "y/web.Dockerfile": "FROM scratch\n", "z/Dockerfile.md": "# no\n"})
    assert [file.path for file in found.files] == ["x/Dockerfile.dev", "y/web.Dockerfile"]
    assert found.files[0].contexts[0].root == "x"


def facts_of(found: Fleet) -> Facts:
    return facts_for(found.files[0], found)


def test_stage_facts(fleet: Make) -> None:
    text = (
        "ARG V=3.12\nFROM python:${V}-slim AS base\nARG V\nENV A=1 B=$A\nWORKDIR /srv\nWORKDIR app\n"
        "RUN groupadd -g 70 g && useradd -u 1001 -g g -d /home/x web\nUSER web\nFROM base\nCOPY a b ./\nCMD x\n"
    )
    facts = facts_of(fleet({"Dockerfile": text}))
    base, final = facts.stages
    assert (base.base, final.parent, final.end.workdir, final.end.user) == ("python:3.12-slim", 0, "/srv/app", "web")
    assert dict(final.end.env) == {"V": "3.12", "A": "1", "B": ""}
    user = facts.user(final, "web")
    assert user is not None
    assert (user.uid, user.gid, user.home) == (1001, 70, "/home/x")
    assert facts.in_final_image(base)
    assert final.copies[0].destination == "/srv/app"


def test_installs_are_recognised(fleet: Make) -> None:
    text = (
        "FROM python:3.12\nRUN python -m pip install -r a.txt -c b.txt --index-url x six && sudo apt-get -y install curl git=1\n"
        "RUN /opt/venv/bin/pip3.12 install -e ../shared && pip --version && npm run build && go version\n"
    )
    runs = facts_of(fleet({"Dockerfile": text})).stages[0].runs
    pip, apt = runs[0].installs
    assert (pip.manager.name, pip.packages, pip.pip.requirements, pip.pip.constraints) == (
        "pip",
        ("six",),
        ("a.txt",),
        ("b.txt",),
    )
    assert (apt.manager.name, apt.packages) == ("apt", ("curl", "git=1"))
    assert [install.pip.local for install in runs[1].installs] == [("../shared",)]


def test_what_a_developer_edits(fleet: Make) -> None:
    files = {
        "compose.yaml": COMPOSE, "svc/Dockerfile": "FROM python:3.12\nCOPY svc/r.txt .\nRUN pip install -r r.txt\nCOPY svc/src src\n",
        "svc/r.txt": "six\n-r more.txt\n", "svc/more.txt": "", "svc/src/util.py": "", "svc/src/main.py": "", "other/main.py": "",
    }  # fmt: skip
    file = fleet(files).files[0]
    context = file.contexts[0]
    assert source_file(file, context) == "svc/src/main.py"
    assert manifest_files(file, context) == ()
    files["svc/Dockerfile"] = files["svc/Dockerfile"].replace("COPY svc/r.txt .", "COPY svc/r.txt svc/more.txt ./")
    file = fleet(files).files[0]
    assert manifest_files(file, file.contexts[0]) == ("svc/r.txt", "svc/more.txt")


def test_libc() -> None:
    names = ["python:3.12-alpine", "debian:12", "golang:1", "acme/x:1", "localhost/x:1-bookworm"]
    assert [libc_of(name) for name in names] == ["musl", "glibc", "glibc", None, "glibc"]


def test_link_loops_and_links_out_end_well(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "Dockerfile").symlink_to("/etc/hostname")
    (tmp_path / "compose.yaml").symlink_to("compose.yaml")
    found = discover(DiskTree(tmp_path))
    assert {problem.kind for problem in found.problems} == {"unreadable"}
    assert {problem.path for problem in found.problems} == {"Dockerfile", "compose.yaml"}


def test_binary_and_huge_files_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM a\0\xff")
    with (tmp_path / "Dockerfile.big").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    found = discover(DiskTree(tmp_path))
    assert sorted(problem.path for problem in found.problems) == ["Dockerfile", "Dockerfile.big"]
    assert not found.files


def test_manifests_name_their_packages(fleet: Make) -> None:
    found = fleet(
        {
            "a/requirements-dev.txt": "# c\nsix==1.17\nuvicorn[standard] >=0.3,<1 ; python_version > '3'\n-r x\n-e ../y\nhttps://x/y.whl\n",
            "b/package.json": '{"dependencies": {"ms": "2"}, "devDependencies": {"marked": "^15"}}',
            "c/pyproject.toml": '[project]\ndependencies = ["rich>=13"]\n[tool.poetry.dependencies]\npython = "3"\ncyclopts = "5"\n',
            "node_modules/x/package.json": "{}",
            "d/package.json": "{broken",
        }
    )
    named = {each.path: [(package.name, package.range) for package in each.packages] for each in found.manifests}
    assert named == {
        "a/requirements-dev.txt": [("six", "==1.17"), ("uvicorn", ">=0.3,<1")],
        "b/package.json": [("ms", "2"), ("marked", "^15")],
        "c/pyproject.toml": [("rich", ">=13"), ("cyclopts", "5")],
    }


def test_programs_that_an_image_needs(fleet: Make) -> None:
    text = (
        "FROM python:3.12\nENV PATH=/opt/venv/bin:/usr/bin\nHEALTHCHECK --interval=3s CMD curl -f x || exit 1\n"
        'ENTRYPOINT ["/usr/bin/tini", "--"]\nCMD exec python main.py\n'
    )
    compose = "services: {a: {build: ., healthcheck: {test: [CMD-SHELL, 'wget -q x && nc -z y']}}}\n"
    facts = facts_of(fleet({"Dockerfile": text, "compose.yaml": compose}))
    needed = needed_programs(facts, facts.final_stages[0])
    assert {"curl", "tini", "wget", "nc"} <= set(needed)
    assert needed["curl"] == "HEALTHCHECK"
    assert effective_path(facts.final_stages[0]) == ("/opt/venv/bin", "/usr/bin")


def test_an_ignore_file_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM a\n")
    (tmp_path / ".dockerignore").write_bytes(b"\0")
    (file,) = discover(DiskTree(tmp_path)).files
    assert file.contexts[0].ignore_problem


def test_files_below_a_path_and_what_is_not_there(fleet: Make) -> None:
    (file,) = fleet({"Dockerfile": "FROM a\nCOPY a.txt /\n", "a.txt": "a", "b/c": "c"}).files
    context = file.contexts[0]
    assert [*context.files_below("a.txt"), *context.files_below("b"), *context.files_below("d")] == ["a.txt", "b/c"]
    assert (context.read("a.txt"), context.read("gone")) == ("a", None)
    assert source_file(file, context) is None
