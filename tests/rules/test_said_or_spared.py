"""What rules say, refuse and spare in cases that their own examples do not show."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from trimtab.fleet import MemoryTree, Policy, discover
from trimtab.review import review
from trimtab.rules import find_rules

Files = Mapping[str, str]


def judged(code: str, files: Files, policy: Policy | None = None) -> list[str]:
    """The reasons of one rule's refusals, empty where it mends what it finds."""
    result = review(replace(discover(MemoryTree(files)), policy=policy or Policy()), find_rules(code))
    assert not result.crashes
    return [each.refusal.reason if each.refusal else "" for each in result.findings]


def agrees(found: list[str], reason: str | None) -> bool:
    """Whether nothing was found (None), something was mended (empty), or something refused for a reason."""
    return not found if reason is None else any(reason in each and bool(reason) == bool(each) for each in found)


HASH = "0123456789abcdef" * 2
APT = "FROM debian:13\nRUN apt-get update && apt-get install -y a\n"
MOUNTED = "FROM debian:13\nRUN --mount=type=cache,target=/var/cache/apt "
PIP = "FROM python:3.13\nRUN --mount=type=cache,target=/root/.cache/pip pip install "
LATE = "FROM python:3.13-slim\nCOPY . /app\n"
ARGUMENT = "FROM a:1\nARG GIT_SHA\n"
COMMENT = "would take a comment along"


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        ("DF101", "FROM python:3.13\nRUN pip install six && pip cache purge && rm -rf /root/.cache/pip\n", ""),
        ("DF104", MOUNTED + "<<EOF\napt-get update\napt-get install -y a\nEOF\n", "stands in a heredoc"),
        ("DF104", MOUNTED + "apt-get update && apt-get install -y a\nRUN npx playwright install --with-deps\n", "a later install has no mount"),
        ("DF104", PIP + "\\\n # why\n --no-cache-dir six\n", COMMENT),
        ("DF104", "FROM alpine:3\nRUN --mount=type=cache,target=/etc/apk/cache apk add --no-cache --root /x a\n", "go into another root"),
        ("DF105", "FROM python:3.13\nRUN pip install --upgrade pip;\n", "the instruction does more"),
        ("DF105", "FROM python:3.13\nRUN pip install \\\n # why\n --upgrade pip\n", COMMENT),
        ("DF106", "FROM debian:13\nRUN apt-get update\nRUN apt-get install -y a\nRUN apt-get update && apt-get install -y b\n", ""),
        ("DF108", f"FROM a:1\nARG TOOL_SHA={HASH}\nRUN npm i -g n\nLABEL x=$TOOL_SHA\n", None),
        ("DF108", ARGUMENT + "RUN npm i -g n\n", "nothing names it"),
        ("DF108", ARGUMENT + "RUN echo $V\nENV V=$GIT_SHA\nRUN npm i -g n\nLABEL x=$GIT_SHA\n", "made of it is needed before"),
        ("DF108", "FROM a:1\nARG \\\n # why\n GIT_SHA\nRUN npm i -g n\nLABEL x=$GIT_SHA\n", "a comment would move along"),
        ("DF109", "FROM debian:13\nCOPY --from=x /y /y\nCOPY a.py /a/\nRUN curl -o /y https://e.org/x\n", "whether the download reads"),
        ("DF120", "FROM alpine:3\nCOPY . /app\nRUN addgroup -g 1001 app && adduser -D -u 1001 -G app app && chown -R app:app /app\n", ""),
        ("DF120", "FROM mcr.microsoft.com/dotnet/aspnet:8.0\nRUN useradd app\nWORKDIR /app\nCOPY . .\nRUN chown -R app:app /app\n", ""),
        ("DF120", "FROM node:24\nWORKDIR /usr/src/app\nCOPY . .\nRUN chown -R node:node /usr/src/app\n", ""),
        ("DF122", "FROM debian:13\nRUN apt-get install -y \\\n # why\n gcc curl\nCMD [\"a\"]\n", COMMENT),
        ("DF129", "FROM debian:13\nRUN apt-get install -y x; if\n", "cannot be read in full"),
        ("DF130", APT + "RUN apt-get clean && rm -rf /var/lib/apt/lists/*\n", ""),
        ("DF130", "FROM node:24\nRUN npm i x\nRUN npm cache clean --force\n", ""),
        ("DF130", "FROM node:24\nRUN --mount=type=cache,target=/root/.npm npm i x\nRUN npm cache clean --force\n", None),
        ("DF130", "FROM debian:13\nRUN curl -o /b https://x\nRUN rm /a\n", None),
        ("DF130", "FROM debian:13\nRUN apt-get update; apt-get install -y a\nRUN rm -rf /var/lib/apt/lists/*\n", "is not the one before"),
        ("DF130", "FROM debian:13\nRUN cd /x && apt-get install -y a\nRUN rm -rf /var/lib/apt/lists/*\n", "is not the one before"),
        ("DF201", "FROM mcr.microsoft.com/dotnet/runtime:8.0-jammy-chiseled\nUSER root\nCMD [\"/a\"]\n", "no shell to create a user with"),
        ("DF205", "FROM python:3.13\nENV PYTHONUSERBASE=/opt/x\nRUN pip install --user six\nRUN useradd app\nUSER app\n", None),
        ("DF302", "FROM debian:13\nHEALTHCHECK CMD curl -f http://localhost/\n", "belongs to whoever wrote it"),
    ],
)  # fmt: skip
def test_a_dockerfile_by_itself(code: str, text: str, reason: str | None) -> None:
    found = judged(code, {"Dockerfile": text, "a.py": ""})
    assert agrees(found, reason), found


