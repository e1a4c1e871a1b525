"""Dockerfiles that a fix once broke, or would break if it looked less closely. Each must come out with this kept."""

import json
import re

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.rewrite import FileChange, rewrite

PY = "FROM python:3.12-slim\nWORKDIR /app\n"
REQ = {"requirements.txt": "six\n", "main.py": "", "entrypoint.sh": ""}


def fixed(text: str, files: dict[str, str] | None = None, *, unsafe: bool = True) -> FileChange:
    change = rewrite(discover(MemoryTree({"Dockerfile": text, **(files or {})})), unsafe=unsafe, proof=unsafe).files[0]
    assert change.bug is None
    return change


@pytest.mark.parametrize(
    "text",
    [
        "FROM debian:12\nRUN apt-get update -o A=b\nRUN apt-get install -y curl\n",
        "FROM python:3.12\nRUN pip install six && rm -rf /root/.cache\n",
        "FROM python:3.12\nRUN pip install six && rm -rf ~/.cache /tmp/*\n",
        "FROM node:20\nRUN npm i x && rm -rf /root/.npm /tmp/*\n",
        "FROM python:3.12\nWORKDIR /root/.cache\nRUN pip install six && rm -rf pip\n",
        "FROM python:3.12\nWORKDIR /root/.cache/x\nRUN pip install six && rm -rf ../pip\n",
        "FROM python:3.12\nWORKDIR /root/.cache\nRUN pip install six && rm -rf ./pip\n",
        "FROM python:3.12\nRUN pip install six && cd /root && rm -rf .cache\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists /tmp/*\n",
        "FROM debian:12\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/{apt,dpkg}/\n",
        "FROM python:3.12\nRUN <<EOF\nset -e\napt-get update\napt-get install -y x\nrm -rf /var/lib/apt/lists\nEOF\n",
        "FROM golang:1\nRUN go mod download\nCOPY . .\nRUN make build\n",
        "FROM golang:1\nRUN go mod download\nRUN cp -r /go/pkg/mod/x ./proto\n",
        "FROM golang:1\nCOPY . .\nRUN go mod download\nCMD go run main.go\n",
        'FROM rust:1\nCOPY . .\nRUN cargo fetch\nCMD ["cargo", "run", "--offline"]\n',
        "FROM maven:3 AS deps\nRUN mvn dependency:go-offline\nFROM deps\nRUN mvn -o package\n",
        "FROM python:3.12 AS b\nRUN pip install six\nFROM b AS c\nFROM scratch\nCOPY --from=c /root/.cache/pip/x /y\n",
        "FROM quay.io/jupyter/base-notebook\nRUN pip install six\n",
        "FROM acme/base\nUSER ${NB_UID}\nRUN pip install six\n",
        "FROM python:3.12-windowsservercore-ltsc2022\nRUN pip install six\n",
        "FROM node:20\nUSER node\nRUN npm ci && npx playwright install\n",
        "FROM python:3.12\nENV UV_LINK_MODE=symlink\nRUN uv pip install six\n",
    ],
)
def test_no_mount_where_it_would_hide_or_lose_something(text: str) -> None:
    assert "type=cache" not in fixed(text).text


def test_poetrys_environment_is_not_in_a_mount() -> None:
    after = fixed("FROM python:3.12\nRUN poetry install --no-root\n").text
    assert "target=/root/.cache/pypoetry/cache" in after
    assert "target=/root/.cache/pypoetry," not in after


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (PY + "COPY . .\nRUN chmod +x entrypoint.sh\nRUN pip install -r requirements.txt\n", {}),
        (PY + "COPY . .\nRUN rm -rf tests\nRUN pip install -r requirements.txt\n", {}),
        (PY + 'COPY . .\nRUN echo "V=1" >> main.py\nRUN pip install -r requirements.txt\n', {}),
        (PY + "COPY . .\nRUN apt-get install -y ./x.deb\nRUN pip install -r requirements.txt\n", {"x.deb": ""}),
        (PY + "COPY . .\nRUN pip install six < main.py\n", {}),
        (PY + "COPY . .\nRUN pip install --find-links=wheels -r requirements.txt\n", {}),
        (PY + "COPY . .\nRUN pip install vendor/mylib\n", {}),
        (PY + "COPY . .\nRUN pip install $H\n", {}),
        (
            PY + "ENV PIP_CONSTRAINT=/app/constraints.cfg\nCOPY . .\nRUN pip install -r requirements.txt\n",
            {"constraints.cfg": ""},
        ),
        (PY + "COPY --exclude=*.txt . .\nRUN pip install -r requirements.txt\n", {}),
        (PY + "COPY . .\nADD x.tar /app\nRUN pip install -r requirements.txt\n", {"x.tar": ""}),
        (PY + "COPY pip.conf /etc/pip.conf\nRUN pip install -r requirements.txt\n", {"pip.conf": ""}),
        (
            "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm --prefix client ci\n",
            {"package.json": "{}", "client/package.json": "{}"},
        ),
        ("FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\n", {"package.json": '{"dependencies": {"@prisma/client": "5"}}'}),
        (
            "FROM node:20\nWORKDIR /app\nCOPY . .\nRUN pnpm i\n",
            {"package.json": "{}", "pnpm-workspace.yaml": "packages: [a]\n"},
        ),
        ("FROM golang:1\nWORKDIR /x\nCOPY . .\nRUN go mod download\n", {"go.mod": "replace x => /app/x\n"}),
    ],
)
def test_the_sources_stay_where_the_install_may_need_them(text: str, files: dict[str, str]) -> None:
    change = fixed(text, {**REQ, **files})
    assert "DF110" not in change.rules


