"""DF101."""

import re
from collections.abc import Iterator

from trimtab.fleet.cache_needs import mount_obstacle
from trimtab.fleet.caches import CachePlace, UnknownPlace, cache_place, covers, per_platform
from trimtab.fleet.chain import removal_edits
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import empties_cache
from trimtab.fleet.managers import Manager
from trimtab.fleet.mounted_paths import names_what_is_mounted
from trimtab.fleet.policy import Policy
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.syntax.shell import Command
from trimtab.text import Edit

_PIP = "--mount=type=cache,id=pip-glibc,target=/root/.cache/pip"


class MissingCacheMount(DockerfileRule):
    """Package installation that downloads everything again whenever its layer is rebuilt.

    ## What it does
    Finds RUN instructions that install with pip, uv, poetry, npm, yarn, pnpm, apt, apk, go, cargo, maven or gradle and
    have no BuildKit cache mount on the manager's cache folder.

    ## Why it matters
    Without the mount one changed line in a manifest downloads every package again, and what the manager caches lies in
    the image as dead weight.

    ## Fix safety
    The mount goes on the folder that the manager uses for the user in effect at that instruction, with an id per C
    library, user and (where several are built) architecture, so that images which cannot share a cache do not. All
    installations of one manager in a stage are changed together, because a mounted cache is not there for a later RUN
    without the mount. Refused where the same instruction deletes the folder, or switches the cache off or empties it by
    words that cannot be taken out, where the folder is copied out of the stage, where something that cannot have the mount
    uses dependencies from it or they are all that an image holds, where apt reads package lists of an earlier instruction,
    where the user's home or number cannot be told, root's on a base that is made for another user included, where the
    folder above an unprivileged user's mount is not the home itself, since BuildKit makes it root's, where maven keeps its
    repository elsewhere, where only one of the instructions that use such dependencies has the secret or proxy to download
    them with, where apk's own folder is emptied by an `rm` that fails when nothing is there, and where the fleet says that
    it is built by something else than BuildKit, or with an old frontend.

    ## References
    https://docs.docker.com/build/cache/optimize/#use-cache-mounts
    """

    code = "DF101"
    category = Category.CACHING
    severity = Severity.MEDIUM
    since = "0.1"
    clean = [
        Case("FROM debian:12\nRUN apt-get update && apt-get install -y jq\n", policy=Policy(cache_mounts=("pip",))),
        f"FROM python:3.12-slim\nCOPY r.txt .\nRUN {_PIP} pip install -r r.txt\n",
        "FROM scratch\nCOPY a /a\n",
        "FROM node:20\nRUN node --version && yarn --version\n",
    ]
    flagged = [
        Case(
            "FROM python:3.12-slim\nCOPY r.txt .\nRUN pip install -r r.txt\n",
            after=f"FROM python:3.12-slim\nCOPY r.txt .\nRUN {_PIP} \\\n    pip install -r r.txt\n",
            files={"r.txt": "six\n"},
        ),
        Case(
            "FROM node:20-alpine\nRUN adduser -D -u 1234 app\nUSER app\nCOPY package.json .\nRUN npm install\n",
            after="FROM node:20-alpine\nRUN adduser -D -u 1234 app\nUSER app\nCOPY package.json .\n"
            "RUN --mount=type=cache,id=npm-musl-1234,target=/home/app/.npm,uid=1234,gid=1234 \\\n    npm install\n",
            files={"package.json": "{}"},
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install six\n",
            after="FROM python:3.12-slim\nARG TARGETARCH\n"
            "RUN --mount=type=cache,id=pip-glibc-$TARGETARCH,target=/root/.cache/pip \\\n    pip install six\n",
            files={"compose.yaml": "services: {a: {build: {context: ., platforms: [linux/amd64, linux/arm64]}}}\n"},
        ),
        Case(
            "FROM alpine:3.20\nRUN apk add curl\n",
            after="FROM alpine:3.20\nARG TARGETARCH\n"
            "RUN --mount=type=cache,id=apk-$TARGETARCH,target=/etc/apk/cache,sharing=locked \\\n    apk add curl\n",
            files={"build.sh": "docker buildx build --platform linux/arm64,linux/amd64 --push .\n"},
        ),
        Case(
            'FROM alpine:3.20\nRUN apk add curl && curl "https://example.org/1.2/a-$(uname -m)" -o /a\n',
            after="FROM alpine:3.20\nARG TARGETARCH\n"
            "RUN --mount=type=cache,id=apk-$TARGETARCH,target=/etc/apk/cache,sharing=locked \\\n"
            '    apk add curl && curl "https://example.org/1.2/a-$(uname -m)" -o /a\n',
        ),
        Case(
            "FROM arm32v7/alpine:3.20\nRUN apk add curl\n",
            after="FROM arm32v7/alpine:3.20\n"
            "RUN --mount=type=cache,id=apk-arm32v7-alpine-3-20,target=/etc/apk/cache,sharing=locked \\\n    apk add curl\n",
        ),
        Case(
            "ARG ARCH=amd64\nFROM ${ARCH}/alpine:3.20\nRUN apk add curl\n",
            refused="a variable says for which processor it installs, and apk names every one's index alike",
        ),
        Case(
            "FROM golang:1.24\nCOPY go.mod .\nRUN go mod download\nCMD bash\n",
            refused="go's dependencies are all that the instruction puts into the image, for whoever works in it",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24 AS b\nCOPY . .\nRUN go build -o /b .\nFROM scratch\nCOPY --from=b /b /\n",
            after="FROM golang:1.24 AS b\nCOPY . .\nRUN --mount=type=cache,id=go,target=/go/pkg/mod \\\n"
            "    --mount=type=cache,id=go-go-build,target=/root/.cache/go-build \\\n    go build -o /b .\n"
            "FROM scratch\nCOPY --from=b /b /\n",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24\nCOPY go.mod .\nRUN go mod download\nCOPY . .\nRUN go build -o /a .\nCMD air -c .air.toml\n",
            refused="the image starts with go, which would have to download everything again",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24 AS b\nCOPY go.mod .\nRUN --mount=type=secret,id=netrc,target=/root/.netrc go mod download\n"
            "COPY . .\nRUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n",
            refused="`netrc` is there for one instruction only, and another may have to download as well",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24 AS b\nCOPY go.mod .\nRUN GOPROXY=http://a go mod download\n"
            "COPY . .\nRUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n",
            refused="`GOPROXY` is there for one instruction only, and another may have to download as well",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24 AS b\nCOPY . .\nRUN go env -w GOPROXY=http://a && go mod download\nRUN go build -o /b .\n"
            "FROM scratch\nCOPY --from=b /b /\n",
            after="FROM golang:1.24 AS b\nCOPY . .\nRUN --mount=type=cache,id=go,target=/go/pkg/mod \\\n"
            "    --mount=type=cache,id=go-go-build,target=/root/.cache/go-build \\\n"
            "    go env -w GOPROXY=http://a && go mod download\n"
            "RUN --mount=type=cache,id=go,target=/go/pkg/mod \\\n"
            "    --mount=type=cache,id=go-go-build,target=/root/.cache/go-build \\\n    go build -o /b .\n"
            "FROM scratch\nCOPY --from=b /b /\n",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM golang:1.24 AS b\nCOPY go.mod .\nRUN go mod download\nENV GOPROXY=off\n"
            "COPY . .\nRUN go build -o /a .\nFROM scratch\nCOPY --from=b /a /\n",
            refused="`go build -o /a .` works offline, from a cache that the mount may not hold",
            files={"go.mod": "module a\n"},
        ),
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y jq && \\\n    # Small.\n    apt-get -qq clean && true\n",
            refused="`apt-get -qq clean` empties the cache in the same instruction, and cannot leave its place",
        ),
        Case(
            "FROM alpine:3.20\nRUN apk add curl && rm /var/cache/apk/*\n",
            refused="`rm /var/cache/apk/*` fails where apk has put nothing there",
        ),
        Case(
            "FROM golang:1.24\nCOPY . .\nRUN go mod download\nCMD make run\n",
            refused="the image starts with go, which would have to download everything again",
            files={"go.mod": "module a\n", "Makefile": "run:\n\tgo run .\n"},
        ),
        Case(
            "FROM golang:1.24\nCOPY . /a\nWORKDIR /a\nRUN go mod download\nCMD supervisord -c a.conf\n",
            refused="the image starts with go, which would have to download everything again",
            files={"go.mod": "module a\n", "a.conf": "[program:a]\ncommand=go run .\n"},
        ),
        Case(
            "FROM maven:3\nCOPY pom.xml .\nRUN mvn -B package\n",
            refused="the image starts with maven, which would have to download everything again",
            files={
                "pom.xml": "<project/>",
                "compose.yaml": "services: {a: {build: ., command: mvn spring-boot:run}}\n",
            },
        ),
        Case(
            "FROM maven:3 AS b\nENV MAVEN_OPTS=-Dmaven.repo.local=/m\nRUN mvn package\nFROM scratch\nCOPY --from=b /a /\n",
            refused="maven is told to keep its repository elsewhere, and a mount on the usual folder would do nothing",
        ),
        Case(
            "FROM rust:1.88 AS b\nCOPY . .\nRUN cargo build --release\nFROM scratch\nCOPY --from=b /target/release/a /\n",
            after="FROM rust:1.88 AS b\nCOPY . .\n"
            "RUN --mount=type=cache,id=cargo,target=/usr/local/cargo/registry,sharing=locked \\\n    cargo build --release\n"
            "FROM scratch\nCOPY --from=b /target/release/a /\n",
            files={"Cargo.toml": "", "Cargo.lock": ""},
        ),
        Case(
            "FROM rust:1.88 AS b\nRUN cargo install cargo-chef\nCOPY recipe.json .\nRUN cargo chef cook --release\nCOPY . .\n"
            "RUN cargo build --release\nFROM scratch\nCOPY --from=b /target/release/a /\n",
            refused="`cargo chef cook --release` may use cargo's dependencies and would not have the mount",
            files={"Cargo.toml": "", "Cargo.lock": ""},
        ),
        Case(
            "FROM rust:1.88 AS b\nCOPY Cargo.* .\nRUN cargo fetch\nCOPY . .\nRUN cargo build --frozen\nFROM scratch\n"
            "COPY --from=b /target/debug/a /\n",
            refused="`cargo build --frozen` works offline, from a cache that the mount may not hold",
            files={"Cargo.toml": "", "Cargo.lock": ""},
        ),
        Case(
            "FROM maven:3 AS b\nCOPY . .\nRUN mvn -B package\nFROM scratch\nCOPY --from=b /target/a.jar /\n",
            after="FROM maven:3 AS b\nCOPY . .\n"
            "RUN --mount=type=cache,id=maven,target=/root/.m2/repository,sharing=locked \\\n    mvn -B package\n"
            "FROM scratch\nCOPY --from=b /target/a.jar /\n",
            files={"pom.xml": "<project/>"},
        ),
        Case(
            "# syntax=docker/dockerfile:1.0\nFROM python:3.12-slim\nRUN pip install six\n",
            refused="`# syntax=docker/dockerfile:1.0` names a frontend that is too old for it",
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install six\n",
            refused="a file of the fleet says that images are built without BuildKit, which alone knows such a flag",
            files={".gitlab-ci.yml": "a: {variables: {DOCKER_BUILDKIT: 0}, script: docker build .}\n"},
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install six\n",
            after=f"FROM python:3.12-slim\nRUN {_PIP} \\\n    pip install six\n",
            files={"oracle/README.md": "Build it with `DOCKER_BUILDKIT=0`.\n"},
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install six\n",
            refused="docker-compose 1.25, which the fleet asks for, builds without BuildKit, which alone knows such a flag",
            files={"compose.yaml": "services: {a: {build: .}}\n", "requirements-dev.txt": "docker-compose==1.25.4\n"},
        ),
        Case(
            "FROM alt:p9\nRUN apt-get update && apt-get install -y curl\n",
            refused="the apt of systems with RPM does not make the folders that it needs where its lists and archives are",
        ),
        Case(
            "FROM alpine:3.12\nRUN apk update\nRUN apk add curl\n",
            refused="it installs from an index that an earlier instruction, or the base, has left, which the mount would hide",
        ),
        Case(
            "FROM python:3.12-slim\nCOPY tidy.sh /\nRUN pip install six && /tidy.sh\n",
            refused="a script that it starts removes a folder that would be mounted",
            files={"tidy.sh": "#!/bin/sh -e\nrm -rf /tmp/* $HOME/.cache\n"},
        ),
        Case(
            "FROM python:3.12-slim\nRUN HOME=/tmp pip install --no-cache-dir six\n",
            refused="`HOME=/tmp` keeps a cache elsewhere than where the mount would be",
        ),
        Case(
            "FROM node:20\nRUN npm config set cache /c && npm i -g pm2\n",
            refused="`config set cache /c` keeps a cache elsewhere than where the mount would be",
        ),
        Case(
            "FROM acme/notebook:1\nUSER root\nENV HOME=/root\nRUN pip install six && clean-layer.sh\n",
            refused="`clean-layer.sh` may remove a folder that is mounted",
        ),
        Case(
            "FROM acme/python:3\nUSER root\nENV HOME=/root\nRUN pip install six && xinfo python --clean-cache\n",
            refused="`xinfo` may remove a folder that is mounted",
        ),
        Case(
            "FROM alpine:3.20 AS certificates\nARG GOARCH\nRUN apk add --no-cache --arch=${GOARCH} ca-certificates\n"
            "FROM scratch\nCOPY --from=certificates /etc/ssl /etc/ssl\n",
            refused="`--arch=${GOARCH}` installs for another system than the image, whose cache must not be the same",
        ),
        Case(
            "FROM jupyter/base-notebook\nUSER root\nRUN pip install --no-cache-dir six\nUSER 1000\n",
            refused="the base is made for another user, and may have set HOME, where root then caches, to its home",
        ),
        Case(
            "FROM acme/base:1\nUSER worker\nRUN pip install six\n",
            refused="the home and numbers of user `worker` are not known, so the cache's place is not either",
        ),
        Case(
            "FROM python:3.12-slim\nRUN useradd -m -u 1000 app\nUSER app\nRUN pip install six\nRUN mkdir ~/.cache/a\n",
            refused="`/home/app/.cache` above the mount would be root's, and others may write there",
        ),
        Case(
            "FROM python:3.12-slim\nRUN <<EOF\npip install --no-cache-dir six\nEOF\n",
            refused="`--no-cache-dir` switches the cache off, and stands in a heredoc, whose body is never rewritten",
        ),
        Case(
            "FROM debian:12\nRUN apt-get update && apt-get install -y jq && \\\n    # Small.\n    apt-get clean && true\n",
            refused="`apt-get clean` empties the cache in the same instruction, and cannot leave its place",
        ),
        Case(
            "FROM python:3.12-slim AS b\nRUN pip install six\nFROM python:3.12-slim\nCOPY --from=b /root/.cache /c\n",
            refused="`/root/.cache` is copied out of the stage, and a mounted cache would not be there",
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            wanted = facts.fleet.policy.cache_mounts
            for manager, runs in _unmounted(facts, stage).items():
                if wanted and manager.name not in wanted:
                    continue
                outcome = _fix(facts, stage, manager, runs)
                for run in (run for run, _ in runs if not _only_itself(run)):
                    message = f"`{manager.name}` installs without a cache mount, so every rebuild downloads all of it again"
                    yield self.finding(facts, run.instruction.keyword_span, message, outcome)


def _only_itself(run: Run) -> bool:
    """Whether a RUN installs nothing but the manager and its tools, which another rule says to leave out."""
    packages = [package for install in run.installs for package in install.packages]
    names = {re.split(r"[=<>~!\[@]", package)[0] for package in packages}
    return bool(names) and names <= {"pip", "setuptools", "wheel", "npm"}


_Placed = tuple[Run, CachePlace | UnknownPlace]


def _unmounted(facts: Facts, stage: Stage) -> dict[Manager, list[_Placed]]:
    found: dict[Manager, list[_Placed]] = {}
    for run in stage.runs:
        for manager in dict.fromkeys(install.manager for install in run.installs):
            place = cache_place(facts, stage, run, manager)
            mounted = isinstance(place, CachePlace) and all(covers(run.cache_targets(), each) for each in place.targets)
            if not mounted:
                found.setdefault(manager, []).append((run, place))
    # A mount that seems meant for the manager but is at the wrong place belongs to another rule, and so does its group.
    return {m: runs for m, runs in found.items() if not any(_mounted_elsewhere(run, m) for run, _ in runs)}


def _mounted_elsewhere(run: Run, manager: Manager) -> bool:
    leaves = {cache.path.rpartition("/")[2] for cache in manager.caches}
    own = any(install.manager is manager for install in run.installs)
    return own and any(target.rpartition("/")[2] in leaves for target in run.cache_targets())


def _fix(facts: Facts, stage: Stage, manager: Manager, runs: list[_Placed]) -> Fix | Refusal:
    apart = per_platform(facts, stage, manager)
    edits: list[Edit] = [_architecture(facts, stage)] if apart and not _has_architecture(stage, runs[0][0]) else []
    removed: list[str] = []
    for run, place in runs:
        if isinstance(place, UnknownPlace):
            return Refusal(place.reason)
        obstacle = mount_obstacle(facts, stage, run, place) or _kept_empty(facts.dockerfile, run, place)
        if obstacle:
            return Refusal(obstacle)
        wanted = [flag for flag in place.flags(per_platform=apart) if not _has(run, flag)]
        edits.append(_mount_edit(facts.dockerfile, run.instruction, wanted))
        removed.extend(f"{target}/**" for target in place.targets)
    effects = Effects(removes=tuple(dict.fromkeys(removed)), changes=_mount_points(removed))
    return Fix(f"mount {manager.name}'s cache", tuple(edits), effects=effects)


def _kept_empty(file: Dockerfile, run: Run, place: CachePlace) -> str | None:
    """What would keep the mounted cache empty and cannot be taken out, so that the mount would be for nothing."""
    manager = place.manager
    installs = [install.command for install in run.installs if install.manager is manager]
    flag = next((word for each in installs for word in each.words if word in manager.no_cache_flags), None)
    if flag and run.instruction.heredocs:
        return f"`{flag}` switches the cache off, and stands in a heredoc, whose body is never rewritten"
    purges = [each for each in run.script.commands if empties_cache(manager, each)]
    purges = [each for each in purges if each not in installs]
    if not purges:
        return None
    targets = [*run.cache_targets(), *place.targets]
    leaving = [*purges, *(each for each in run.commands("rm") if _is_all_within(each, targets))]
    if names_what_is_mounted(run, targets, [*leaving, *installs]) or removal_edits(file, run, leaving) is None:
        return f"`{' '.join(purges[0].words)}` empties the cache in the same instruction, and cannot leave its place"
    return None


def _is_all_within(removal: Command, targets: list[str]) -> bool:
    return all(covers(targets, word.rstrip("/*")) for word in removal.words[1:] if not word.startswith("-"))


def _has_architecture(stage: Stage, first: Run) -> bool:
    """Whether the stage declares the architecture before it is needed in an id."""
    earlier = stage.instructions[: first.index]
    return "TARGETARCH" in {word.raw.partition("=")[0] for i in earlier if i.keyword == "ARG" for word in i.words}


def _architecture(facts: Facts, stage: Stage) -> Edit:
    return Edit.insert(stage.instructions[0].span.end, f"ARG TARGETARCH{facts.dockerfile.source.newline}")


def _mount_points(targets: list[str]) -> tuple[str, ...]:
    """The cache folder and its parent: the mount leaves or removes them as empty folders."""
    folders = [target.removesuffix("/**") for target in targets]
    return tuple(dict.fromkeys([*folders, *(folder.rpartition("/")[0] for folder in folders)]))


def _has(run: Run, flag: str) -> bool:
    target = flag.partition("target=")[2].partition(",")[0]
    return covers(run.cache_targets(), target)


def _mount_edit(file: Dockerfile, instruction: Instruction, flags: list[str]) -> Edit:
    """An edit that puts flags, a line each, before a RUN's arguments."""
    newline = file.source.newline
    heredoc = bool(instruction.heredocs)
    separator = " " if heredoc else f" {file.escape}{newline}    "
    offset = instruction.logical.source_offset(instruction.arguments_start)
    return Edit.insert(offset, "".join(flag + separator for flag in flags))