PYTHON = "FROM python:3.13\nWORKDIR /app\nCOPY . .\n"
BUILT = {"r.txt": "six\n", "a.py": "", "b.py": "", "conf/x": ""}
COMPILED = 'FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc %s\nWORKDIR /a\nCOPY r.txt .\nRUN pip install --no-binary :all: -r r.txt\nCMD ["a"]\n'
NODE = 'FROM node:24\n%s\nCOPY . .\nRUN npm ci\nRUN npm run build%s\nCMD ["node", "dist/a.js"]\n'
PACKAGE = {"package.json": "{}"}
VOLUME = {"compose.yaml": "services: {a: {build: ., volumes: ['d:/data/x']}}\nvolumes: {d: {}}\n", "x": ""}
OWNED = "FROM python:3.13\nRUN useradd a\n%s\nUSER a\n"
OPEN = "who owns what a volume holds already"
BASE = {"x/Dockerfile": "FROM me\nRUN ls\n", "compose.yaml": "services: {a: {build: ., image: me}, b: {build: x}}\n"}
TWICE = "services: {a: {build: .}, b: {build: {context: x, dockerfile: ../Dockerfile}}}\n"
TARGETS = "services: {a: {build: {context: ., target: a}}, b: {build: {context: ., target: b}}}\n"
DEVELOPED = {"package.json": '{"devDependencies": {"x": "1"}}', "package-lock.json": "{}"}


