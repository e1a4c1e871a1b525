"""Run the command lines that container plans are written in, and write docs/guides/plan.md with what each of them prints.

    scripts/with-engine .venv/bin/python scripts/plan_lines.py [FOLDER]

The lines are those of plans for `python -m tapps_agents.cli`, with `trimtab` in its place. They run one after the other on four
services of the example fleet, in a repository of its own below FOLDER; what a line changes is committed before the next one.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/guides/plan.md"
_COLUMNS, _LINES = 110, 16
_SERVICES = ("catalog", "gateway", "orders", "store")
_COMPOSE = """\
name: plan

services:
  catalog:
    build: {context: ., dockerfile: services/catalog/Dockerfile}
    ports: ["8001:8001"]
    deploy: {resources: {limits: {memory: 256M}}}
  orders:
    build: {context: ., dockerfile: services/orders/Dockerfile}
    depends_on: [store]
  gateway:
    build: services/gateway
    environment: {CATALOG: "http://catalog:8001", ORDERS: "http://orders:8002"}
    ports: ["8080:8080"]
    depends_on: [catalog, orders]
  store:
    build: services/store
    volumes: ["store:/data"]

volumes:
  store: {}
"""
_POWERSHELL = """\
# Builds everything anew and restarts it.
docker compose down
docker compose up -d --build
Start-Sleep -Seconds 30
"""


_HEAD = """\
Plans for fleets of containers are written in lines such as `python -m tapps_agents.cli reviewer review …`. With `trimtab` in
the place of `python -m tapps_agents.cli` each of them works, and does what it says. Below is one such plan on four services of
`examples/shop`, under the file names that plans use. `--quick`, which proves size and behaviour and measures no times, is the
only word that was put in. The two workflows at the end ran on one service. Long lines and long outputs are cut (`…`).
"""
_SOURCE = """\
`scripts/plan_lines.py` ran the lines and wrote this page, last on {:%-d %B %Y}. The base images are the project's own, and
those of the standards are stand-ins: sizes say nothing about official images.
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One command line of a plan."""

    about: str
    text: str
    engine: bool = False
    """Whether it needs an engine, or changes what later lines see."""
    small: bool = False
    """Whether it runs on a fleet of one service: a workflow is every other line at once."""

    @property
    def words(self) -> list[str]:
        """Without `trimtab`."""
        return shlex.split(self.text)[1:]


@dataclass(frozen=True, slots=True)
class Printed:
    """What a line has printed."""

    line: Line
    code: int
    text: str


def _refactor(about: str, files: str, words: str) -> Line:
    return Line(about, f'trimtab implementer refactor {files} "{words}" --quick', engine=True)


LINES = (
    Line(
        "Review all Dockerfiles",
        'trimtab reviewer review --pattern "**/Dockerfile*" --format json --output dockerfile-analysis.json',
    ),
    Line("Review the compose file", "trimtab reviewer review docker-compose.yml"),
    Line("Review the deployment scripts", "trimtab reviewer review scripts/deploy.sh scripts/deploy.ps1"),
    Line("Score all Dockerfiles", 'trimtab reviewer score --pattern "**/Dockerfile*"'),
    Line(
        "Allocate resources",
        'trimtab architect design-system "Design optimal resource allocation strategy for 30+ microservices in'
        ' docker-compose.yml. Consider: memory limits, CPU limits, resource reservations, and service dependencies."',
    ),
    Line(
        "Design networks",
        'trimtab architect design-system "Optimize Docker network configuration for 30+ microservices. Consider: network'
        ' isolation, service discovery, and performance."',
    ),
    Line(
        "Design a pipeline",
        'trimtab architect design-system "Design CI/CD integration for Docker builds. Include: GitHub Actions workflows, build'
        ' caching, automated testing, and deployment pipelines."',
    ),
    Line(
        "Design monitoring",
        'trimtab architect design-system "Design monitoring and observability strategy for Docker containers. Include:'
        ' container metrics, build metrics, deployment metrics, and alerting."',
    ),
    Line(
        "Plan parallel builds",
        'trimtab planner plan "Create parallel Docker build strategy for 30+ microservices. Identify build dependencies,'
        ' parallelization opportunities, and optimal build order."',
    ),
    Line(
        "Plan deployments",
        'trimtab planner plan "Create optimized deployment workflow for 30+ microservices. Include: zero-downtime deployment,'
        ' health checks, rollback strategies, and deployment validation."',
        engine=True,
    ),
    _refactor(
        "Standardise base images",
        "services/*/Dockerfile",
        "Standardize base images: use python:3.12-alpine for all Python services, node:20-alpine for Node.js services."
        " Ensure consistent versioning.",
    ),
    _refactor(
        "Mount caches",
        "services/*/Dockerfile",
        "Add BuildKit cache mounts for pip and npm installs. Use --mount=type=cache,target=/root/.cache/pip for Python and"
        " --mount=type=cache,target=/root/.npm for Node.js.",
    ),
    _refactor(
        "Order layers",
        "services/*/Dockerfile",
        "Optimize layer ordering: 1) System dependencies, 2) Copy dependency manifests only, 3) Install dependencies, 4) Copy"
        " application code. Ensure dependencies are installed before copying source code.",
    ),
    _refactor(
        "Exclude from build contexts",
        "services/*/.dockerignore",
        "Add comprehensive exclusions: __pycache__/, *.py[cod], .pytest_cache/, docs/, implementation/, *.md, test-reports/,"
        " logs/, *.log, dist/, build/, node_modules/ (if not needed in build).",
    ),
    _refactor(
        "Harden",
        "services/*/Dockerfile",
        "Ensure all services: 1) Use non-root users, 2) Have minimal base images, 3) Remove build dependencies in final stage,"
        " 4) Use specific image tags (not 'latest'), 5) Scan for vulnerabilities.",
    ),
    Line("Scan", "trimtab ops security-scan --target services/ --type all", engine=True),
    Line(
        "Mend the build script",
        'trimtab implementer refactor scripts/deploy.sh "Optimize build script: add parallel builds, implement build caching,'
        ' add progress indicators, improve error handling, and add build time tracking."',
        engine=True,
    ),
    Line(
        "Mend the deployment scripts",
        'trimtab implementer refactor scripts/deploy.sh scripts/deploy.ps1 "Enhance deployment scripts: add health check'
        ' validation, implement graceful shutdown, add rollback support, improve error handling, and add deployment logging."',
        engine=True,
    ),
    Line(
        "Some of it at once",
        'trimtab workflow rapid --prompt "Optimize Docker build process for Shop services" --auto --quick',
        engine=True,
        small=True,
    ),
    Line(
        "All of it",
        'trimtab workflow full --prompt "Optimize Docker containers, build process, and deployment for Shop microservices'
        ' architecture" --auto --quick',
        engine=True,
        small=True,
    ),
)


def prepare(folder: Path) -> Path:
    """Four services of the example fleet under the file names that plans use, in a repository; its folder.

    Raises:
        subprocess.CalledProcessError: git refused.
    """
    fleet = folder / "plan"
    fleet.mkdir()
    for name in _SERVICES:
        shutil.copytree(ROOT / "examples/shop/services" / name, fleet / "services" / name)
    shutil.copytree(ROOT / "examples/shop/scripts", fleet / "scripts")
    (fleet / "scripts/deploy.ps1").write_text(_POWERSHELL)
    (fleet / "docker-compose.yml").write_text(_COMPOSE)
    for name in ("gateway", "store"):
        (fleet / "services" / name / ".dockerignore").write_text("*.log\n")
    (fleet / ".gitignore").write_text("dockerfile-analysis.json\n")
    return _in_git(fleet)


def prepare_small(folder: Path) -> Path:
    """A fleet of one service with a deployment script, in a repository; its folder.

    Raises:
        subprocess.CalledProcessError: git refused.
    """
    fleet = folder / "small"
    (fleet / "api").mkdir(parents=True)
    shutil.copytree(ROOT / "examples/shop/scripts", fleet / "scripts")
    build = "services:\n  api:\n    build: api\n    command: [sleep, infinity]\n    restart: unless-stopped\n"
    (fleet / "compose.yaml").write_text(build)
    (fleet / "api/Dockerfile").write_text(
        "FROM localhost/trimtab/debian:bookworm\nCOPY main.txt /app/\nHEALTHCHECK CMD test -s /app/main.txt\n"
    )
    (fleet / "api/main.txt").write_text("one\n")
    return _in_git(fleet)


def _in_git(fleet: Path) -> Path:
    for words in (("init", "-q", "-b", "main"), ("config", "user.name", "Ada"), ("config", "user.email", "ada@example.org")):
        subprocess.run(["git", *words], cwd=fleet, check=True)
    _commit(fleet, "The fleet")
    return fleet


def run(line: Line, fleet: Path) -> Printed:
    """Run a line as a shell would, patterns put in by trimtab itself, and keep what it says to people and to programs.

    Raises:
        subprocess.CalledProcessError: git refused.
    """
    argv = [sys.executable, "-m", "trimtab", *line.words]
    environment = {**os.environ, "COLUMNS": str(_COLUMNS), "TERM": "dumb"}
    done = subprocess.run(
        argv, cwd=fleet, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )  # fmt: skip
    _commit(fleet, line.about)
    return Printed(line, done.returncode, done.stdout)


def _commit(fleet: Path, message: str) -> None:
    subprocess.run(["git", "add", "-A"], cwd=fleet, check=True)
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", message], cwd=fleet, check=True)


def page(printed: list[Printed], fleets: tuple[Path, ...]) -> str:
    """The document."""
    parts = ["# The command lines of a plan", "", _HEAD, _SOURCE.format(datetime.now(UTC))]
    for each in printed:
        parts += [
            f"## {each.line.about}",
            "",
            "```text",
            f"$ {each.line.text}",
            *_shown(each.text, fleets),
            f"exit {each.code}",
        ]
        parts += ["```", ""]
    return "\n".join(parts)


def _shown(text: str, fleets: tuple[Path, ...]) -> Iterator[str]:
    """The first and the last lines of an output, without what is this machine's alone."""
    for fleet in fleets:
        text = text.replace(str(fleet), fleet.name)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{3,6}", "RUN", text)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    lines = [line if len(line) <= _COLUMNS else f"{line[: _COLUMNS - 1]}…" for line in lines]
    if len(lines) <= 2 * _LINES:
        yield from lines
    else:
        yield from (*lines[:_LINES], "…", *lines[-_LINES:])


def main() -> None:
    """Run everything and write the page."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if sys.argv[1:] else None) as folder:
        fleet, small = prepare(Path(folder)), prepare_small(Path(folder))
        printed: list[Printed] = []
        for line in LINES:
            printed.append(run(line, small if line.small else fleet))
            print(printed[-1].code, line.text[:100], flush=True)
            PAGE.write_text(page(printed, (fleet, small)))


if __name__ == "__main__":
    main()
