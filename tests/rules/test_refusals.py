"""What a rule finds and does not mend, and the reason that it tells."""

import pytest

from trimtab.fleet import MemoryTree, discover, facts_for
from trimtab.review import review, review_file
from trimtab.rules import default_rules

OWNED = "FROM python:3.13-slim\nRUN useradd app\n"
LATE = "FROM python:3.13-slim\nCOPY . /app\n"
BUILT = 'CMD ["a"]\n'
APT = "FROM debian:13\nRUN apt-get update && apt-get install -y gcc curl"
PIP = "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc\nWORKDIR /a\nCOPY r.txt .\n"
WHEELS = {"r.txt": "psycopg2\n", "main.py": "", "src/a": ""}
PLAIN = {"main.py": "", "a.py": "", "r.txt": "six\n", "src/a": ""}


def refusals(code: str, text: str, files: dict[str, str] | None = None) -> list[str]:
    """The reasons of one rule, empty where it mends what it finds."""
    fleet = discover(MemoryTree({"Dockerfile": text, **(files or PLAIN)}))
    rules = [rule for rule in default_rules() if rule.code == code]
    findings = review_file(facts_for(fleet.files[0], fleet), rules).findings
    return [each.refusal.reason if each.refusal else "" for each in findings]


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("DF012", "FROM a\nADD src/* /x/\n", "may match an archive tomorrow"),
        ("DF104", "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y a\nRUN apt-get install -y b\n", "a later install has no mount"),
        ("DF105", "FROM python:3.13\n# pip 20 is broken\nRUN pip install --upgrade pip\n", "a comment above says why"),
        ("DF106", "FROM debian:13\nRUN --network=host apt-get update\nRUN apt-get install -y a\n", "would take a comment or a mount along"),
        ("DF106", "FROM debian:13\nRUN apt-get \\\n# why\n update\nRUN apt-get install -y a\n", "would take a comment or a mount along"),
        ("DF120", OWNED + "COPY . /app\nRUN <<EOF\nchown -R app:app /app\nEOF\n", "in a heredoc"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app $(ls)\n", "does not stand in a plain chain"),
        ("DF120", OWNED + "COPY . /app\nRUN if true; then chown -R app:app /app; fi\n", "does not stand in a plain chain"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R \\\n # why\n app:app /app\n", "a comment stands inside the command"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app || true\n", "the chain has a fallback"),
        ("DF120", OWNED + "COPY . /app\nRUN chown --from=root -R app:app /app\n", "options that COPY has not"),
        ("DF120", OWNED + "COPY --chown=root . /app\nRUN chown -R app:app /app\n", "the COPY on line 3 already sets `--chown`"),
        ("DF120", OWNED + "ADD . /app\nRUN chown -R app:app /app\n", "line 3 is an ADD or in JSON form"),
        ("DF120", OWNED + 'COPY [".", "/app"]\nRUN chown -R app:app /app\n', "line 3 is an ADD or in JSON form"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app:app /app/src\n", "brings more than the changed folder"),
        ("DF120", OWNED + "COPY . /app\nRUN chown -R app+x:app /app\n", "cannot be written as a COPY flag"),
        ("DF120", LATE + "RUN chown -R app:app /app\n", "user `app` comes from nowhere that this file shows"),
        ("DF120", LATE + "RUN chown -R app /app\n", "user `app` comes from nowhere that this file shows"),
        ("DF120", LATE + "RUN useradd app && chown -R app:app /app\n", "is created after the COPY and has no fixed number"),
        ("DF120", LATE + "RUN useradd app && chown -R app /app\n", "is created after the COPY and has no fixed number"),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:5 /app\n", ""),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:app /app\n", "group `app` is created after the COPY"),
        ("DF120", LATE + "RUN useradd -u 1001 app && chown -R app:www /app\n", "group `www` is created after the COPY"),
        ("DF120", OWNED + "COPY . /app\nRUN chmod -R u+x /app\n", "the mode `u+x` is symbolic"),
        ("DF120", "FROM node:24\nWORKDIR /app\nCOPY . .\nRUN npm ci\nRUN chown -R node:node /app\n", "and its files would keep their owner"),
        ("DF121", "FROM debian:13\nRUN <<EOF\napt-get update\napt-get install -y a\nEOF\n", "in a heredoc"),
        ("DF121", "FROM debian:13\nRUN apt-get update; apt-get install -y a\n", "a plain chain joined by `&&`"),
        ("DF121", "FROM debian:13\nRUN apt-get update && apt-get install -y a && exec ls\n", "something follows the chain"),
        ("DF122", APT + "\nRUN apk add --virtual x gcc\n" + BUILT, ""),
        ("DF122", "FROM alpine:3\nRUN apk add --virtual tools gcc\n" + BUILT, "by which a later instruction may take it away again"),
        ("DF122", APT + " $(cat x)\n" + BUILT, "or holds a substitution"),
        ("DF123", PIP + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, ""),
        ("DF123", PIP.replace("slim", "slim AS one") + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, "line 1"),
        ("DF123", PIP + "RUN pip install --no-binary :all: --no-build-isolation -r r.txt\n" + BUILT, "`--no-build-isolation`"),
        ("DF123", PIP.replace("python:3.13-slim", "acme/python") + "RUN pip install --no-binary :all: -r r.txt\n" + BUILT, "only the official Python images"),
        ("DF123", PIP + "RUN pip install --no-binary :all: -r r.txt && make x\n" + BUILT, "line 5"),
        ("DF129", "FROM debian:13\nRUN apt-get install -y $(cat x)\n", ""),
        ("DF201", "FROM debian:13\nENTRYPOINT [\"gosu\", \"app\", \"x\"]\n", "drops privileges itself"),
        ("DF201", "FROM debian:13\nENTRYPOINT [\"/init\"]\n", "an init system that starts as root"),
        ("DF201", "FROM python:3.13 AS a\nCMD [\"x\"]\nFROM a AS b\nRUN ls\nFROM a\nCMD [\"y\"]\n", ""),
        ("DF201", "FROM python:3.13\nONBUILD RUN ls\nCMD [\"python\", \"a.py\"]\n", "its ONBUILD triggers"),
        ("DF205", "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b /root/.local /root/.local\nUSER app\n", ""),
        ("DF205", "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b --chown=app /root/.local /root/.local\nUSER app\n", "its owner would own `/usr/local` as well"),
        ("DF205", "FROM python:3.12 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b /root/.local /root/.local\nUSER app\n", "not known to read what `--prefix` puts"),
        ("DF205", 'FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd app\nCOPY --from=b ["/root/.local", "/root/.local"]\nUSER app\n', "is not known from here"),
        ("DF205", "FROM python:3.13\nRUN pip install --user $(cat x)\nRUN useradd app\nUSER app\n", "in a plain chain of commands"),
        ("DF210", "FROM debian:13\nRUN sudo \\\n # why\n ls\n", "would take a comment along"),
        ("DF210", "FROM debian:13\nRUN <<EOF\nsudo ls\nEOF\n", "in a heredoc"),
        ("DF110", "FROM python:3.13\nCOPY <<EOF . /app/\nx\nEOF\nWORKDIR /app\nRUN pip install -r r.txt\n", "heredoc or is in JSON form"),
        ("DF110", 'FROM python:3.13\nWORKDIR /app\nCOPY [".", "."]\nRUN pip install -r r.txt\n', "heredoc or is in JSON form"),
        ("DF110", "FROM python:3.13\nWORKDIR /app\nCOPY . .\nRUN cat <<EOF | sh\nx\nEOF\nRUN pip install -r r.txt\n", "in between may read what is copied"),
    ],
)  # fmt: skip
def test_refused(code: str, text: str, reason: str) -> None:
    files = WHEELS if code == "DF123" else None
    found = refusals(code, text, files)
    assert any(reason in each and bool(reason) == bool(each) for each in found), found