@pytest.mark.parametrize(
    ("code", "text", "files", "reason"),
    [
        ("DF104", "FROM python:3.13\nENV PIP_NO_CACHE_DIR=1\nRUN --mount=type=cache,target=/root/.cache/pip if true; then pip install six; fi\n", BASE, "`x/Dockerfile` may start from this image"),
        ("DF110", PYTHON + "RUN pip install -r r.txt\n", {**BUILT, "x/r.txt": "", "compose.yaml": TWICE}, "several contexts"),
        ("DF110", PYTHON + "COPY --from=x /a /app/a\nRUN pip install -r r.txt\n", BUILT, "writes to the same place"),
        ("DF110", PYTHON + "COPY b.py a.py\nRUN pip install -r r.txt\n", BUILT, "writes to the same place"),
        ("DF110", PYTHON + "COPY --from=x /a /b\nRUN pip install -r r.txt\n", BUILT, ""),
        ("DF110", "FROM python:3.13\nENV X_CONF=/app/conf\nWORKDIR /app\nCOPY . .\nRUN pip install -r r.txt\n", BUILT, "`X_CONF` names a file that the COPY brings"),
        ("DF123", COMPILED % "libmagick-dev", BUILT, "brings a library"),
        ("DF123", COMPILED % "&& make x", BUILT, "line 2 is more than the usual shape"),
        ("DF123", COMPILED % "&& useradd a", BUILT, "line 2 is more than the usual shape"),
        ("DF123", NODE % ("WORKDIR /a", " && ls"), PACKAGE, "line 5 is more than the usual shape"),
        ("DF123", NODE % ("WORKDIR /a\nRUN npm i -g x", ""), PACKAGE, "makes things outside its working directory"),
        ("DF134", NODE % ("WORKDIR /a", ""), DEVELOPED, None),
        ("DF134", "FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm ci\n", DEVELOPED, None),
        ("DF201", "FROM python:3.13 AS a\nCMD [\"x\"]\nFROM a AS b\nCMD [\"y\"]\n", {"compose.yaml": TARGETS}, "would run as the user as well"),
        ("DF206", OWNED % "COPY --chown=a . /data/", VOLUME, None),
        ("DF206", OWNED % "COPY --chown=a . /other/", VOLUME, OPEN),
        ("DF206", OWNED % "RUN if", VOLUME, None),
        ("DF206", OWNED % "RUN ./x.sh", VOLUME, None),
        ("DF206", "FROM python:3.13\nRUN useradd -m -d /data a\nUSER a\n", VOLUME, None),
        ("DF206", OWNED % "RUN chown a /other", VOLUME, OPEN),
    ],
)  # fmt: skip
def test_a_dockerfile_among_others(code: str, text: str, files: Files, reason: str | None) -> None:
    found = judged(code, {"Dockerfile": text, **files})
    assert agrees(found, reason), found


UV, CPU, SLIM = (
    Policy(uv="example.com/uv:1"),
    Policy(cpu_index="https://example.com/cpu"),
    Policy(standard={"python": ("python:3.13-slim",)}),
)


@pytest.mark.parametrize(
    ("code", "text", "policy", "reason"),
    [
        ("DF004", "ARG B=python:3.12-slim\nFROM $B\n", SLIM, "comes from a build argument"),
        ("DF128", "FROM python:3.13\nRUN <<EOF\npip install torch\nEOF\n", CPU, "in a plain chain of commands"),
        ("DF136", "FROM python:3.13\nRUN pip install six && pip install seven\n", UV, "does not stand alone"),
        ("DF136", "FROM python:3.13\nRUN --mount=type=cache,target=$X pip install six\n", UV, "target holds a variable"),
    ],
)  # fmt: skip
def test_what_a_policy_asks_for(code: str, text: str, policy: Policy, reason: str) -> None:
    found = judged(code, {"Dockerfile": text}, policy)
    assert agrees(found, reason), found


HEAD = "#!/bin/bash\nset -e\n"
UP = "docker compose up -d"
PORTS = "services: {admin-api: {image: a, ports: ['8001:80']}, b: {image: b, ports: ['8002:80']}}\n"


@pytest.mark.parametrize(
    ("code", "text", "files", "reasons"),
    [
        ("SC104", "docker-compose ps\n", {"b.sh": HEAD + "docker-compose build\n"}, ["", ""]),
        ("SC105", f'U="{UP}"\n$U\nsleep 30\n', {}, ["it stands in the value of a variable, which other calls may use, too"]),
        ("SC113", "docker ps\nexport $(cat x)\n", {"x": "A=1\r\n"}, []),
        ("SC113", "docker ps\nsource .env\n", {".env/x": "A=1\r\n"}, []),
        ("SC120", "docker compose ps\necho 'Admin API: http://localhost:9999/health'\n", {"compose.yaml": PORTS}, []),
        ("SC126", f"if true; then\n  if ! {UP}; then\n    echo 'it failed'\n  fi\nfi\necho 'Deployment complete'\n", {}, []),
        ("SC126", f"if ! {UP}; then\n  echo 'it failed'\nfi\necho 'the end'\n", {}, []),
        ("SC126", f"if ! {UP}; then\n  echo 'it failed'\nelse\n  echo 'Deployment complete'\nfi\n", {}, []),
    ],
)  # fmt: skip
def test_a_script(code: str, text: str, files: Files, reasons: list[str]) -> None:
    assert judged(code, {"compose.yaml": "services: {a: {image: a}}\n", **files, "a.sh": HEAD + text}) == reasons


