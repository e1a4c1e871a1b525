"""Kubernetes probes from a compose health check.

An unhealthy container stays as it is under compose; it is only waited for. A readiness probe is that: traffic comes when it
passes.
A liveness probe restarts, which compose never does, and is therefore made only where it is asked for.
"""

import math
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import urlsplit

from trimtab.deploy.targets.manifest import filled
from trimtab.deploy.targets.reading import Reading
from trimtab.fleet.compose.service import duration
from trimtab.fleet.plain import mapping

INTERVAL, TIMEOUT, RETRIES, START_INTERVAL = 30.0, 30.0, 3, 5.0
"""The engine's own values where a check says nothing (Dockerfile reference, `HEALTHCHECK`)."""
_LOCAL = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104  as a health check names it
_QUIET = re.compile(r"\s*(?:&>|\d?>>?)\s*(?:/dev/null|&\d)")
_FAILS = re.compile(r"\s*\|\|\s*(?:exit\s+1|false)\s*;?\s*$")
_SHELL = re.compile(r"[$`|&;<>(){}*?\n]")
_QUOTED = re.compile(r"'[^']*'|\"[^\"$`\\]*\"")
_SHORT = {"curl": ("fsSkLI46v", "mo"), "wget": ("qSv46n", "OtT")}
_LONG = {
    "curl": (
        {"fail", "fail-with-body", "silent", "show-error", "location", "insecure", "head", "no-progress-meter"},
        {"max-time", "connect-timeout", "output", "retry", "retry-delay"},
    ),
    "wget": ({"spider", "quiet", "no-verbose", "no-check-certificate"}, {"tries", "timeout", "output-document"}),
}
"""Options without and with a value that change nothing about what is asked."""


def probes(check: Reading, reached: Collection[int], *, liveness: bool) -> dict[str, object]:
    """The probes of a container, all of them asking what its health check asks; none for a check that is off.

    Numbers are whole seconds, rounded up, and at least 1, as Kubernetes wants them. While a container starts, the startup probe
    asks every `start_interval`, and gives up no sooner than the engine would call the container unhealthy:
    `start_period + retries * interval` after its start.
    """
    test = [str(word) for word in check.texts("test")]
    off = check.take("disable") is True or test[:1] == ["NONE"]
    times = {key: duration(check.take(key)) for key in ("interval", "timeout", "start_period", "start_interval")}
    retries = check.number("retries") or RETRIES
    if off or not test:
        return {}
    interval = times["interval"] or INTERVAL
    action = _action(check, test, reached)
    limit = {"timeoutSeconds": _whole(times["timeout"] or TIMEOUT)}
    asks = {**action, "periodSeconds": _whole(interval), **limit, "failureThreshold": retries}
    start = None
    if times["start_period"]:
        pace = _whole(times["start_interval"] or START_INTERVAL)
        start = {**action, "periodSeconds": pace, **limit,
                 "failureThreshold": start_failures(times["start_period"], interval, retries, pace)}  # fmt: skip
    for key, value in times.items():
        if value and value != math.ceil(value):
            check.approximated(key, f"Kubernetes counts whole seconds: {value:g} s became {_whole(value)} s.")
    return filled({"startupProbe": start, "readinessProbe": asks, "livenessProbe": dict(asks) if liveness else None})


def start_failures(start_period: float, interval: float, retries: int, pace: int) -> int:
    """How many failures in a row a startup probe has to see.

    The n-th probe comes n - 1 periods after the first, so that the last of them must not come before the budget is spent.
    """
    return math.ceil((start_period + retries * interval) / pace) + 1


def start_budget(found: Mapping[str, object]) -> int:
    """The seconds that a container has to start by its startup probe; 0 without one."""
    probe = mapping(found.get("startupProbe"))
    return int(str(probe.get("periodSeconds", 0))) * int(str(probe.get("failureThreshold", 0)))


def _whole(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def _action(check: Reading, test: Sequence[str], reached: Collection[int]) -> dict[str, object]:
    kind, words = (test[0], list(test[1:])) if test[0] in {"CMD", "CMD-SHELL"} else ("CMD-SHELL", [" ".join(test)])
    asked = http_get(" ".join(words) if kind == "CMD-SHELL" else shlex.join(words), shell=kind == "CMD-SHELL")
    if asked is None:
        return {"exec": {"command": ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words}}
    if asked["port"] in reached:
        return {"httpGet": asked}
    check.approximated(
        "test",
        f"It asks port {asked['port']} from inside and stays a command: nothing says that the port is open to others as well.",
        "Name the port under `expose`, and the export asks it over HTTP, which needs no program in the image.",
    )
    return {"exec": {"command": ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words}}


def http_get(command: str, *, shell: bool) -> dict[str, object] | None:
    """What `curl` or `wget` asks of the container itself, as `httpGet`; None where the command says more than that.

    `curl` counts only with `--fail`: without, it is content with any answer, and a probe is not.
    """
    plain = _FAILS.sub("", _QUIET.sub("", command)) if shell else command
    if shell and _SHELL.search(_QUOTED.sub("", plain)):
        return None
    try:
        words = shlex.split(plain)
        tool = words[0].rpartition("/")[2] if words else ""
        read = _options(tool, words[1:]) if tool in _SHORT else None
        parts = urlsplit(read[1]) if read is not None else None
        if read is None or parts is None or parts.scheme not in {"http", "https"} or parts.hostname not in _LOCAL:
            return None
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    options = read[0]
    lenient = tool == "curl" and not options & {"f", "fail", "fail-with-body"}
    verified = parts.scheme == "https" and not options & {"k", "insecure", "no-check-certificate"}
    if lenient or verified or parts.username is not None:
        return None
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    return filled({"path": path, "port": port, "scheme": "HTTPS" if parts.scheme == "https" else None})


def _options(tool: str, words: Sequence[str]) -> tuple[set[str], str] | None:
    """The options that are set, and the one address; None where there is anything else."""
    found, operands, rest = set[str](), list[str](), list(words)
    while rest:
        word = rest.pop(0)
        if word.startswith("--"):
            used = _long(tool, word[2:], found)
        elif word.startswith("-") and len(word) > 1:
            used = _short(tool, word[1:], found)
        else:
            operands.append(word)
            continue
        if used is None or (used and not rest):
            return None
        rest = rest[used:]
    return (found, operands[0]) if len(operands) == 1 else None


def _long(tool: str, word: str, found: set[str]) -> int | None:
    """How many of the next words an option takes; None for one that is not known."""
    name, equals, _ = word.partition("=")
    plain, valued = _LONG[tool]
    found.add(name)
    if name in plain:
        return None if equals else 0
    return (0 if equals else 1) if name in valued else None


def _short(tool: str, letters: str, found: set[str]) -> int | None:
    plain, valued = _SHORT[tool]
    for number, letter in enumerate(letters):
        if letter in valued:
            return 0 if letters[number + 1 :] else 1
        if letter not in plain:
            return None
        found.add(letter)
    return 0