def test_renamed_and_included_manifests_are_copied_as_they_were() -> None:
    files = {"requirements/prod.txt": "six\n-r base.txt\n", "requirements/base.txt": "", "main.py": "", "deps/base.txt": ""}
    after = fixed(PY + "COPY . .\nRUN pip install -r requirements/prod.txt\n", files).text
    assert "COPY requirements/prod.txt requirements/base.txt /app/requirements/\n" in after
    renamed = (
        PY
        + "COPY requirements/prod.txt main.py /app/\nCOPY requirements/prod.txt requirements.txt\nRUN pip install -r requirements.txt\n"
    )
    assert "COPY requirements/prod.txt requirements.txt\n" in fixed(renamed, {**files, "requirements/prod.txt": "six\n"}).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PY + "COPY . /app\nRUN useradd -u 9 -M a && chown -R 9 /app && mkdir /app/tmp\n", "chown 9 /app && mkdir"),
        (PY + "COPY . /app\nRUN mkdir -p -m 0755 /app/logs && chown -R 9 /app\n", "chown 9 /app /app/logs\n"),
        (PY + "COPY . /app\nRUN chown -R 9 /app\nWORKDIR /app/run\n", "chown 9 /app\n"),
        (PY + "COPY . /app\nRUN mkdir /data && chown -R 9 /app /data\n", "chown 9 /app && chown -R 9 /data\n"),
    ],
)
def test_ownership_names_only_what_is_there(text: str, expected: str) -> None:
    assert expected in fixed(text, REQ).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM nginx\nCOPY main.py /usr/share/nginx/html/\nRUN chown -R nginx:nginx /usr/share/nginx/html /var/cache/nginx\n",
        PY + "COPY . /app\nRUN echo 1 > /app/db\nRUN chown -R 9 /app\n",
        PY + "COPY . /app\nRUN cd /app; tar xf x\nRUN chown -R 9 /app\n",
        PY + 'COPY . /app\nRUN ["/app/setup.sh"]\nRUN chown -R 9 /app\n',
        PY + "COPY . /app\nRUN /opt/gen\nRUN chown -R 9 /app\n",
        PY + "COPY . /app\nRUN mkdir -p $D && chown -R 9 /app\n",
        PY + "COPY . /app\nRUN mkdir /app/x && rm -rf /app/x && chown -R 9 /app\n",
        "FROM debian:12\nRUN useradd -u 9 -m app\nCOPY . /home/app\nRUN chown -R 9 /home/app\n",
    ],
)
def test_ownership_of_what_no_copy_brought_is_left_alone(text: str) -> None:
    assert "chown -R" in fixed(text, REQ).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12\nRUN --mount=type=cache,target=/cache/pip pip install --cache-dir /cache/pip six\n",
        "FROM python:3.12\nENV PIP_CACHE_DIR=/cache/pip\nRUN --mount=type=cache,target=/cache/pip pip install six\n",
        "FROM python:3.12\nRUN --mount=type=cache,target=/root/.cache/pip pip install x; test -d /x && pip cache purge || true\n",
        "FROM python:3.12\nRUN --mount=type=cache,target=/root/.cache/pip pip install x; pip cache purge\n",
        "FROM debian:12 AS base\nRUN apt-get update\nFROM base\nRUN apt-get install -y x\n",
        'FROM debian:12\nRUN apt-get update\nRUN ["apt-get", "install", "-y", "x"]\n',
    ],
)
def test_left_as_it_is(text: str) -> None:
    after = fixed(text, unsafe=False).text
    assert after == text or ("|| true" in text and "|| true" in after)


def test_sudo_and_comments_end_no_fix() -> None:
    mounts = "--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists"
    assert fixed(f"FROM debian:12\nRUN {mounts} sudo apt-get update && sudo apt-get install -y x\n").bug is None
    text = "FROM python:3.12\nENV A=b \\\n# why\n    PIP_NO_CACHE_DIR=1 \\\n    C=d\nRUN pip install six\n"
    assert "# why" in fixed(text).text


@pytest.mark.parametrize("base", ["gcr.io/distroless/static-debian12", "mcr.microsoft.com/dotnet/runtime:8.0-noble-chiseled"])
def test_no_user_is_made_without_a_shell(base: str) -> None:
    assert "useradd" not in fixed(f'FROM {base}\nCOPY a /a\nCMD ["/a"]\n', {"a": ""}).text


def test_a_compound_between_two_commands_stays() -> None:
    mount = "--mount=type=cache,id=apt-cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists"
    text = f"FROM debian:13\nRUN {mount} apt-get update && if true; then touch /a; fi && rm -rf /var/lib/apt/lists/*\n"
    assert "touch /a" in fixed(text).text


def test_nothing_is_put_behind_a_dangling_continuation() -> None:
    text = "FROM python:3.13\nENV a=b \\\n"
    assert fixed(text).text == text


APT = "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n"


@pytest.mark.parametrize(
    ("text", "files", "lost"),
    [
        ("FROM debian:13\nUSER x\nRUN sudo apt-get update && sudo apt-get install -y curl\n", {}, "docker-clean"),
        ("FROM cimg/base:1\nRUN sudo apt-get update && sudo apt-get install -y curl\n", {}, "--mount"),
        ("FROM debian:13\nRUN apt-get update && apt-get install -y a\nRUN apt-get build-dep -y x\n", {}, "--mount"),
        ("FROM debian:13\nRUN apt-get update && apt-get install -y a\nCOPY i.sh /\nRUN /i.sh\n", {"i.sh": "apt-get install b"}, "lists/*"),
        ("FROM debian:13\nRUN apt-get update && apt-get install -y a\nCOPY e.sh /\nENTRYPOINT [\"/e.sh\"]\n", {"e.sh": "apt-get install b"}, "--mount"),
        ("FROM debian:13\nRUN apt-get update && apt-get install -y -d git\nRUN dpkg -i /var/cache/apt/archives/*.deb\n", {}, "--mount"),
        ("FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt && rm -rf /root/.c*\n", {"r.txt": "six"}, "--mount"),
        ("FROM a:1\nARG R\nADD ${R} /\n", {}, "COPY"),
        ("FROM a:1\nADD a.apk a.gem /\n", {"a.apk": "", "a.gem": ""}, "COPY"),
        ("FROM debian:13\nRUN apt-get install -y git # why\nRUN rm -rf /var/lib/apt/lists/*\n", {}, "&& rm"),
        ("FROM debian:13\nRUN apt-get install -y git ;\nRUN rm -rf /var/lib/apt/lists/*\n", {}, "&& rm"),
        ("FROM debian:13\nWORKDIR /w\nRUN git clone http://x/y.git y && cd y && make\nRUN rm -rf y\n", {}, "&& rm"),
        ("FROM debian:13\nRUN apt-get install -y git\nRUN rm -rf /var/lib/apt/lists/* || [ -d /x ]\n", {}, "&& rm"),
        ("FROM python:3.13\nCOPY pip.conf /etc/pip.conf\nRUN pip install flask\n", {"pip.conf": ""}, "flask\nCOPY"),
        ("FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm ci\n", {"package.json": "{}", "binding.gyp": "", "a.js": ""}, "npm ci\nCOPY"),
        ("FROM alpine:3.22\nRUN apk update && apk add a\nRUN [\"apk\",\"add\",\"b\"]\n", {}, "--mount"),
        ("FROM maven:3\nWORKDIR /a\nCOPY a .\nRUN mvn install\nRUN mvn package\n", {"a/pom.xml": ""}, "--mount"),
        ("FROM eclipse-temurin:21\nRUN useradd -m -u 1000 u\nUSER u\nWORKDIR /home/u/a\nCOPY . .\nRUN ./gradlew build\n", {"gradlew": ""}, "--mount"),
    ],
)  # fmt: skip
def test_safe_fixes_leave_alone_what_an_audit_broke(text: str, files: dict[str, str], lost: str) -> None:
    assert lost not in fixed(text, files, unsafe=False).text.replace("\\\n    ", "")