SERVICE = "services:\n  a:\n    image: a\n    "
WAITED = (
    "services:\n  a: {image: a, depends_on: {b: {condition: service_healthy}}}\n"
    "  b:\n    image: b\n    healthcheck:\n      test: [CMD, x]\n      interval: 30s\n      start_period: 0s\n"
)
PUBLISHED = "services: {a: {image: 'a:1', ports: ['80:80']}}\n"


@pytest.mark.parametrize(
    ("code", "text", "files", "reason"),
    [
        ("CM205", SERVICE + "volumes: ['/x:/tmp']\n", {}, ""),
        ("CM205", SERVICE + "tmpfs: [/run]\n", {}, "has a `tmpfs` of its own"),
        ("CM404", SERVICE + "logging: {options: {x: y}}\n", {}, "has options of its own"),
        ("CM122", WAITED, {}, "its keys do not stand together"),
        ("CM123", SERVICE + "healthcheck: {test: [CMD, b], start_interval: 1s, interval: 1h}\n", {}, "more than an hour"),
        ("CM506", PUBLISHED, {"compose.prod.yaml": "services: {a: {ports: ['81:80']}}\n"}, None),
    ],
)  # fmt: skip
def test_a_compose_file(code: str, text: str, files: Files, reason: str | None) -> None:
    found = judged(code, {"compose.yaml": text, **files})
    assert agrees(found, reason), found


FROM_STAGE = "FROM a:1 AS b\nFROM a:1\nCOPY --from=b /x /%s/\nWORKDIR /a\nRUN cp s/b /b\n"
ALL, BACKUP = "FROM a:1\nCOPY . /a\n", {"a.py": "", "a.py.bak": ""}
ELSEWHERE = "services: {a: {build: {context: %s, dockerfile: %s}}}\n"
STARTED = 'FROM python:3.13\nWORKDIR /app\nRUN pip install flask\nCOPY src src\nCMD ["python", "-m", "src.main"]\n'


@pytest.mark.parametrize(
    ("code", "files", "reasons"),
    [
        ("CX101", {"Dockerfile": 'FROM scratch\nCOPY ["gone.txt", "/"]\n'}, ["nothing in the context has that name"]),
        ("CX103", {"compose.yaml": ELSEWHERE % ("x", "../a/Dockerfile"), "a/Dockerfile": ALL, "a/.dockerignore": "b\n", "x/y": ""},
         ["it stands outside the context, whose files it cannot name"]),
        ("CX103", {"compose.yaml": ELSEWHERE % (".", "a/Dockerfile"), "a/Dockerfile": ALL, "a/.dockerignore": "[b\n"},
         ["one of its patterns is wrong: syntax error in pattern 'a/[b': bad character class"]),
        ("CX108", {"Dockerfile": ALL, **BACKUP, ".dockerignore": "[\n"}, []),
        ("CX108", {"Dockerfile": ALL, "Dockerfile.b": ALL, **BACKUP}, [""]),
        ("CX108", {"Dockerfile": ALL + "COPY a.py.bak /b\n", **BACKUP, "b.py.bak": ""},
         ["a COPY names one of the files, so something needs it"]),
        ("CX112", {"Dockerfile": FROM_STAGE % "a", "s/b": ""}, []),
        ("CX112", {"Dockerfile": FROM_STAGE % "c", "s/b": ""},
         ["whether it is to be copied or mounted (`RUN --mount=type=bind`) is not ours to say"]),
        ("DF309", {"Dockerfile": STARTED, "Dockerfile.b": STARTED, "src/main.py": "import redis\n"},
         ["which version is wanted is not ours to say"]),
    ],
)  # fmt: skip
def test_a_fleet(code: str, files: Files, reasons: list[str]) -> None:
    assert judged(code, files) == reasons


def test_a_context_whose_ignore_file_cannot_be_read_is_left_alone() -> None:
    files = {"Dockerfile": ALL, "a.md": "", ".dockerignore": "[\n"}
    assert judged("CX113", files, Policy(exclude=("*.md",))) == []


