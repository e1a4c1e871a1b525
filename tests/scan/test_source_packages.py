"""What lock files and manifests of every kind name."""

import json
from collections.abc import Callable, Mapping

import pytest

from trimtab.fleet import Fleet
from trimtab.scan.sources import source_packages
from trimtab.scan.tree_search import kinds_of, search_tree

Make = Callable[[Mapping[str, str]], Fleet]
FILES: dict[str, tuple[str, list[str]]] = {
    "requirements.txt": ("Flask_Login==1.0  # why\nb===2.0 --hash=sha256:aa\nc[x]==3.0; python_version > '3'\n--no-index\n-e .\n./local\n", ["flask-login 1.0", "b 2.0", "c 3.0"]),
    "constraints.txt": ("d==1\n", ["d 1"]),
    "poetry.lock": ('[[package]]\nname = "A.b"\nversion = "1.0"\n', ["a-b 1.0"]),
    "uv.lock": ('[[package]]\nname = "a"\nversion = "1.0"\nsource = { registry = "x" }\n[[package]]\nname = "own"\nversion = "0.1"\nsource = { editable = "." }\n', ["a 1.0"]),
    "pdm.lock": ('[[package]]\nname = "a"\nversion = "1.0"\n', ["a 1.0"]),
    "pylock.toml": ('[[packages]]\nname = "a"\nversion = "1.0"\n', ["a 1.0"]),
    "Pipfile.lock": (json.dumps({"default": {"a": {"version": "==1.0"}}, "develop": {"b": {"version": "==2.0"}}}), ["a 1.0", "b 2.0"]),
    "package-lock.json": (json.dumps({"lockfileVersion": 3, "packages": {"": {"name": "own"}, "node_modules/@s/a": {"version": "1.0.0"}, "node_modules/@s/a/node_modules/b": {"version": "2.0.0"}, "node_modules/w": {"link": True}}}), ["@s/a 1.0.0", "b 2.0.0"]),
    "npm-shrinkwrap.json": (json.dumps({"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "dependencies": {"b": {"version": "2.0.0"}}}, "g": {"version": "git+https://x"}}}), ["a 1.0.0", "b 2.0.0"]),
    "yarn.lock": ('# yarn lockfile v1\n\n"@s/a@^1.0.0", "@s/a@~1.0":\n  version "1.0.5"\n  dependencies:\n    b "^2"\n\nb@^2:\n  version "2.1.0"\n', ["@s/a 1.0.5", "b 2.1.0"]),
    "pnpm-lock.yaml": ("lockfileVersion: '9.0'\npackages:\n  '@s/a@1.0.0':\n    resolution: {}\n  /b@2.0.0(react@18.0.0):\n    resolution: {}\n", ["@s/a 1.0.0", "b 2.0.0"]),
    "go.mod": ("module example.com/own\n\ngo 1.22\n\nrequire (\n\tgithub.com/a/b v1.2.3\n\tgolang.org/x/net v0.1.0 // indirect\n)\nrequire gopkg.in/yaml.v3 v3.0.1\n", ["github.com/a/b v1.2.3", "golang.org/x/net v0.1.0", "gopkg.in/yaml.v3 v3.0.1"]),
    "Cargo.lock": ('[[package]]\nname = "own"\nversion = "0.1.0"\n[[package]]\nname = "serde"\nversion = "1.0.1"\nsource = "registry+x"\n', ["serde 1.0.1"]),
    "Gemfile.lock": ("GEM\n  specs:\n    rails (7.0.1)\n      activesupport (= 7.0.1)\n", ["rails 7.0.1"]),
    "composer.lock": (json.dumps({"packages": [{"name": "a/b", "version": "v1.0"}], "packages-dev": []}), ["a/b 1.0"]),
    "packages.lock.json": (json.dumps({"dependencies": {"net8.0": {"A": {"type": "Direct", "resolved": "1.0"}, "own": {"type": "Project"}}}}), ["A 1.0"]),
    "gradle.lockfile": ("# comment\norg.a:b:1.0=compileClasspath\nempty=\n", ["org.a:b 1.0"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_each_kind(name: str, fleet: Make) -> None:
    text, expected = FILES[name]
    found = source_packages(fleet({f"svc/{name}": text}))
    assert [str(each) for each in found.packages] == expected
    assert {each.where for each in found.packages} == {f"svc/{name}"}
    assert not found.problems


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FILES
        if name not in {"requirements.txt", "constraints.txt", "yarn.lock", "go.mod", "Gemfile.lock", "gradle.lockfile"}
    ],
)
@pytest.mark.parametrize("text", ["{", "[1]", "\x01", "- a: [\n"])
def test_a_broken_file_is_told_and_the_others_are_read(name: str, text: str, fleet: Make) -> None:
    found = source_packages(fleet({f"svc/{name}": text, "other/requirements.txt": "a==1\n"}))
    assert "a 1" in [str(each) for each in found.packages]
    assert set(found.problems) <= {f"svc/{name}"}
    assert found.problems or text in {"[1]", "\x01"} or "yaml" in name


def test_what_has_no_exact_version_is_not_resolved(fleet: Make) -> None:
    text = "flask>=1\nb==1.*\nc @ https://example.com/c.whl\n-e git+https://me:secret@example.com/d#egg=d\n!!\n"
    found = source_packages(fleet({"a/requirements.txt": text}))
    assert found.packages == ()
    assert [each.name for each in found.unresolved] == ["flask", "b", "c", "line 4", "line 5"]


def test_included_requirements_are_read_once(fleet: Make) -> None:
    files = {
        "requirements.txt": "-r requirements/prod.txt\n-c limits.txt\n",
        "requirements/prod.txt": "a==1\n-r ../requirements.txt\n",
    }
    found = source_packages(fleet(files))
    assert [(each.where, str(each)) for each in found.packages] == [("requirements/prod.txt", "a 1")]
    assert found.problems == {"limits.txt": "does not exist"}


def test_manifests_without_a_lock(fleet: Make) -> None:
    files = {
        "a/package.json": json.dumps({"dependencies": {"x": "^1", "own": "workspace:*"}}),
        "b/pyproject.toml": '[project]\nname = "b"\ndependencies = ["django>=4"]\n',
        "package-lock.json": json.dumps({"lockfileVersion": 3, "packages": {"node_modules/x": {"version": "1.0.0"}}}),
    }
    found = source_packages(fleet(files))
    assert [(each.path, each.name) for each in found.unresolved] == [("b/pyproject.toml", "django")]


def test_what_go_replaces_and_excludes(fleet: Make) -> None:
    text = (
        "module example.com/own\ngo 1.22\nrequire (\n\ta.com/x v1.0.0\n\tb.com/y v1.0.0\n\tc.com/z v1.0.0\n)\nexclude a.com/x v0.9.0\n"
        "replace (\n\ta.com/x => d.com/x v2.0.0\n\tb.com/y v1.0.0 => ../y\n\tc.com/z v0.9.0 => e.com/z v9.0.0\n)\n"
    )
    assert [str(each) for each in source_packages(fleet({"go.mod": text})).packages] == ["d.com/x v2.0.0", "c.com/z v1.0.0"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", "[]"),
        ("package-lock.json", '{"lockfileVersion": 9, "pkgs": {}}'),
        ("pnpm-lock.yaml", "packages: " + "[" * 50_000),
        ("pnpm-lock.yaml", "a: &a [x]\nlockfileVersion: *a\n"),
        ("uv.lock", 'pkg = "x"\n'),
        ("package-lock.json", '{"packages": {"node_modules/@x/": {"version": "1.0.0"}}}'),
    ],
)
def test_a_file_of_an_unknown_shape_is_told(name: str, text: str, fleet: Make) -> None:
    assert source_packages(fleet({name: text})).problems.keys() == {name}


def test_a_lock_in_the_same_folder_resolves(fleet: Make) -> None:
    lock = '[[package]]\nname = "flask"\nversion = "1.0"\n'
    found = source_packages(fleet({"a/requirements.txt": "flask>=1\n", "a/uv.lock": lock}))
    assert found.unresolved == ()


def test_eggs_and_yarn_without_node_modules(fleet: Make) -> None:
    data = '{"packageRegistryData": [["a", [["npm:1.0.0", {}]]], ["b", [["https://example.com/b.tgz", {}]]]]}'
    lock = '# yarn lockfile v1\n\nc@^2:\n  version "2.1.0"\n'
    found = source_packages(
        fleet({
            "eggs/foo-1.0-py3.8.egg/EGG-INFO/PKG-INFO": "", "bar-2.0-py3.8.egg": "", "own.egg-info/PKG-INFO": "",
            "x/.pnp.data.json": data, "y/.pnp.cjs": data, "y/yarn.lock": lock, "z/.pnp.cjs": "module.exports = {}",
        })
    )  # fmt: skip
    assert sorted(map(str, found.packages)) == ["a 1.0.0", "bar 2.0", "c 2.1.0", "foo 1.0"]
    assert [each.name for each in found.unresolved] == ["b"]
    assert found.problems.keys() == {"z/.pnp.cjs"}


def test_what_dockerfiles_install(fleet: Make) -> None:
    text = "FROM python:3.12\nRUN pip install flask==1.0 'uvicorn>=1' && npm install -g pm2@5.3.0 serve\n"
    found = source_packages(fleet({"a/Dockerfile": text}))
    assert [str(each) for each in found.packages] == ["flask 1.0", "pm2 5.3.0"]
    assert [each.name for each in found.unresolved] == ["uvicorn", "serve"]


def test_what_dockerfiles_install_by_name_alone_is_told(fleet: Make) -> None:
    text = (
        "FROM debian:12\nRUN apt-get update && apt-get install -y nginx curl=7.88.1-10 ./own.deb\n"
        "RUN apk add --no-cache 'gcc>13' && go install github.com/x/y@v1.0.0 && cargo install ripgrep@14.0.0\n"
        "RUN npm install -g @angular/cli@17.0.0 @vue/cli ./own && pip install ./own && apt-get upgrade -y && go mod download\n"
    )
    found = source_packages(fleet({"a/Dockerfile": text}))
    assert [str(each) for each in found.packages] == ["@angular/cli 17.0.0"]
    assert [each.name for each in found.unresolved] == [
        "nginx", "curl", "gcc", "github.com/x/y", "ripgrep", "@vue/cli",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("run", "packages", "unresolved"),
    [
        ("gem install rake -v 13.0.6 --no-document", ["rake 13.0.6"], []),
        ("gem install rake:13.0.6 puma", ["rake 13.0.6"], ["puma"]),
        ("gem install --no-document bundler -v '~> 2.4'", [], ["bundler"]),
        ("composer global require a/b:1.2.3 c/d:^2", ["a/b 1.2.3"], ["c/d"]),
        ("composer require --no-dev a/b", [], ["a/b"]),
        ("cargo install --locked ripgrep --version 13.0.0 && cargo build --bin own", [], ["ripgrep"]),
        ("cargo install --git https://me:secret@example.com/x", [], ["an address"]),
        ("go install github.com/x/y@latest && go build -o /own main.go", [], ["github.com/x/y"]),
        ("yarn global add pm2@5.3.0 serve && pnpm add -g nx", ["pm2 5.3.0"], ["serve", "nx"]),
        ("pipx install black==24.1.0 && uv tool install ruff", ["black 24.1.0"], ["ruff"]),
        ("dnf -y install nginx && microdnf install curl && yum install -y tar", [], ["nginx", "curl", "tar"]),
        ("conda install -y -c conda-forge numpy=1.26 && cpanm Moose", [], ["numpy", "Moose"]),
        ("pecl install redis-5.3.7 && R -e 'install.packages(\"dplyr\")'", [], ["redis-5.3.7", "an expression"]),
        ('["gem", "install", "rake", "-v", "13.0.6"]', ["rake 13.0.6"], []),
        ('["/bin/sh", "-ec", "pip install flask==1.0 && gem install puma"]', ["flask 1.0"], ["puma"]),
        ("gem list && composer install && composer --version && cargo --version && yarn && gem update --system", [], []),
    ],
)
def test_installs_of_every_manager(run: str, packages: list[str], unresolved: list[str], fleet: Make) -> None:
    found = source_packages(fleet({"a/Dockerfile": f"FROM debian:12\nRUN {run}\n"}))
    assert ([str(each) for each in found.packages], [each.name for each in found.unresolved]) == (packages, unresolved)
    assert not found.problems


@pytest.mark.parametrize("run", ['SHELL ["pwsh", "-c"]\nRUN Install-Module x', "RUN gem install 'rake"])
def test_what_a_run_installs_that_cannot_be_read_is_not_clean(run: str, fleet: Make) -> None:
    assert "cannot be read" in source_packages(fleet({"a/Dockerfile": f"FROM debian:12\n{run}\n"})).problems["a/Dockerfile"]


def test_a_submodule_that_is_not_checked_out_is_not_clean(fleet: Make) -> None:
    modules = '[submodule "a"]\n\tpath = libs/a\n\turl = ../a\n[submodule "b"]\n\tpath = libs/b\n\turl = ../b\n'
    files = {"requirements.txt": "a==1\n", ".gitmodules": modules, "libs/b/.gitmodules": '[submodule "c"]\n  path = "c d"\n'}
    project = fleet(files)
    assert set(source_packages(project).problems) == {"libs/a", "libs/b/c d"}
    assert "not checked out" in source_packages(project).problems["libs/a"]
    assert set(source_packages(project, "libs/b").problems) == {"libs/b/c d"}
    assert set(search_tree(project.tree, "", (), None, {}).problems) == {"libs/a", "libs/b/c d"}


def test_other_peoples_folders_are_left_out(fleet: Make) -> None:
    files = {
        "a/node_modules/x/requirements.txt": "a==1\n",
        ".venv/lib/requirements.txt": "b==1\n",
        "b/requirements.txt": "c==1\n",
    }
    assert [str(each) for each in source_packages(fleet(files)).packages] == ["c 1"]


def test_only_the_folder_that_is_meant(fleet: Make) -> None:
    files = {"services/a/requirements.txt": "a==1\n", "services-old/requirements.txt": "b==1\n"}
    assert [str(each) for each in source_packages(fleet(files), "services").packages] == ["a 1"]


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        ("Gemfile", "Gemfile.lock"), ("composer.json", "composer.lock"), ("Cargo.toml", "Cargo.lock"),
        ("a.csproj", "packages.lock.json"), ("a.fsproj", "packages.lock.json"), ("a.vbproj", "packages.lock.json"),
    ],
)  # fmt: skip
def test_a_manifest_without_its_lock_is_told(name: str, lock: str, fleet: Make) -> None:
    assert source_packages(fleet({f"b/a/{name}": ""})).problems.keys() == {f"b/a/{name}"}
    assert f"b/a/{name}" not in source_packages(fleet({f"b/a/{name}": "", f"b/a/{lock}": ""})).problems
    above = source_packages(fleet({f"b/a/{name}": "", f"b/{lock}": ""})).problems
    assert (f"b/a/{name}" in above) is (name != "Cargo.toml"), "a workspace has one lock at its top"


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_what_setup_requires_is_told(name: str, fleet: Make) -> None:
    found = source_packages(fleet({f"a/{name}": "install_requires=['x']", f"b/{name}": "name = x"}))
    assert [(each.path, each.name) for each in found.unresolved] == [(f"a/{name}", "install_requires")]
    lock = '[[package]]\nname = "x"\nversion = "1.0"\n'
    assert source_packages(fleet({f"a/{name}": "install_requires=['x']", "a/uv.lock": lock})).unresolved == ()


def test_credentials_in_what_compose_takes_for_dockerfiles_and_env_files(fleet: Make) -> None:
    compose = "services:\n  a:\n    build: {context: ., dockerfile: image.build}\n    env_file: [vars/production, {path: .env.example}]\n"
    line = "DB_PASSWORD=correct-horse\n"
    files = {"image.build": f"FROM alpine\nENV {line}", "vars/production": line, ".env.example": line, "vars/other": line}
    project = fleet({"compose.yaml": compose, **files})
    found = search_tree(project.tree, "", (), None, kinds_of(project)).leaks
    assert {(each.where, each.line) for each in found} == {("image.build", 2), ("vars/production", 1), (".env.example", 1)}


@pytest.mark.parametrize(("line", "told"), [("go 1.16\n", ["1.16"]), ("", ["1.16"]), ("go 1.17\n", []), ("go 1.22.1\n", [])])
def test_old_go_modules_do_not_name_what_their_requirements_need(line: str, told: list[str], fleet: Make) -> None:
    found = source_packages(fleet({"go.mod": f"module example.com/own\n{line}require a.com/x v1.0.0\n"}))
    assert [str(each) for each in found.packages] == ["a.com/x v1.0.0"]
    assert [each.name for each in found.unresolved] == [f"what modules of Go {each} need in turn" for each in told]


ALIASES = {
    "yarn.lock": '# yarn lockfile v1\n\n"old@npm:lodash@3.10.1":\n  version "3.10.1"\n\n"@a/b@^1", "@a/b@npm:^1.1":\n  version "1.2.0"\n',
    "berry/yarn.lock": '__metadata:\n  version: 6\n\n"old@npm:@s/lodash@^3":\n  version: 3.10.1\n\n"plain@npm:^1.0.0, plain@npm:^1.1":\n  version: 1.2.0\n',
    "pnpm-lock.yaml": (
        "lockfileVersion: '9.0'\npackages:\n  a@https://me:secret@example.com/a.tgz:\n    resolution: {tarball: x}\n    version: 1.2.3\n"
        "  b@file:../b:\n    resolution: {directory: ../b, type: directory}\n  github.com/o/c/abc:\n    name: c\n    version: 2.0.0\n"
        "  '@s/d@https://x/d':\n    resolution: {tarball: x}\n"
    ),
    "package-lock.json": '{"packages": {"": {}, "node_modules/a": {"resolved": "git+ssh://x/y"}, "node_modules/w": {"link": true}}}',
    "Gemfile.lock": "GEM\n  specs:\n    nokogiri (1.15.0-x86_64-linux)\n    rails (7.0.0.rc1)\n",
}
FOUND: dict[str, tuple[list[str], list[str]]] = {
    "yarn.lock": (["lodash 3.10.1", "@a/b 1.2.0"], []),
    "berry/yarn.lock": (["@s/lodash 3.10.1", "plain 1.2.0"], []),
    "pnpm-lock.yaml": (["a 1.2.3", "c 2.0.0"], ["@s/d"]),
    "package-lock.json": ([], ["a"]),
    "Gemfile.lock": (["nokogiri 1.15.0", "rails 7.0.0.rc1"], []),
}


@pytest.mark.parametrize("name", ALIASES)
def test_packages_under_other_names_and_from_addresses(name: str, fleet: Make) -> None:
    found = source_packages(fleet({name: ALIASES[name]}))
    assert ([str(each) for each in found.packages], [each.name for each in found.unresolved]) == FOUND[name]