@pytest.mark.parametrize(
    ("text", "files", "lost"),
    [
        ("FROM php:8\nRUN apt-get update && apt-get install -y libpng-dev && docker-php-ext-install gd\nCMD a\n", {}, "COPY --from"),
        ("FROM node:24\nWORKDIR /a\nCOPY package*.json ./\nRUN npm install express && npm install\n", {"package.json": "{}", "package-lock.json": "{}"}, "npm ci"),
        ("FROM node:24\nCOPY package.json .\nRUN npm ci\nCMD [\"ng\", \"serve\"]\n", {"package.json": '{"devDependencies": {"a": "1"}}'}, "--omit"),
        ("FROM a:1\nARG GIT_SHA\nRUN <<EOF\necho $GIT_SHA > /v\nEOF\nRUN npm ci\n", {}, "npm ci\nARG"),
        ("FROM debian:13 AS a\nCMD [\"/x\"]\nFROM a AS b\nRUN apt-get install x\n", {}, "USER 10001\nCMD"),
        ("FROM busybox:1\nCMD [\"/x\"]\n", {}, "useradd"),
        ("FROM a:1\nENTRYPOINT /start.sh\nCMD [\"a\"]\n", {}, 'ENTRYPOINT ["'),
        ("FROM a:1\nCOPY start.sh /\nCMD /start.sh\n", {"start.sh": "echo 1\n"}, 'CMD ["'),
        ("FROM python:3.13-slim\nHEALTHCHECK CMD curl http://localhost/\n", {}, "urllib"),
        ("FROM debian:10\nRUN pip3 install --upgrade pip\nRUN pip install x\n", {}, "FROM debian:10\nRUN pip install"),
    ],
)  # fmt: skip
def test_unsafe_fixes_refuse_what_an_audit_broke(text: str, files: dict[str, str], lost: str) -> None:
    assert lost not in fixed(text, files).text


SCRIPT = "#!/bin/sh\napt-get install -y ninja-build\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("COPY install-heif /tmp/install-heif\nRUN /tmp/install-heif\n", {"install-heif": SCRIPT}),
        ("COPY install-heif /usr/local/bin/\nRUN install-heif\n", {"install-heif": SCRIPT}),
        ("COPY . /opt/\nWORKDIR /opt\nRUN ./tools/install-heif now\n", {"tools/install-heif": SCRIPT}),
        ("COPY build.sh /src/\n", {"build.sh": SCRIPT}),
    ],
)
def test_lists_stay_where_a_copied_script_needs_them(text: str, files: dict[str, str]) -> None:
    """discourse_docker's `install-*` scripts; oss-fuzz's `build.sh`, which the base starts."""
    before = f"FROM debian:12\nRUN apt-get update && apt-get install -y wget\n{text}"
    assert "target=/var/lib/apt/lists" not in fixed(before, files, unsafe=False).text


def test_what_pip_compiles_is_not_shared_between_images() -> None:
    """uwsgi compiled on `python:3.11` with libxml2, and then taken from the cache on `python:3.11-slim`."""
    install = "COPY r.txt .\nRUN pip install -r r.txt\n"
    files = {
        "a/Dockerfile": f"FROM python:3.11\n{install}",
        "b/Dockerfile": f"FROM python:3.11-slim\nRUN apt-get install -y gcc\n{install}",
        "c/Dockerfile": f"FROM python:3.11-slim\n{install}",
        "d/Dockerfile": f"FROM python:3.11-slim\n{install}",
    }
    fleet = discover(MemoryTree({**files, **{f"{name[0]}/r.txt": "six\n" for name in files}}))
    texts = [change.text for change in rewrite(fleet).files]
    ids = [re.findall(r"id=(pip[^,]*)", text) for text in texts]
    assert ids == [["pip-glibc-a-0"], ["pip-glibc-b-0"], ["pip-glibc"], ["pip-glibc"]]


def test_an_install_that_variables_give_files_to_stays_behind_the_sources() -> None:
    text = "FROM python:3.12-slim\nENV PIP_CONSTRAINT=cons.txt\nCOPY . .\nRUN pip install flask\n"
    after = fixed(text, {"cons.txt": "flask<3\n", "a.py": ""}, unsafe=False).text
    assert after.index("COPY . .") < after.index("pip install")


def test_dependencies_stay_where_a_started_script_needs_them() -> None:
    text = 'FROM rust:1\nWORKDIR /a\nCOPY start.sh Cargo.toml ./\nRUN cargo fetch\nCMD ["./start.sh"]\n'
    files = {"start.sh": "#!/bin/sh\nexec cargo run --offline\n", "Cargo.toml": ""}
    assert "type=cache" not in fixed(text, files, unsafe=False).text
    assert "type=cache" in fixed(text, {**files, "start.sh": "#!/bin/sh\nexec ./a\n"}, unsafe=False).text


LISTS = "--mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt/lists"


def test_lists_that_are_emptied_to_be_made_again_are_still_emptied() -> None:
    """`mkdir` without `-p` fails where the mounted lists are still there."""
    purge = "rm -rf /var/lib/apt/lists/* && mkdir /var/lib/apt/lists/partial"
    assert purge in fixed(f"FROM debian:13\nRUN apt-get update && apt-get install -y x && {purge}\n", unsafe=False).text
    assert purge in fixed(f"FROM debian:13\nRUN {LISTS} apt-get update && apt-get install -y x && {purge}\n", unsafe=False).text
    parents = purge.replace("mkdir", "mkdir -p")
    after = fixed(f"FROM debian:13\nRUN {LISTS} apt-get update && apt-get install -y x && {parents}\n", unsafe=False).text
    assert "rm -rf" not in after