MODULE = {"go.mod": "module x"}
USED = {**MODULE, "x/Dockerfile": "FROM me\nCOPY . .\nRUN go build ./y\n", "compose.yaml": BASE["compose.yaml"]}
GO = "FROM golang:1 AS b\nCOPY . .\nRUN go mod download && go build -o /x ./x"
HIDES, PURGED = "which the mount would hide", "empties the cache in the same instruction, and cannot leave its place"
REMOVED = "removes /root/.cache/pip, which fails while it is mounted"
TAKEN = "is copied out of the stage"
ENTERED = {"a/devcontainer.json": "build: ../Dockerfile", "a/a.sh": "apt-get install -y x\n"}
STORED = "services: {a: {build: ., volumes: ['./s:/s'], command: %s}}\n"


@pytest.mark.parametrize(
    ("text", "files", "reason"),
    [
        ("FROM alpine:3\nRUN apk info && apk add a\n", {}, ""),
        ("FROM alpine:3\nRUN sudo apk add a\n", {}, "not known to run as root"),
        ("FROM alpine:3\nRUN /sbin/apk add a\n", {}, ""),
        ("FROM alpine:3\nRUN apk add a\nRUN rm /x && rm -f /y\n", {}, ""),
        (GO + " && go clean -modcache\n", MODULE, "removes the module cache"),
        ("FROM python:3.13 AS b\nRUN pip install six\nFROM a\nCOPY --from=b / /\n", {}, ""),
        (GO + "\nFROM a\nCOPY --from=b / /\n", MODULE, TAKEN),
        ("FROM python:3.13 AS b\nRUN pip install six\nFROM a\nRUN --mount=from=b,source=/root/.cache,target=/c ls\n", {}, TAKEN),
        (GO + "\n", USED, "`x/Dockerfile` may start from this image and use go's dependencies from it"),
        ("FROM python:3.13\nRUN useradd app\nUSER app\nRUN pip install six\n", {}, "user `app` has no fixed number"),
        ("FROM python:3.13\nRUN pip install six && pip cache purge | cat\n", {}, PURGED),
        ("FROM python:3.13\nRUN pip install six && pip cache purge || echo x\n", {}, PURGED),
        ("FROM python:3.13\nRUN pip install six || pip cache purge && ls\n", {}, PURGED),
        ("FROM python:3.13\nRUN if true; then pip install six; fi; rm -rf /root/.cache/pip\n", {}, REMOVED),
        (APT, {"a/devcontainer.json": "{}", "a/a.sh": "apt-get install -y x\n"}, ""),
        (APT, ENTERED | {"a/devcontainer.json": '{"x": "apt-get install y"}'}, ""),
        (APT, {"devcontainer.json": "{}"}, ""),
        (APT, {"compose.yaml": STORED % "/s/x.sh", "s/x.sh": "ls\n"}, ""),
        (APT, {"compose.yaml": STORED % "/s/gone.sh"}, ""),
        (APT, {"compose.yaml": STORED % "''"}, ""),
    ],
)  # fmt: skip
def test_a_cache_mount(text: str, files: Files, reason: str | None) -> None:
    found = judged("DF101", {"Dockerfile": text, **files})
    assert agrees(found, reason), found


LISTS = 'FROM debian:13\nCOPY . /s\nCOPY p /usr/local/bin/\nWORKDIR /s\nRUN apt-get update && apt-get install -y a\nRUN %s\nCMD ["a"]\n'
INSTALLS, STARTS = "apt-get install -y x\n", {"i.py": "import subprocess\n"}
LATER = "a later instruction installs from the lists"


@pytest.mark.parametrize(
    ("command", "files", "reason"),
    [
        ("ls", {"devcontainer.json": '{"postCreateCommand": "apt-get install -y x"}'}, "`devcontainer.json` installs in its"),
        ("ls", {"devcontainer.json": "{}", "a.sh": "ls", "x": ""}, ""),
        ("ls", {"a/devcontainer.json": '{"dockerFile": "../Dockerfile"}', "a/b.sh": INSTALLS}, "`a/b.sh` installs in its"),
        ("python -u i.py", STARTS, LATER),
        ("python -X dev i.py", STARTS, LATER),
        ("python -c i.py", STARTS, ""),
        ("python i.py", {"i.py": "import os\n"}, ""),
        ("tool.x", {"tool.x": INSTALLS}, ""),
        ("./tool.x", {"tool.x": INSTALLS}, LATER),
        ("tool.p", {"p/tool.p": INSTALLS}, LATER),
        ("env A=b", {}, ""),
        ("sudo", {}, ""),
    ],
)  # fmt: skip
def test_package_lists(command: str, files: Files, reason: str) -> None:
    found = judged("DF121", {"Dockerfile": LISTS % command, **files})
    assert agrees(found, reason), found


