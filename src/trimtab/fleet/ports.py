"""The ports that a service listens on, and those that are shown to others."""

import itertools
import re

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Stage
from trimtab.fleet.start import Start, start_of

_DEFAULTS = {
    "uvicorn": 8000,
    "gunicorn": 8000,
    "hypercorn": 8000,
    "daphne": 8000,
    "nginx": 80,
    "streamlit": 8501,
    "http.server": 8000,
}
"""What known servers listen on unless told otherwise."""
_OPTION = re.compile(r"^(?:--(?:port|bind|http-port|server\.port|listen|host)|-p|-b)$")
_WITH_VALUE = re.compile(r"^(?:--(?:port|bind|http-port|server\.port|listen)=|-b=?|-p=?)(?P<value>\S+)$")


def listening_ports(facts: Facts, stage: Stage) -> frozenset[int]:
    """The ports that the start command names, or the server's own; empty where a variable or the code decides."""
    if any(service.command or service.entrypoint for service in facts.file.services):
        return frozenset()
    start = start_of(facts, stage)
    if start is None or not start.literal or any("$" in word for word in start.words):
        return frozenset()
    named = [port for value in _values(start.words) if (port := _port(value)) is not None]
    if named:
        return frozenset(named)
    server = _server(start)
    configured = any(word in {"-c", "--config"} or word.startswith("--config") for word in start.words) or server in {
        "nginx",
        "gunicorn",
    }
    asked = any(re.search(r"(^|_)(PORT|BIND|GUNICORN_CMD_ARGS)$", name) for name in stage.end.env)
    return frozenset({_DEFAULTS[server]}) if server and not configured and not asked else frozenset()


def _server(start: Start) -> str | None:
    words = [word.rpartition("/")[2] for word in start.words]
    if words[:1] and words[0] in _DEFAULTS:
        return words[0]
    return next((after for word, after in itertools.pairwise(words) if word == "-m" and after in _DEFAULTS), None)


def _values(words: tuple[str, ...]) -> list[str]:
    found = [after for word, after in itertools.pairwise(words) if _OPTION.match(word)]
    found += [match["value"] for word in words if (match := _WITH_VALUE.match(word))]
    return found


def _port(value: str) -> int | None:
    digits = value.rpartition(":")[2]
    return int(digits) if digits.isdigit() and 0 < int(digits) < 65536 else None


def served_ports(facts: Facts, stage: Stage) -> frozenset[int]:
    """The container ports that EXPOSE and the services' `ports` name."""
    exposed = [word.raw for one in facts.lineage(stage) for i in one.instructions if i.keyword == "EXPOSE" for word in i.words]
    mapped = [port.rpartition(":")[2] for service in facts.file.services for port in service.ports]
    found: set[int] = set()
    for text in (*exposed, *mapped):
        low, _, high = text.partition("/")[0].partition("-")
        if low.isdigit() and (high.isdigit() or not high):
            found.update(range(int(low), int(high or low) + 1))
        elif "$" in text:
            return frozenset()
    return frozenset(found)