@pytest.mark.parametrize("argument", ["ARG V", "ARG V=dev"])
def test_lists_stay_where_another_argument_makes_a_stage_the_parent(argument: str) -> None:
    update = "RUN apt-get update && apt-get install -y"
    bases = f"FROM debian:13 AS base-dev\n{update} gcc\nFROM debian:13 AS base-prod\n{update} bash\n"
    text = f"{argument}\n{bases}FROM base-$V AS app\nRUN apt-get install -y cmake\n"
    assert fixed(text, unsafe=False).text == text
    assert "target=/var/lib/apt/lists" in fixed(text.replace("base-$V", "acme/base-$V"), unsafe=False).text


def test_a_variable_that_names_images_names_no_stage() -> None:
    text = "ARG B=debian:13\nFROM $B AS a\nRUN apt-get update && apt-get install -y gcc\nFROM $B\nRUN apt-get install -y git\n"
    assert "target=/var/lib/apt/lists" in fixed(text, unsafe=False).text


def fleet_texts(files: dict[str, str]) -> dict[str, str]:
    return {change.path: change.text for change in rewrite(discover(MemoryTree(files))).files}


BASE = "FROM debian:13\nRUN apt-get update && apt-get install -y curl\n"
APP = "FROM acme/base:1\nRUN apt-get install -y git\n"


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yaml": "services:\n  b: {build: base, image: 'acme/base:1'}\n  a: {build: app}\n"},
        {"compose.yaml": "services:\n  b: {build: base, image: 'acme/base:${TAG:-dev}'}\n  a: {build: app}\n"},
        {
            "compose.yaml": "services:\n  b: {build: base}\n  a: {build: {context: app, additional_contexts: {root: 'service:b'}}}\n",
            "app/Dockerfile": APP.replace("acme/base:1", "root"),
        },
        {
            "docker-bake.json": '{"target": {"b": {"context": "base"}, "a": {"context": "app", "contexts": {"base": "target:b"}}}}',
            "app/Dockerfile": APP.replace("acme/base:1", "base"),
        },
        {
            "compose.yaml": "services:\n  b: {build: base, image: 'acme/base:1'}\n  a: {build: app}\n",
            "app/Dockerfile": "ARG R\n" + APP.replace("acme/base:1", "$R/base"),
        },
        {"middle/Dockerfile": "FROM acme/base\nENV A=b\n", "app/Dockerfile": APP.replace("base:1", "middle")},
        {},
    ],
)
def test_lists_stay_in_a_base_that_another_dockerfile_installs_on(files: dict[str, str]) -> None:
    assert fleet_texts({"base/Dockerfile": BASE, "app/Dockerfile": APP, **files})["base/Dockerfile"] == BASE


def test_lists_go_from_a_base_whose_users_update_them() -> None:
    compose = "services:\n  b: {build: base, image: 'acme/base:1'}\n  a: {build: app}\n"
    app = APP.replace("RUN ", "RUN apt-get update && ")
    texts = fleet_texts({"base/Dockerfile": BASE, "app/Dockerfile": app, "compose.yaml": compose})
    assert "target=/var/lib/apt/lists" in texts["base/Dockerfile"]


def test_dependencies_stay_in_a_base_that_another_dockerfile_builds_on() -> None:
    base = "FROM maven:3\nCOPY pom.xml .\nRUN mvn dependency:go-offline\n"
    files = {"base/Dockerfile": base, "base/pom.xml": "", "app/Dockerfile": "FROM acme/deps\nRUN mvn -o package\n"}
    assert fleet_texts(files)["base/Dockerfile"] == base
    built = {**files, "base/Dockerfile": base.replace("dependency:go-offline", "package")}
    assert "type=cache" in fleet_texts({**built, "app/Dockerfile": "FROM acme/deps\nRUN npm ci\n"})["base/Dockerfile"]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("FROM maven:3\nCOPY repo /root/.m2/repository\nCOPY pom.xml .\nRUN mvn package\n", {"repo/a.jar": "", "pom.xml": ""}),
        ("FROM maven:3\nCOPY m2 /root/.m2\nCOPY pom.xml .\nRUN mvn package\n", {"m2/repository/a.jar": "", "pom.xml": ""}),
        ("FROM maven:3 AS lib\nRUN a\nFROM maven:3\nCOPY --from=lib /root/.m2 /root/.m2\nRUN mvn package\n", {}),
        ("FROM rust:1\nCOPY registry /usr/local/cargo/registry\nCOPY . .\nRUN cargo fetch\n", {"Cargo.toml": ""}),
        ("FROM python:3.13 AS a\nCOPY w /root/.cache/pip/w\nFROM a\nRUN pip install --find-links /root/.cache/pip/w six\n", {"w/a": ""}),
        ("FROM python:3.13\nCOPY w /root/.cache/pip/w\nRUN pip install six\n", {}),
        ("FROM debian:13\nCOPY d /var/cache/apt/archives/\nRUN apt-get update && apt-get install -y --no-download curl\n", {"d/a.deb": ""}),
        ("FROM python:3.13\nRUN git clone https://e.org/w /root/.cache/pip/w\nRUN pip install six\n", {}),
        ("FROM node:24\nRUN npm i -g x\nRUN chown -R 1000 /root/.npm\n", {}),
        ("FROM python:3.13\nRUN pip install six\nRUN chmod -R 755 ~/.cache\n", {}),
        ("FROM python:3.13\nRUN --mount=type=bind,source=c,target=/root/.cache pip install six\n", {"c/a": ""}),
    ],
)  # fmt: skip
def test_a_mount_hides_nothing_that_was_put_into_its_folder(text: str, files: dict[str, str]) -> None:
    assert "type=cache" not in fixed(text, files, unsafe=False).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM maven:3\nCOPY settings.xml /root/.m2/\nCOPY pom.xml .\nRUN mvn package\n",
        "FROM node:24\nCOPY .npmrc /root/\nRUN npm i -g x\nRUN rm -rf /root/.npm\n",
        "FROM debian:13\nRUN apt-get update && apt-get install -y x\nRUN chown -R 1 /var/cache\n",
    ],
)
def test_a_mount_beside_what_is_put_into_another_folder(text: str) -> None:
    assert "type=cache" in fixed(text, {"settings.xml": "", "pom.xml": "", ".npmrc": ""}, unsafe=False).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.13\nRUN mkdir /root/.cache && pip install six\n",
        "FROM python:3.13\nRUN mkdir ~/.cache && pip install six\n",
        "FROM python:3.13\nWORKDIR /root\nRUN mkdir .cache && pip install six\n",
        "FROM python:3.13\nRUN cd && mkdir .cache && pip install six\n",
        "FROM node:24\nRUN ln -s /data/npm /root/.npm && npm i -g x\n",
        "FROM node:24\nRUN npm i -g x && cp -r /root/.npm /keep\n",
        "FROM python:3.13\nRUN pip install --target /root/.cache/pip/packages six\n",
    ],
)
def test_no_mount_where_the_same_instruction_makes_or_uses_its_folder(text: str) -> None:
    assert "type=cache" not in fixed(text, unsafe=False).text


