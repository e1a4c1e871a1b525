"""Waiting until a new container is good, or known not to be."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio

from trimtab.deploy.site import Checks, Site
from trimtab.docker.command import execute, logs
from trimtab.docker.containers import Container
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.redact import Redactor, secret_values

_LOOK = 0.2
"""Seconds between two looks. The engine answers one in some 20 ms, the client that carries it takes as long."""
_SMOKE = 60.0
_DEFAULTS = {"Interval": 30.0, "Timeout": 30.0, "StartPeriod": 0.0, "Retries": 3}
"""What the engine takes where a health check does not say (moby's `daemon/health.go`)."""
_MARGIN = 10.0
_TAIL = 20


@dataclass(frozen=True, slots=True)
class Good:
    """It is ready."""

    seconds: float
    """From the beginning of the wait until it was ready."""
    seen: str
    """What was seen, as it may be said."""
    passed: bool | None = None
    """Whether a health or smoke check says so; None where there is none."""


@dataclass(frozen=True, slots=True)
class Bad:
    """It is not, and will not be."""

    reason: str
    tail: str = ""
    """The last lines that it printed, without the credentials that are known: for the terminal, and nothing that is kept."""
    passed: bool | None = None
    """False where a health or smoke check says so; None where there is none, or none was waited for."""


async def until_good(site: Site, name: str, service: str, *, bake: bool = True) -> Good | Bad:
    """Wait until a container is healthy, passes its smoke check, and stays so for the bake time."""
    found = await _until_ready(site, name)
    if isinstance(found, Good) and (argv := site.checks.smoke.get(service)):
        found = await _smoke(site, name, argv) or replace(found, seen=f"{found.seen}, smoke check passed", passed=True)
    if isinstance(found, Good) and bake and site.checks.bake:
        found = await _bake(site, name) or replace(found, seen=f"{found.seen}, good for {site.checks.bake:g} s")
    if isinstance(found, Bad):
        return replace(found, tail=await _tail(site, name))
    return found


async def until_ended(site: Site, name: str) -> Good | Bad:
    """Wait until a job has ended, and say whether it ended well."""
    began = time.monotonic()
    limit = site.checks.timeout or 3600.0
    while time.monotonic() - began < limit:
        container = await site.containers.find(name)
        if container is None:
            return Bad("its container is gone")
        if container.state in {"exited", "dead"}:
            well = container.exit_code == 0
            return Good(time.monotonic() - began, "ended with 0") if well else Bad(_ended(container), await _tail(site, name))
        await anyio.sleep(_LOOK)
    return Bad(f"it did not end within {limit:g} s", await _tail(site, name))


async def _until_ready(site: Site, name: str) -> Good | Bad:
    began = time.monotonic()
    while True:
        container = await site.containers.find(name)
        waited = time.monotonic() - began
        if container is None:
            return Bad("its container is gone")
        if failed := _failed(container):
            return Bad(failed, passed=_asked(container))
        if container.health == "healthy":
            return Good(waited, "healthy", passed=True)
        if container.health is None and waited >= site.checks.settle:
            return Good(waited, f"has no health check, ran for {waited:.0f} s")
        limit = allowance(container, site.checks)
        if container.health is not None and waited > limit:
            return Bad(f"it was not healthy within {limit:.0f} s", passed=False)
        # What takes longer is looked at less often: with many services at once, the looks themselves cost a core.
        await anyio.sleep(min(1.0, max(_LOOK, waited / 10)))


def _failed(container: Container) -> str | None:
    if container.state in {"exited", "dead", "restarting"} or container.restarts:
        return _ended(container)
    return "its health check says unhealthy" if container.health == "unhealthy" else None


def _asked(container: Container) -> bool | None:
    """What a container that failed says of its health check: it did not pass, or there is none."""
    return None if container.health is None else False


def _ended(container: Container) -> str:
    killed = ", killed for want of memory" if container.oom_killed else ""
    times = "once" if container.restarts == 1 else f"{container.restarts} times"
    again = f", and was started again {times}" if container.restarts else ""
    # Of a container that runs again, the engine does not tell any more what it ended with.
    code = "" if container.running else f" with {container.exit_code}"
    return f"it ended{code}{killed}{again}"


def allowance(container: Container, checks: Checks) -> float:
    """Seconds after which a container that is not healthy yet never will be by its own health check's settings."""
    if checks.timeout is not None:
        return checks.timeout
    check = mapping(mapping(container.body.get("Config")).get("Healthcheck"))
    values = {key: _number(check.get(key)) / (1 if key == "Retries" else 1e9) or default for key, default in _DEFAULTS.items()}
    return values["StartPeriod"] + (values["Interval"] + values["Timeout"]) * values["Retries"] + _MARGIN


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


async def _smoke(site: Site, name: str, argv: Sequence[str]) -> Bad | None:
    try:
        done = await site.runner.run(execute(name, *argv), timeout=_SMOKE)
    except TimeoutError:
        return Bad(f"its smoke check did not end within {_SMOKE:g} s", passed=False)
    return None if done.code == 0 else Bad(f"its smoke check ended with {done.code}", passed=False)


async def _bake(site: Site, name: str) -> Bad | None:
    with anyio.move_on_after(site.checks.bake):
        return await until_bad(site, name)
    return None


async def until_bad(site: Site, name: str) -> Bad:
    """Look at a container that was good until it is not any more, for ever if need be."""
    while (found := await no_more_good(site, name)) is None:
        await anyio.sleep(_LOOK)
    return found


async def no_more_good(site: Site, name: str) -> Bad | None:
    """Whether a container that was good still is: None, or why not."""
    container = await site.containers.find(name)
    if container is None:
        return Bad("after it was ready: its container is gone")
    failed = _failed(container)
    return Bad(f"after it was ready: {failed}", await _tail(site, name), _asked(container)) if failed else None


async def _tail(site: Site, name: str) -> str:
    """The end of what a container printed, without the credentials of its environment."""
    container = await site.containers.find(name)
    if container is None:
        return ""
    done = await site.runner.run(logs(name), timeout=30)
    pairs = (str(each).partition("=") for each in items(mapping(container.body.get("Config")).get("Env")))
    hidden = Redactor(secret_values({key: value for key, _, value in pairs}))
    lines = [*done.text.splitlines(), *done.stderr.splitlines()]
    return hidden.text("\n".join(lines[-_TAIL:]))
