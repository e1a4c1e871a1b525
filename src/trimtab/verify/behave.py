"""Starting an image the way its service does, alone, and watching it."""

import json
import re
import shlex
import signal
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import anyio

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.docker.sockets import listening
from trimtab.fleet import Service
from trimtab.fleet.plain import items
from trimtab.verify.evidence import Answer, Behaviour, Difference, Stop
from trimtab.verify.probes import ask, urls_to_ask

WATCH_SECONDS = 30.0
"""How long a service may take to become ready when its health check names no longer start period."""
_SETTLE_SECONDS = 3.0
"""A service without a health check counts as running when it has stayed up this long."""
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10.0
"""Docker's own default."""
_LONGEST_GRACE = 20.0
"""Longer grace periods are cut here: a service that needs more ends the same way before and after."""
_CLEAN_ENDS = frozenset({0, 143})
"""143 is the end by SIGTERM itself."""
LOGGED = "error in its log"
"""What differs where only one of two has logged an error."""
_ERROR = re.compile(r"\b(?:error|exception|traceback|fatal|panic|critical|segmentation fault)\b", re.IGNORECASE)
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|\d+")


@dataclass(frozen=True)
class StartOptions:
    """How a service's container is started and asked."""

    environment: Mapping[str, str]
    service: Service | None
    placement: argv.Placement = field(default_factory=argv.Placement)
    checks: tuple[str, ...] = ()
    """Texts of the image's own health checks, for the addresses that they name."""
    smoke: tuple[str, ...] | None = None
    """The user's own check, run inside."""
    company: tuple[str, ...] = ()
    asker: str | None = None
    """An image whose programs may ask where the service's own image has nothing that can: the original's."""
    at_least: float = 0.0
    """Seconds that pass from its start until it is asked to end, if it is ready sooner."""


def start_options(service: Service | None, others: Sequence[Service]) -> StartOptions:
    """Options for one service. The names of the others resolve, to nothing that answers."""
    if service is None:
        return StartOptions({}, None)
    environment = {name: value for name, value in service.environment.items() if value is not None}
    hosts = tuple(sorted({other.name for other in others if other.origin == service.origin and other.name != service.name}))
    return StartOptions(environment, service, argv.Placement(hosts=hosts, tmpfs=service.tmpfs, walls=_walls(service)))


def _walls(service: Service) -> tuple[str, ...]:
    def listed(key: str) -> list[str]:
        return [str(item) for item in items(service.body.get(key))]

    init = service.body.get("init") is True
    return argv.walls(security=listed("security_opt"), drop=listed("cap_drop"), add=listed("cap_add"), init=init)