def test_a_mount_where_the_same_instruction_minds_no_folder() -> None:
    assert "type=cache" in fixed("FROM python:3.13\nRUN mkdir -p /root/.cache && pip install six\n", unsafe=False).text
    assert "type=cache" in fixed("FROM node:24\nRUN npm i -g x --cache /root/.npm && chmod 700 /root\n", unsafe=False).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM node:24\nCOPY pnpm-lock.yaml .\nRUN pnpm fetch\nCOPY . .\nRUN pnpm install -r --offline\n",
        "FROM node:24\nCOPY . .\nRUN npm ci\nRUN npm run build && npm ci --omit=dev --offline\n",
        "FROM node:24 AS a\nCOPY . .\nRUN npm ci\nFROM a\nRUN npm_config_offline=true npm ci --omit=dev\n",
        "FROM node:24\nCOPY . .\nRUN yarn install\nRUN yarn install --production --offline\n",
        "FROM node:24\nCOPY . .\nRUN npm ci\nRUN --network=none npm ci --omit=dev\n",
        "FROM python:3.13\nCOPY . .\nRUN uv sync --no-dev\nENV UV_OFFLINE=1\nRUN uv sync\n",
        "FROM maven:3\nCOPY a.jar pom.xml ./\nRUN mvn install:install-file -Dfile=a.jar\nRUN mvn package\n",
    ],
)
def test_no_mount_where_a_later_instruction_works_offline(text: str) -> None:
    files = {"package.json": "{}", "pom.xml": "", "a.jar": "", "pnpm-lock.yaml": "", "uv.lock": "", "pyproject.toml": ""}
    assert "type=cache" not in fixed(text, files, unsafe=False).text


def test_a_mount_where_the_cache_is_only_preferred() -> None:
    text = "FROM node:24\nCOPY package.json .\nRUN npm ci --prefer-offline\nRUN npm ci --omit=dev --prefer-offline\n"
    assert "type=cache" in fixed(text, {"package.json": "{}"}, unsafe=False).text


UV = "FROM python:3.13\nCOPY pyproject.toml uv.lock ./\n"
YARN = "FROM node:24\nCOPY . .\nRUN yarn install\n"
NPM = "FROM node:24\nCOPY package.json .\nRUN npm ci\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        (f"{UV}RUN uv sync --link-mode=symlink\n", {}),
        (f"{UV}RUN UV_LINK_MODE=symlink uv sync\n", {}),
        (f"{UV}RUN uv sync\n", {"pyproject.toml": '[tool.uv]\nlink-mode = "symlink"\n'}),
        (f"{UV}ENV UV_PROJECT_ENVIRONMENT=/root/.cache/uv/app\nRUN uv sync\n", {}),
        (f"{UV}RUN UV_PROJECT_ENVIRONMENT=/root/.cache/uv/app uv sync\n", {}),
        (f'{UV}RUN uv sync\nCMD ["uvx", "ruff"]\n', {}),
        (YARN, {".yarnrc.yml": "nodeLinker: pnp\n"}),
        (YARN.replace("COPY", "ENV YARN_NODE_LINKER=pnp\nCOPY"), {}),
        ("FROM node:24\nCOPY . .\nRUN pnpm install\n", {"pnpm-workspace.yaml": "enableGlobalVirtualStore: true\n"}),
        (f'{NPM}CMD ["npx", "serve"]\n', {}),
        (f'{NPM}CMD ["npm", "exec", "serve"]\n', {}),
        (f"{NPM}HEALTHCHECK CMD npx is-up\n", {}),
        (f'{NPM}CMD ["node"]\n', {"compose.yaml": "services: {a: {build: ., command: npx serve}}\n"}),
        ("FROM node:24\nENV NPM_CONFIG_PREFIX=/root/.npm/global\nRUN npm i -g x\n", {}),
        ("FROM maven:3\nCOPY pom.xml .\nRUN mvn dependency:build-classpath -Dmdep.outputFile=cp.txt\n", {"pom.xml": ""}),
    ],
)
def test_no_mount_where_the_running_image_needs_the_cache(text: str, files: dict[str, str]) -> None:
    own = {"package.json": "{}", "pyproject.toml": "", "uv.lock": "", "yarn.lock": ""}
    assert "type=cache" not in fixed(text, {**own, **files}, unsafe=False).text


@pytest.mark.parametrize("text", [f"{UV}RUN uv sync\n", YARN, f'{NPM}CMD ["node", "npx-like.js"]\n'])
def test_a_mount_where_the_running_image_needs_no_cache(text: str) -> None:
    files = {"package.json": "{}", "pyproject.toml": '[tool.uv]\nlink-mode = "copy"\n', "uv.lock": "", "yarn.lock": ""}
    assert "type=cache" in fixed(text, files, unsafe=False).text


UPDATED = "FROM debian:13\nRUN apt-get update && apt-get install -y python3\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", {"compose.yaml": "services: {a: {build: ., command: sh -c 'apt-get install -y curl && curl x'}}\n"}),
        ("", {"compose.yaml": "services: {a: {build: ., entrypoint: [sh, -c, apt-get install -y curl]}}\n"}),
        ("", {"compose.yaml": "services: {b: {build: ., image: x}, a: {image: x, command: apt-get install -y curl}}\n"}),
        ("COPY x.py /\nRUN python3 /x.py\n", {"x.py": "import subprocess\nsubprocess.run(make())\n"}),
        ("RUN python3 /opt/x.py\n", {}),
        ("COPY site.yml /\nRUN ansible-playbook /site.yml\n", {"site.yml": ""}),
        ("RUN git clone https://e.org/x /x && cd /x && make dependencies\n", {}),
        ("RUN git clone https://e.org/x /x && cd /x && sh INSTALL\n", {}),
        ("RUN bash -e tools/setup --yes\n", {}),
        ("COPY setup /\nRUN bash /setup\n", {"setup": "apt-get install -y git\n"}),
        ("ENV INSTALL='apt-get install -y'\nRUN ${INSTALL} git\n", {}),
        ("RUN opam install -y conf-gmp\n", {}),
        ("FROM scratch\n", {}),
    ],
)
def test_lists_stay_where_a_program_may_install_from_them(text: str, files: dict[str, str]) -> None:
    copied = "FROM debian:13 AS tools\nCOPY t /t\n" + UPDATED + "COPY --from=tools /t /usr/local/bin/get\nRUN get things\n"
    before = copied if text.startswith("FROM") else UPDATED + text
    assert fixed(before, {"t": "#!/bin/sh\n", **files}, unsafe=False).text == before