NAMED = "FROM python:3.13\n%s\nUSER app\n"
IMPORTS = {"src/main.py": "import redis\n"}
WHICH = ["which version is wanted is not ours to say"]


@pytest.mark.parametrize("line", ["RUN useradd $X", "RUN <<EOF\nuseradd app\nEOF", "RUN X=1"])
def test_a_user_that_may_be_there_is_not_missed(line: str) -> None:
    assert judged("DF203", {"Dockerfile": NAMED % "RUN useradd other"})
    assert not judged("DF203", {"Dockerfile": NAMED % line})


@pytest.mark.parametrize(
    "command", ["poetry install", "if", "./a.sh", "python setup.py install", "apt-get install -y python3-redis"]
)
def test_a_module_that_something_else_may_install_is_not_missed(command: str) -> None:
    assert judged("DF309", {"Dockerfile": STARTED, **IMPORTS}) == WHICH
    assert not judged("DF309", {"Dockerfile": STARTED.replace("COPY", f"RUN {command}\nCOPY"), **IMPORTS})


@pytest.mark.parametrize(
    ("start", "files", "reasons"),
    [
        ('["python", "-m", "src.main"]', {"src/main.py": "import redis ="}, []),
        ('["python", "-m", "src.main"]', {"src/main.py": "from .a.b import x\n", "src/a/b.py": "from ..c import d\n", "src/c.py": "import redis\n"}, WHICH),
        ('["python", "-X", "dev", "-m", "src.main"]', IMPORTS, WHICH),
        ('["python", "-W", "ignore", "src/main.py"]', IMPORTS, WHICH),
        ('["uvicorn", "src.main:app"]', IMPORTS, WHICH),
        ('["uvicorn", "--app-dir", "src", "main:app"]', IMPORTS, []),
        ("X=1", IMPORTS, []),
    ],
)  # fmt: skip
def test_modules_that_a_start_reaches(start: str, files: Files, reasons: list[str]) -> None:
    text = STARTED.partition("CMD")[0].replace("flask", "flask uvicorn") + f"CMD {start}\n"
    assert judged("DF309", {"Dockerfile": text, **files}) == reasons


@pytest.mark.parametrize(
    ("line", "missed"),
    [
        ("COPY curl /usr/local/bin/", False),
        ("COPY --from=x /y /opt/curl", False),
        ("COPY --from=x /y /usr/bin/", False),
        ("COPY x /opt/", True),
        ("RUN if", False),
        ("RUN ln -s /x /usr/bin/curl", False),
        ("RUN ./a.sh", False),
        ("RUN ls", True),
    ],
)
def test_a_program_of_a_health_check(line: str, missed: bool) -> None:
    text = f"FROM debian:13-slim\n{line}\nHEALTHCHECK CMD curl -f http://localhost/\n"
    assert bool(judged("DF302", {"Dockerfile": text, "curl": "", "x": ""})) == missed


LINES = "FROM node:24\nWORKDIR /a\nCOPY . .\nRUN npm install\n"
TOML = "[project]\nname = 'x'\n"
COMPILER = "FROM debian:13\nRUN apt-get install -y gcc\nCMD %s\n"
UNTIL = "#!/bin/bash\ndocker ps\nwhile docker ps; do\n %s\ndone\n"