NODE, PYTHON = "FROM node:24\nWORKDIR /app\nCOPY . .\n", "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"
GO = "FROM golang:1\nWORKDIR /app\nCOPY . .\nRUN go mod download\n"
FROM_SOURCES, PATHS = "installs `a` from the sources", "has path or workspace dependencies"


@pytest.mark.parametrize(
    ("text", "files", "reason"),
    [
        (NODE + "RUN npm ci\n", {"package.json": '{"dependencies": {"a": "file:./x"}}', "package-lock.json": "{}"}, FROM_SOURCES),
        (NODE + "RUN npm ci\n", {"package.json": '{"workspaces": ["x"]}', "package-lock.json": "{}"}, "has workspaces"),
        (NODE + "RUN npm ci\n", {"package.json": "{}", "npm-shrinkwrap.json": "{}", "package-lock.json": "{}"}, ""),
        (NODE + "RUN yarn install\n", {"package.json": "{}", ".yarnrc.yml": "yarnPath: x", "yarn.lock": ""}, "names the program"),
        (NODE + "RUN yarn install\n", {"package.json": "{}", ".yarn/x": "", "yarn.lock": ""}, "reads `.yarn` or `patches`"),
        (NODE + "RUN pnpm install\n", {"package.json": "{}", "patches/x": "", "pnpm-lock.yaml": ""}, "reads `.yarn` or `patches`"),
        (PYTHON + "RUN poetry install\n", {"pyproject.toml": "[tool.poetry]\n"}, "`--no-root` would not"),
        (PYTHON + "RUN poetry install --no-root\n", {"pyproject.toml": "[a]\nx = {path = \"../x\"}\n"}, PATHS),
        (PYTHON + "RUN poetry install --no-root\n", {"pyproject.toml": "[tool.poetry]\n", "poetry.lock": ""}, ""),
        (PYTHON + "RUN poetry install --no-root\n", {"poetry.lock": ""}, "`pyproject.toml` is not among the files"),
        (PYTHON + "RUN uv sync --no-install-project\n", {"pyproject.toml": "[tool.uv.workspace]\n", "uv.lock": ""}, PATHS),
        (GO, {"go.mod": "module x\nreplace y => ../y\n", "go.sum": ""}, "by a folder of the sources"),
        (GO, {"go.mod": "module x\n", "go.sum": ""}, ""),
        (PYTHON + "RUN pip install -r 'r s.txt'\n", {"r s.txt": "six\n"}, "white space or quotes"),
    ],
)  # fmt: skip
def test_manifests_that_are_not_enough_for_an_install(text: str, files: dict[str, str], reason: str) -> None:
    (found,) = refusals("DF110", text, {**files, "a.py": "", "a.js": "", "a.go": ""})
    assert reason in found
    assert bool(reason) == bool(found)