@pytest.mark.parametrize("run", ["curl x | bash -s stable", "curl x | sh -s -- -y", "curl x | bash -", "bash -lc 'id && a.b'"])
def test_lists_go_where_a_shell_is_given_no_file(run: str) -> None:
    assert "target=/var/lib/apt/lists" in fixed(f"{UPDATED}RUN {run}\n", unsafe=False).text


def test_lists_go_where_a_script_starts_no_program() -> None:
    after = fixed(
        UPDATED + "COPY manage.py /\nRUN python3 /manage.py migrate\n", {"manage.py": "import django\n"}, unsafe=False
    )
    assert "target=/var/lib/apt/lists" in after.text


@pytest.mark.parametrize(
    ("install", "moves"),
    [
        ("npm install express", False),
        ("npm i --save express", False),
        ("npm ci && npm install express@4", False),
        ("pnpm install express", False),
        ("npm install -g express", True),
        ("npm install --loglevel warn", True),
    ],
)
def test_no_copy_undoes_what_an_install_writes_to_its_manifest(install: str, moves: bool) -> None:
    text = f"FROM node:24\nWORKDIR /app\nCOPY . .\nRUN {install}\nRUN npm prune\n"
    change = fixed(text, {"package.json": "{}", "package-lock.json": "{}", "a.js": ""}, unsafe=False)
    assert ("DF110" in change.rules) is moves


@pytest.mark.parametrize(
    ("chown", "expected"),
    [
        ("1001", "COPY --chown=1001:0 . /app"),
        ("app", "COPY --chown=app:0 . /app"),
        ("app:app", "COPY --chown=app:app . /app"),
        ("1001:0", "COPY --chown=1001:0 . /app"),
        ("late:", "COPY . /app"),
    ],
)
def test_an_owner_without_a_group_leaves_the_group(chown: str, expected: str) -> None:
    text = f"FROM debian:13\nRUN useradd app\nCOPY . /app\nRUN useradd -u 9 late && chown -R {chown} /app\n"
    assert expected in fixed(text, REQ, unsafe=False).text


def test_the_group_of_what_another_stage_made_is_not_known() -> None:
    text = "FROM debian:13 AS a\nRUN make\nFROM debian:13\nCOPY --from=a /app /app\nRUN chown -R 1001 /app\n"
    assert "chown -R 1001 /app" in fixed(text, unsafe=False).text


@pytest.mark.parametrize(
    "between",
    [
        "RUN echo deb http://e.org x main > /etc/apt/sources.list.d/x.list\n",
        "COPY x.list /etc/apt/sources.list.d/\n",
        "RUN add-apt-repository ppa:x/y\n",
    ],
)
def test_an_update_stays_before_the_sources_change(between: str) -> None:
    text = f"FROM debian:13\nRUN apt-get update\n{between}RUN apt-get install -y curl\nRUN curl e.org/key | apt-key add -\n"
    assert "RUN apt-get update\n" in fixed(text, {"x.list": ""}).text


@pytest.mark.parametrize("pattern", ["*.txt", "*.json", "*.sh", "*.md", "tests", ".env"])
def test_a_pattern_stays_at_the_root_where_an_application_may_need_what_is_below(pattern: str) -> None:
    nested = pattern.replace("*", "a") + ("/a.py" if pattern == "tests" else "")
    tree = MemoryTree({"Dockerfile": "FROM a:1\nCOPY . /a\n", ".dockerignore": f"{pattern}\n", f"s/{nested}": "", "s/b.py": ""})
    texts = {change.path: change.text for change in rewrite(discover(tree), unsafe=True, proof=True).files}
    assert texts.get(".dockerignore", f"{pattern}\n") == f"{pattern}\n"


@pytest.mark.parametrize(
    ("text", "converted"),
    [
        ("FROM debian:13\nCOPY app /usr/local/bin/app\nCMD app\n", False),
        ("FROM debian:13\nCOPY good /usr/local/bin/app\nCMD app\n", True),
        ("FROM debian:13\nCOPY app /app\nCMD /app\n", False),
        ("FROM debian:13\nCOPY --from=x /python3 /start\nCMD /start\n", False),
        ("FROM debian:13\nCMD unknown-program\n", False),
        ("FROM postgres:17\nCMD postgres -c fsync=off\n", False),
        ("FROM acme/base:1\nCMD python a.py\n", False),
        ("FROM nginx:1\nCMD nginx -g daemon\n", False),
        ("FROM acme/base:1\nENTRYPOINT python a.py\n", True),
    ],
)
def test_a_start_leaves_its_shell_only_when_it_needs_none(text: str, converted: bool) -> None:
    after = fixed(text, {"app": "echo 1\n", "good": "#!/bin/sh\n"}).text
    assert ('CMD ["' in after or 'ENTRYPOINT ["' in after) is converted


def test_pip_stays_new_where_a_command_needs_it() -> None:
    text = "FROM python:3.12\nRUN pip install --upgrade pip\nCOPY pyproject.toml .\nRUN pip install --group dev\n"
    assert "--upgrade pip\n" in fixed(text, {"pyproject.toml": ""}).text


def test_npm_ci_takes_no_copied_modules_away() -> None:
    text = "FROM node:24\nCOPY node_modules ./node_modules\nCOPY package*.json ./\nRUN npm install\n"
    assert "npm ci" not in fixed(text, {"package.json": "{}", "package-lock.json": "{}", "node_modules/a.js": ""}).text


def npm_files(package: dict[str, object], lock: dict[str, object], **others: str) -> dict[str, str]:
    return {"package.json": json.dumps(package), "package-lock.json": json.dumps(lock), **others}


def npm_lock(version: int, root: dict[str, object], *names: str, **others: object) -> dict[str, object]:
    return {"lockfileVersion": version, "packages": {"": root, **{f"node_modules/{name}": {} for name in names}, **others}}