@pytest.mark.parametrize(
    ("code", "files", "reason"),
    [
        ("CM125", {"compose.yaml": SERVICE.replace("image: a", "image: 'redis:7-management'") + "healthcheck: {test: [CMD, curl, x]}\n"}, "a decision"),
        ("CX102", {"Dockerfile": ALL, "a.key": "-----BEGIN PUBLIC KEY-----", "b": ""}, None),
        ("CX102", {"Dockerfile": ALL, "a.key": "-----BEGIN PRIVATE KEY-----", "b": ""}, ""),
        ("DF101", {"Dockerfile": "FROM python:3.13\nENV A=${B!}\nRUN pip install six\n"}, ""),
        ("DF107", {"Dockerfile": LINES.replace("24", "14"), "package.json": '{"workspaces": ["x"]}', "package-lock.json": '{"lockfileVersion": 1}'}, "which its lock does not know"),
        ("DF107", {"Dockerfile": LINES, "package.json": "{}", "package-lock.json": "{}", "npm-shrinkwrap.json": "{}"}, "instead of `package-lock.json`"),
        ("DF110", {"Dockerfile": PYTHON + "RUN pip install -r r.txt\n", **BUILT, "r.txt": "-r q.txt\n", "q.txt": "-r r.txt\n"}, ""),
        ("DF110", {"Dockerfile": PYTHON + "RUN pip install file:///app\n", "a.py": ""}, "installs from the sources"),
        ("DF110", {"Dockerfile": PYTHON + "RUN pip install git+https://example.org/x\n", "a.py": ""}, ""),
        ("DF122", {"Dockerfile": COMPILER % '["sh", "-c", "gcc x"]'}, "started or checked with `gcc`"),
        ("DF122", {"Dockerfile": COMPILER % "x", "compose.yaml": "services: {a: {build: ., healthcheck: {interval: 3s}}}\n"}, ""),
        ("DF123", {"Dockerfile": COMPILED.replace("--no-binary :all: ", "") % "", "r.txt": "x @ https://example.org/x.tar.gz\n"}, ""),
        ("DF201", {"Dockerfile": "FROM acme/x\nRUN apk add a\nCMD [\"x\"]\n"}, ""),
        ("DF303", {"Dockerfile": "FROM python:3.13\nEXPOSE 8000\nHEALTHCHECK CMD curl http://localhost:80/\nCMD [\"x\"]\n", "compose.yaml": "services: {a: {build: .}}\n"}, None),
        ("DF303", {"Dockerfile": "FROM python:3.13\nEXPOSE $P\nHEALTHCHECK CMD curl http://localhost:80/\nCMD [\"x\"]\n"}, None),
        ("SC108", {"a.sh": UNTIL % "grep x"}, "`grep x` may fail there"),
        ("SC108", {"a.sh": UNTIL.replace("docker ps;", "grep y;") % "docker ps"}, ""),
        ("SC108", {"a.ps1": "docker ps\n", "b.ps1": "docker ps\n"}, ""),
        ("SC111", {"compose.yaml": SERVICE, "a.sh": HEAD + "docker compose --ansi=never --file=compose.yaml up b\n"}, "which one is meant"),
        ("SC111", {"compose.yaml": SERVICE, "a.sh": HEAD + 'DC="sudo docker compose"\n$DC up b\n'}, "which one is meant"),
    ],
)  # fmt: skip
def test_what_a_fleet_tells(code: str, files: Files, reason: str | None) -> None:
    found = judged(code, files)
    assert agrees(found, reason), found


@pytest.mark.parametrize(
    ("lines", "files", "reason"),
    [
        ("COPY . /a", {"b/pyproject.toml": TOML + "readme = 'README.md'\n", "b/README.md": ""}, "`readme` in `b/pyproject.toml`"),
        ("COPY . /a", {"b/pyproject.toml": TOML + "readme = {text = 'a'}\n"}, ""),
        ("COPY . /a", {"pyproject.toml": "["}, ""),
        ("COPY https://example.org/a.md $X /a\nCOPY . /a", {}, ""),
        ("COPY . /a\nRUN --mount=type=bind,source=$X,target=/x --mount=type=bind,from=b,source=a.md,target=/y ls", {}, ""),
        ("COPY . /a\nRUN --mount=type=bind,source=a.md,target=/y ls", {}, "source=a.md"),
    ],
)  # fmt: skip
def test_an_exclusion(lines: str, files: Files, reason: str) -> None:
    found = judged("CX113", {"Dockerfile": f"FROM a:1\n{lines}\n", "a.md": "", **files}, Policy(exclude=("*.md",)))
    assert agrees(found, reason), found
