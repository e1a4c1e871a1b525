"""Starting an image the way its service does, alone, and watching it."""

import json
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.fleet import Service
from trimtab.verify.evidence import Behaviour, Difference

WATCH_SECONDS = 30.0
"""How long a service may take to become ready when its health check names no longer start period."""
_SETTLE_SECONDS = 3.0
"""A service without a health check counts as running when it has stayed up this long."""
_POLL_SECONDS = 0.2
_LISTENING = "0A"

_LIBRARIES = (
    "command -v ldd >/dev/null || exit 9; find / -xdev -type f \\( -name '*.so' -o -name '*.so.*' -o -path '*/bin/*' \\)"
    ' 2>/dev/null | while read -r f; do ldd "$f" 2>/dev/null | grep \'not found\' | sed "s|^|$f:|"; done; exit 0'
)


@dataclass(frozen=True)
class StartOptions:
    """What the service's compose file says about how its container runs."""

    environment: Mapping[str, str]
    hosts: tuple[str, ...]
    service: Service | None


def start_options(service: Service | None, others: Sequence[Service]) -> StartOptions:
    """Options for one service. The names of the others resolve, to nothing that answers."""
    if service is None:
        return StartOptions({}, (), None)
    environment = {name: value for name, value in service.environment.items() if value is not None}
    hosts = tuple(sorted({other.name for other in others if other.origin == service.origin and other.name != service.name}))
    return StartOptions(environment, hosts, service)


def start_command(image: str, run: str, options: StartOptions) -> argv.Command:
    """The command that starts an image as its service would be started."""
    service = options.service
    if service is None:
        return argv.start(image=image, run=run, health=_health_flags(None))
    entrypoint, arguments = _invocation(service)
    return argv.start(
        image=image, run=run, environment=options.environment, hosts=options.hosts, user=service.user,
        workdir=service.working_dir, volumes=service.volumes, tmpfs=service.tmpfs, read_only=service.read_only,
        memory=service.memory_limit, health=_health_flags(service), entrypoint=entrypoint, arguments=arguments,
    )  # fmt: skip


def _invocation(service: Service) -> tuple[str | None, tuple[str, ...]]:
    command = (service.command,) if isinstance(service.command, str) else service.command or ()
    entrypoint = (service.entrypoint,) if isinstance(service.entrypoint, str) else service.entrypoint
    if entrypoint is None:
        return None, command
    return (entrypoint[0] if entrypoint else ""), (*entrypoint[1:], *command)


def _health_flags(service: Service | None) -> tuple[str, ...]:
    """The service's own check, asked every second so that readiness is seen when it comes."""
    check = service.healthcheck if service else None
    pace = ("--health-interval", "1s", "--health-retries", "3", "--health-start-period", f"{WATCH_SECONDS:.0f}s",
            "--health-start-interval", "1s")  # fmt: skip
    if check is None:
        return pace
    if check.disabled:
        return ("--no-healthcheck",)
    timeout = ("--health-timeout", f"{check.timeout:.0f}s") if check.timeout and check.timeout >= 1 else ()
    if not check.test:
        return (*pace, *timeout)
    text = check.test[1] if check.test[0] == "CMD-SHELL" and len(check.test) > 1 else shlex.join(check.test[1:])
    return ("--health-cmd", text.replace("$$", "$"), *pace, *timeout)


async def observe(runner: Runner, image: str, run: str, options: StartOptions) -> Behaviour:
    """Start an image, wait until it is ready or clearly will not be, note what it does, and remove it."""
    started = time.monotonic()
    done = await runner.run(start_command(image, run, options))
    if done.code != 0:
        # Removed by label at the end of the run: the client gives no id for a container that did not start.
        return Behaviour("does not start", None, None, None, done.stderr.strip().splitlines()[-1][:200] if done.stderr else "")
    container = done.text.splitlines()[-1]
    try:
        state = await _settled(runner, container, started)
        ready = time.monotonic() - started if state in {"healthy", "running"} else None
        alive = not state.startswith("exited")
        ports = await _ports(runner, container) if alive else ()
        user = await _user(runner, container) if alive else None
        words = "" if ready is not None else await _last_words(runner, container)
        return Behaviour(state, ready, ports, user, words)
    finally:
        with anyio.CancelScope(shield=True):
            await runner.run(argv.remove(container))


async def _settled(runner: Runner, container: str, started: float) -> str:
    while True:
        state, health = await _state(runner, container)
        waited = time.monotonic() - started
        if state.startswith("exited") or health == "healthy":
            return state if state.startswith("exited") else "healthy"
        if health is None and waited >= _SETTLE_SECONDS:
            return "running"
        if health == "unhealthy" or waited >= WATCH_SECONDS:
            return "unhealthy"
        await anyio.sleep(_POLL_SECONDS)


async def _state(runner: Runner, container: str) -> tuple[str, str | None]:
    data = json.loads((await runner.run(argv.inspect(container))).checked().stdout)[0]
    state = cast("Mapping[str, object]", data["State"])
    if not state.get("Running"):
        return f"exited {state.get('ExitCode')}", None
    health = cast("Mapping[str, object] | None", state.get("Health"))
    return "running", str(health["Status"]) if health else None


async def _ports(runner: Runner, container: str) -> tuple[str, ...] | None:
    """Listening TCP sockets from the kernel's own table; `cat` has to be in the image."""
    result = await runner.run(argv.execute(container, "cat", "/proc/net/tcp", "/proc/net/tcp6"))
    if not result.stdout:
        return None
    ports: set[int] = set()
    for line in result.text.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTENING and ":" in fields[1]:
            ports.add(int(fields[1].rpartition(":")[2], 16))
    return tuple(f"tcp/{port}" for port in sorted(ports))


async def _user(runner: Runner, container: str) -> str | None:
    result = await runner.run(argv.execute(container, "cat", "/proc/1/status"))
    match = re.search(r"^Uid:\s+\d+\s+(\d+)", result.text, re.MULTILINE)
    return match[1] if match else None


async def _last_words(runner: Runner, container: str) -> str:
    result = await runner.run(argv.logs(container))
    lines = [line.strip() for line in (result.text + "\n" + result.stderr).splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def compare_behaviours(before: Behaviour, after: Behaviour, *, user_may_change: bool) -> list[Difference]:
    """What differs in how two images behaved."""
    found: list[Difference] = []
    if before.state != after.state:
        words = f" ({after.last_words})" if after.last_words else ""
        found.append(Difference("state when started", before.state, after.state + words))
    if before.ports is not None and before.ports != after.ports:
        found.append(Difference("ports listened on", _listed(before.ports), _listed(after.ports)))
    if before.user != after.user and before.user is not None:
        found.append(Difference("user of process 1", before.user, str(after.user), "declared" if user_may_change else ""))
    return found


def _listed(ports: tuple[str, ...] | None) -> str:
    return "unknown" if ports is None else ", ".join(ports) or "none"


async def missing_libraries(runner: Runner, image: str, run: str) -> frozenset[str] | None:
    """Shared libraries that programs of an image ask for and do not find; None when the image has no `ldd`."""
    result = await runner.run(argv.run_once(image, run, entrypoint="sh", arguments=("-c", _LIBRARIES)))
    if result.code != 0:
        return None
    lines = (line for line in result.text.splitlines() if "not found" in line)
    return frozenset(line.partition("=>")[0].strip() for line in lines)