ASKED: dict[str, object] = {"dependencies": {"a": "^1"}}
SPACES: dict[str, object] = {"workspaces": ["apps/*"]}
WITH_X: dict[str, object] = {"node_modules/x": {"resolved": "apps/x", "link": True}, "apps/x": ASKED}
PEER: dict[str, object] = {"peerDependencies": {"b": "1"}}
PLAIN_INSTALL = "WORKDIR /w\nCOPY package*.json ./\nRUN npm install\n"


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, {"dependencies": {"a": "^2"}}, "a"))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(2, {"devDependencies": {"a": "^1"}}, "a"))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, {}, "b"))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files({"peerDependencies": {"a": "1"}}, npm_lock(3, {}, "a"))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "b"))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, {"lockfileVersion": 1, "dependencies": {"b": {}}})),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, {"lockfileVersion": 1, "dependencies": {"a": {}}})),
        ("FROM node:14\n" + PLAIN_INSTALL, npm_files(ASKED, {"lockfileVersion": 1, "dependencies": {"b": {}}})),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, **{"node_modules/a": PEER}))),
        (
            "FROM node:24\n" + PLAIN_INSTALL,
            npm_files(ASKED, npm_lock(3, ASKED, **{"node_modules/a": {"dependencies": {"b": "1"}}})),
        ),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, {})),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a")) | {"package-lock.json": "<<<<<<< HEAD"}),
        ("FROM node:16\nRUN npm install -g npm@6\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        ("FROM node:14-alpine\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        ("FROM docker.io/library/node:fermium\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        ("FROM python:3.9-buster\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        ("FROM node:12 AS base\nFROM base\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        ("FROM node:8 AS base\nFROM base\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(1, ASKED, "a"))),
        (
            "FROM node:24\n" + PLAIN_INSTALL,
            npm_files(SPACES, npm_lock(3, SPACES, **WITH_X), **{"apps/x/package.json": json.dumps(ASKED)}),
        ),
        (
            "FROM node:24\n" + PLAIN_INSTALL.replace("package*.json", "."),
            npm_files(SPACES, npm_lock(3, SPACES, "a", **WITH_X), **{"apps/x/package.json": '{"dependencies": {"a": "^3"}}'}),
        ),
        (
            "FROM node:24\n" + PLAIN_INSTALL.replace("package*.json", "."),
            npm_files(SPACES, npm_lock(3, SPACES), **{"apps/x/package.json": "{}"}),
        ),
        (
            "FROM node:24\n" + PLAIN_INSTALL.replace("package*.json", "."),
            npm_files(SPACES, {"lockfileVersion": 1, "dependencies": {}}, **{"apps/x/package.json": "{}"}),
        ),
    ],
)
def test_npm_ci_only_where_the_lock_can_be_installed(text: str, files: dict[str, str]) -> None:
    assert "npm ci" not in fixed(text, files).text


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("FROM node:14\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(2, ASKED, "a"))),
        ("FROM node:14\n" + PLAIN_INSTALL, npm_files(ASKED, {"lockfileVersion": 1, "dependencies": {"a": {}}})),
        ("FROM node:14\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(2, ASKED, **{"node_modules/a": PEER}))),
        ("FROM node:24\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(2, ASKED, "b", **{"node_modules/a": PEER}))),
        ("FROM node\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a", "b"))),
        ("FROM node:16.20-buster\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        (
            "FROM node:16\nRUN npm install -g npm@10.2 && npm i -g npm@latest\n" + PLAIN_INSTALL,
            npm_files(ASKED, npm_lock(3, ASKED, "a")),
        ),
        ("FROM node:140\n" + PLAIN_INSTALL, npm_files(ASKED, npm_lock(3, ASKED, "a"))),
        (
            "FROM node:24\n" + PLAIN_INSTALL,
            npm_files(
                {"dependencies": {"a": "1"}, "optionalDependencies": {"a": "1"}},
                npm_lock(3, {"optionalDependencies": {"a": "1"}}, "a"),
            ),
        ),
        (
            "FROM node:24\n" + PLAIN_INSTALL.replace("package*.json", "."),
            npm_files(SPACES, npm_lock(3, SPACES, "a", **WITH_X), **{"apps/x/package.json": json.dumps(ASKED)}),
        ),
    ],
)
def test_npm_ci_where_the_lock_fits(text: str, files: dict[str, str]) -> None:
    assert "npm ci" in fixed(text, files).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM node:24 AS a\nRUN npm i b\nFROM a\n", ""),
        ("FROM node:24\nRUN npm pkg set type=module\n", ""),
        ("FROM node:24\nCOPY --from=x /m /w/node_modules\n", ""),
        ("FROM node:24\n", "RUN --mount=type=cache,target=/w/node_modules npm i\n"),
        ("FROM node:24\n", "RUN sed -i /husky/d package.json && npm i\n"),
    ],
)
def test_npm_ci_takes_nothing_away_that_came_from_elsewhere(before: str, after: str) -> None:
    text = before + (PLAIN_INSTALL.replace("RUN npm install\n", after) if after else PLAIN_INSTALL)
    assert "npm ci" not in fixed(text, npm_files(ASKED, npm_lock(3, ASKED, "a"))).text


SHA = "FROM python:3.12\nWORKDIR /a\nCOPY . .\nARG GIT_SHA\n"


@pytest.mark.parametrize(
    "work",
    [
        "RUN pip install .\n",
        "RUN pip install -e ./lib\n",
        "RUN pip install -r local.txt\n",
        "RUN poetry install\n",
        "RUN uv sync\n",
        "RUN npm ci\n",
        "RUN npm run build\n",
        "RUN yarn build\n",
        "RUN uv run build.py\n",
        'RUN ["make"]\n',
        "RUN <<EOF python3\nimport os\nEOF\n",
        "ENV NPM_CONFIG_TAG=$GIT_SHA\nRUN npm i -g x\n",
        "ENV PATH=/opt/$GIT_SHA/bin:$PATH\nRUN npm i -g x\n",
        "ENV NODE_ENV=production V=$GIT_SHA\nRUN npm i -g x\n",
        "ENV PIP_INDEX_URL https://x/$GIT_SHA\nRUN pip install six\n",
    ],
)
def test_an_argument_stays_above_what_may_read_it_unnamed(work: str) -> None:
    files = {"package.json": '{"scripts": {"prepare": "x"}}', "local.txt": "./lib\n", "setup.py": "", "pyproject.toml": ""}
    text = SHA + work + "LABEL v=$GIT_SHA\n"
    assert re.search(r"ARG GIT_SHA\n(ENV .*\n)?RUN", fixed(text, files).text)