def start_command(image: str, run: str, options: StartOptions) -> argv.Command:
    """The command that starts an image as its service would be started."""
    service = options.service
    if service is None:
        return argv.start(image=image, run=run, placement=options.placement, health=_health_flags(None))
    entrypoint, arguments = _invocation(service)
    return argv.start(
        image=image, run=run, placement=options.placement, environment=options.environment, user=service.user,
        workdir=service.working_dir, read_only=service.read_only, memory=service.memory_limit, cpus=service.cpu_limit,
        stop_signal=service.stop_signal, health=_health_flags(service), entrypoint=entrypoint, arguments=arguments,
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


def _why(stderr: str) -> str:
    """The last line of what the client said that is no hint: behind the reason it advises to ask for help."""
    lines = [
        line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith(("Run 'docker", "See 'docker"))
    ]
    return lines[-1].removeprefix("docker: ").removeprefix("Error response from daemon: ")[:200] if lines else ""


async def observe(runner: Runner, image: str, run: str, options: StartOptions) -> Behaviour:
    """Start an image, wait until it is ready or clearly will not be, ask it, stop it, and remove it."""
    started = time.monotonic()
    done = await runner.run(start_command(image, run, options))
    if done.code != 0:
        # Removed by label at the end of the run: the client gives no id for a container that did not start.
        return Behaviour("does not start", None, None, None, _why(done.stderr))
    container = done.text.splitlines()[-1]
    try:
        state = await settled(runner, container, started)
        ready = time.monotonic() - started if state in {"healthy", "running"} else None
        words = "" if ready is not None else await _last_words(runner, container)
        seen = Behaviour(state, ready, None, None, words, company=options.company)
        if not state.startswith("exited"):
            seen = await _asked(runner, container, run, seen, options, started)
        return replace(seen, errors=await _errors(runner, container))
    finally:
        with anyio.CancelScope(shield=True):
            await runner.run(argv.remove(container))


async def _asked(runner: Runner, container: str, run: str, seen: Behaviour, options: StartOptions, started: float) -> Behaviour:
    """What a living container answers, and how it ends."""
    ports = await _ports(runner, container)
    status = (await runner.run(argv.execute(container, "cat", "/proc/1/status"))).text
    user = re.search(r"^Uid:\s+\d+\s+(\d+)", status, re.MULTILINE)
    urls = urls_to_ask(ports or (), options.service, options.checks) if seen.works else []
    answers = await ask(runner, container, urls, run, options.asker) if urls else ()
    smoke = None
    if options.smoke and seen.works:
        smoke = (await runner.run(argv.execute(container, *options.smoke), timeout=120)).code
    await anyio.sleep(max(0.0, started + options.at_least - time.monotonic()))
    watched = round(time.monotonic() - started, 2)
    stop = await _stopped(runner, container, status, options.service)
    who = user[1] if user else None
    return replace(seen, ports=ports, user=who, answers=answers, smoke=smoke, stop=stop, watched_seconds=watched)


async def _stopped(runner: Runner, container: str, status: str, service: Service | None) -> Stop:
    """Ask a container to end. Where process 1 cannot receive the signal, that is known before."""
    data = json.loads((await runner.run(argv.inspect(container))).checked().stdout)[0]
    config = cast("Mapping[str, str]", data["Config"])
    caught = re.search(r"^SigCgt:\s+([0-9a-f]+)", status, re.MULTILINE)
    number = _signal_number(config.get("StopSignal") or "SIGTERM")
    if caught and number and number != signal.SIGKILL and not int(caught[1], 16) >> (number - 1) & 1:
        return Stop(None, None, ignored=True)
    grace = service.stop_grace_period if service and service.stop_grace_period is not None else _GRACE_SECONDS
    started = time.monotonic()
    await runner.run(argv.stop(container, min(grace, _LONGEST_GRACE)))
    seconds = time.monotonic() - started
    data = json.loads((await runner.run(argv.inspect(container))).checked().stdout)[0]
    return Stop(round(seconds, 2), cast("Mapping[str, int]", data["State"]).get("ExitCode", 0))


def _signal_number(name: str) -> int | None:
    if name.isdigit():
        return int(name)
    full = name if name.startswith("SIG") else f"SIG{name}"
    return next((int(each) for each in signal.Signals if each.name == full), None)


async def _errors(runner: Runner, container: str) -> tuple[str, ...]:
    result = await runner.run(argv.logs(container))
    lines = (line for line in (result.text + "\n" + result.stderr).splitlines() if _ERROR.search(line))
    return tuple(sorted({_VARYING.sub("#", line).strip()[:160] for line in lines}))[:20]


async def settled(runner: Runner, container: str, started: float) -> str:
    """Wait until a container has ended, is healthy, or has had time enough; its state in one word."""
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
    return tuple(f"tcp/{port}" for port in sorted(listening(result.text)))


async def _last_words(runner: Runner, container: str) -> str:
    result = await runner.run(argv.logs(container))
    lines = [line.strip() for line in (result.text + "\n" + result.stderr).splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


def compare_behaviours(before: Behaviour, after: Behaviour, declared: Collection[str]) -> list[Difference]:
    """What differs in how two images behaved; `declared` are the keys of the configuration that may differ."""
    found: list[Difference] = []
    if before.state != after.state:
        words = f" ({after.last_words})" if after.last_words else ""
        checked = "Healthcheck" in declared and (before.state, after.state) == ("running", "healthy")
        found.append(Difference("state when started", before.state, after.state + words, "declared" if checked else ""))
    if before.ports is not None and before.ports != after.ports:
        found.append(Difference("ports listened on", _listed(before.ports), _listed(after.ports)))
    if before.user != after.user and before.user is not None:
        found.append(Difference("user of process 1", before.user, str(after.user), "declared" if "User" in declared else ""))
    return [*found, *_answers(before, after), *_end(before, after), *_logged(before, after)]


def _answers(before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    if before.answers is None or not after.works:
        return
    if after.answers is None:
        yield Difference("answers", f"{len(before.answers)} given", "nothing in the image can ask for them")
        return
    new = {answer.url: answer for answer in after.answers}
    for old in before.answers:
        now = new.get(old.url, Answer(old.url, "not asked"))
        if (old.status, old.content_type) != (now.status, now.content_type):
            yield Difference(f"answer of {old.url}", f"{old.status} {old.content_type}", f"{now.status} {now.content_type}")


def _end(before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    """A container that was killed may end well now; the other way round is a loss."""
    if before.smoke is not None and before.smoke != after.smoke:
        yield Difference("smoke command", f"exit {before.smoke}", f"exit {after.smoke}")
    if before.stop is None or after.stop is None or before.stop.code == after.stop.code:
        return
    if not before.stop.killed and (after.stop.killed or after.stop.code not in _CLEAN_ENDS):
        yield Difference("end on the stop signal", before.stop.text, after.stop.text)


def _logged(before: Behaviour, after: Behaviour) -> Iterator[Difference]:
    for line in after.errors:
        if line not in before.errors:
            yield Difference(LOGGED, "not there", line)


def _listed(ports: tuple[str, ...] | None) -> str:
    return "unknown" if ports is None else ", ".join(ports) or "none"