OFFLINE, REMOVES = "works offline, from a cache that the mount may not hold", "may remove a folder that is mounted"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FROM python:3.13\nENV XDG_CACHE_HOME=/c\nRUN pip install six\n", ""),
        ("FROM node:24\nRUN npm i x\nRUN npm ci --offline\n", OFFLINE),
        ("FROM node:24\nRUN npm i x\nRUN --network=none npm ci\n", OFFLINE),
        ("FROM golang:1\nCOPY . .\nRUN go mod download\nRUN GOPROXY=off go build ./x\n", OFFLINE),
        ("FROM python:3.13\nRUN pip install six && sh -c 'rm -rf ~/.cache'\n", REMOVES),
        ("FROM python:3.13\nRUN pip install six && cd /root && rm -rf .cache\n", REMOVES),
        ("FROM python:3.13\nRUN --mount=type=cache,target=$X pip install six\n", "target holds a variable"),
        ("FROM python:3.13\nUSER app\nRUN pip install six\n", "the home and numbers of user `app` are not known"),
        ("FROM debian:13\nRUN apt-get update && apt-get install -y a && apt-get download x\n", "wants the archives in the image"),
        ("FROM alpine:3\nRUN apk update\nRUN apk add a\n", "which the mount would hide"),
        ("FROM python:3.13\nRUN env A=b pip install six\n", ""),
        ("FROM golang:1\nENV GOPATH=/g\nCOPY . .\nRUN go build ./x\n", ""),
        ("FROM python:3.13\nRUN python -m pip install --cache-dir=/x six\n", "keeps a cache elsewhere"),
        ("FROM python:3.13\nRUN pip install -cc.txt --requirement=r.txt\n", ""),
        ("FROM python:3.13\nRUN uv pip sync r.txt\n", ""),
    ],
)  # fmt: skip
def test_installs_that_get_no_cache_mount(text: str, reason: str) -> None:
    files = {"r.txt": "six\n", "c.txt": "", "go.mod": "module x\n", "go.sum": "", "x/a.go": ""}
    found = refusals("DF101", text, files)
    assert found
    assert all(reason in each and bool(reason) == bool(each) for each in found)


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ("A=1\nexport B='two words'\n# C D\n\nE=x # why\n", None),
        ("A=1\r\n", "carriage returns"), ("\ufeffA=1\n", "a byte order mark"), ("A=1\nnonsense\n", "in line 2"),
        ("A-B=1\n", "something other than `NAME=value` in line 1"), ("A=two words\n", "without quotes in line 1"),
        ("A=$B\n", "without quotes in line 1"),
    ],
)  # fmt: skip
def test_what_a_shell_reads_in_an_env_file(env: str, reason: str | None) -> None:
    files = {"deploy.sh": "#!/bin/bash\nset -e\nsource settings.env\ndocker ps\n", "settings.env": env}
    found = [each.message for each in review(discover(MemoryTree(files))).findings if each.rule == "SC113"]
    assert len(found) == (reason is not None)
    assert all(reason is not None and reason in each for each in found)


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("DF107", NODE + "RUN npm install\nRUN rm package-lock.json\n", "deals with the lock file itself"),
        ("DF107", NODE + "RUN npm install || npm install -f\n", "does not stand in a plain chain"),
        ("DF108", "FROM python:3.13\nARG BUILD_DATE\nENV D=$BUILD_DATE\nCOPY r.txt .\nRUN pip install -r r.txt", "ends with the work"),
        ("DF123", PIP + "RUN pip install --no-binary :all: -r r.txt\nRUN apt-get install -y gcc\n" + BUILT, "behind what it could"),
    ],
)  # fmt: skip
def test_refused_beside_a_lock(code: str, text: str, reason: str) -> None:
    files = {"package.json": "{}", "package-lock.json": "{}", "a.js": "", **WHEELS}
    assert any(reason in each for each in refusals(code, text, files))