def test_a_date_that_programs_read_by_themselves_stays() -> None:
    text = "FROM python:3.12\nARG SOURCE_DATE_EPOCH\nRUN pip install six\nLABEL d=$SOURCE_DATE_EPOCH\n"
    assert "EPOCH\nRUN" in fixed(text).text


@pytest.mark.parametrize("work", ["RUN pip install -r requirements.txt\n", "RUN npm i -g x && npm cache clean --force\n"])
def test_an_argument_moves_below_what_only_reads_its_arguments(work: str) -> None:
    after = fixed(SHA + work + "ENV V=$GIT_SHA\n", REQ).text
    assert after.index("RUN --mount") < after.index("ARG GIT_SHA")


def test_images_that_may_all_start_from_each_other_are_asked_once() -> None:
    text = "RUN apt-get update && apt-get install -y curl\n"
    tree = MemoryTree({f"images/{n}/Dockerfile": f"FROM acme/images-{n}:1\nUSER root\n{text}" for n in range(25)})
    assert all("rm -rf" in change.text or "--mount" in change.text for change in rewrite(discover(tree), unsafe=False).files)


def test_uv_keeps_what_it_may_need_at_run_time() -> None:
    text = "FROM python:3.13-slim\nENV UV_NO_CACHE=1 A=b\nRUN pip install uv && uv pip install --system six\nUSER nobody\n"
    assert "UV_NO_CACHE=1" in fixed(text).text
    builder = text.replace("slim\n", "slim AS b\n") + "FROM python:3.13-slim\nCOPY --from=b /usr/local /usr/local\n"
    assert "UV_NO_CACHE" not in fixed(builder, unsafe=False).text


def test_a_stage_on_the_builders_processor_stays_one_for_all() -> None:
    text = "FROM --platform=$BUILDPLATFORM node:24 AS b\nRUN npm i -g x\nFROM node:24\nRUN npm i -g y\nARG TARGETARCH\n"
    after = fixed(text, unsafe=False).text
    assert after.index("ARG TARGETARCH") > after.index("FROM node:24\n")
    assert "id=npm-glibc," in after
    assert "FROM node:24\nARG TARGETARCH\nRUN --mount=type=cache,id=npm-glibc-$TARGETARCH," in after


@pytest.mark.parametrize(
    ("tag", "stays"), [("3.7.2", True), ("2.7", True), ("3.9.1-slim", True), ("3.9", False), ("3.13.1", False)]
)
def test_an_old_pip_is_upgraded(tag: str, stays: bool) -> None:
    assert ("--upgrade pip" in fixed(f"FROM python:{tag}\nRUN pip install --upgrade pip\nRUN pip install six\n").text) is stays


@pytest.mark.parametrize(
    "text",
    [
        "FROM alpine:3\nENV HOME=/home/u\nRUN adduser -D u && pip3 install six\nUSER u\n",
        "FROM python:3.13\nENV HOME=/config\nRUN pip install six\nUSER nobody\n",
        "FROM debian:13\nUSER root\nARG HOME=/home/seluser\nRUN apt-get update && apt-get install -y pip && pip install six\n",
    ],
)
def test_root_mounts_nothing_in_the_home_of_another(text: str) -> None:
    assert "target=/home" not in fixed(text).text
    assert "target=/config" not in fixed(text).text


@pytest.mark.parametrize(
    "text",
    [
        "FROM gradle:8\nWORKDIR /a\nCOPY . .\nRUN gradle build\n",
        "FROM node:24\nCOPY package.json yarn.lock ./\nRUN yarn install\n",
    ],
)
def test_two_builds_do_not_meet_in_a_cache_that_breaks(text: str) -> None:
    after = fixed(text, {"package.json": "{}", "yarn.lock": "", "build.gradle": ""}).text
    assert "sharing=locked" in after or "--mount" not in after


@pytest.mark.parametrize(
    ("copies", "moved"),
    [
        ("COPY a.txt b.txt /code/lib/\n", False),
        ("COPY a.txt /code/lib/\n", False),
        ("COPY a.txt /code/lib/b.txt\n", False),
        ("COPY --from=b /x /code/lib/\n", False),
        ("COPY lib /code/lib/\n", True),
        ("COPY lib /code/lib\n", True),
        ("RUN mkdir -p /code/lib\nCOPY a.txt b.txt /code/lib/\n", True),
        ("COPY a.txt b.txt /code/\n", True),
    ],
)
def test_a_folder_that_copy_makes_for_files_gets_its_mode(copies: str, moved: bool) -> None:
    text = f"FROM debian:13\n{copies}RUN chmod -R 777 /code\n"
    files = {"a.txt": "", "b.txt": "", "lib/c.txt": ""}
    assert ("--chmod=777" in fixed(text, files, unsafe=False).text) is moved


def test_a_base_is_looked_at_again_when_its_users_have_changed() -> None:
    update = "USER root\nRUN apt-get update\nRUN apt-get install -y curl\n"
    tree = MemoryTree({"base/Dockerfile": f"FROM debian:13\n{update}", "user/Dockerfile": f"FROM acme/base:1\n{update}"})
    first = rewrite(discover(tree), unsafe=True)
    texts = {change.path: change.text for change in first.changed}
    assert set(texts) == {"base/Dockerfile", "user/Dockerfile"}
    assert rewrite(discover(MemoryTree(texts)), unsafe=True).changed == ()


def test_a_pattern_of_manifests_stays_where_it_is() -> None:
    text = "FROM node:24\nWORKDIR /a\n# the manifests\nCOPY package*.json ./\nRUN npm install\nCOPY . .\n"
    change = fixed(text, {"package.json": "{}", "package.docs.json": "{}", "a.js": ""}, unsafe=False)
    assert "# the manifests\nCOPY package*.json ./\n" in change.text


@pytest.mark.parametrize(
    ("first", "later", "moves"),
    [
        ("npm install", "npm ci --omit=dev", False),
        ("yarn", "yarn install --frozen-lockfile", False),
        ("npm ci", "npm ci --omit=dev", True),
        ("npm install", "npm install --omit=dev", True),
    ],
)
def test_no_copy_undoes_a_lock_that_another_stage_reads(first: str, later: str, moves: bool) -> None:
    text = (
        f"FROM node:24 AS b\nWORKDIR /a\nCOPY . .\nRUN {first}\nFROM node:24\nCOPY --from=b /a/package*.json ./\nRUN {later}\n"
    )
    files = {"package.json": "{}", "package-lock.json": "{}", "yarn.lock": "", "a.js": ""}
    assert ("DF110" in fixed(text, files, unsafe=False).rules) is moves
