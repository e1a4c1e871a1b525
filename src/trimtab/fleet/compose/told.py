"""What a service's program is told about its size, by compose or by the image that is built here."""

import re
from collections.abc import Iterator, Mapping

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.sizes import byte_size

BESIDE_HEAP = 1.3
"""What a runtime needs in relation to its heap: code, stacks, buffers and what libraries take by themselves."""
_HEAP = (
    re.compile(r"-Xmx(?P<size>\d+[kKmMgG]?)"),
    re.compile(r"--max[-_]old[-_]space[-_]size=(?P<mebibytes>\d+)"),
)
_WORKERS = re.compile(
    r"\b(?:(?:gunicorn|uvicorn|hypercorn)\b.*?\s(?:--workers|-w)|celery\b.*?\s(?:--concurrency|-c))[ =]?(?P<number>\d+)\b"
)
"""Options of servers that begin so many processes (gunicorn, uvicorn and hypercorn: `--workers`; celery: `--concurrency`)."""
_BY_ENVIRONMENT = re.compile(r"\b(?:gunicorn|uvicorn)\b")
"""Servers that take `WEB_CONCURRENCY` where no option says how many."""


def heap_of(facts: ComposeFacts, service: Service) -> int:
    """Bytes of the largest heap that the runtime is told to use; 0 where it is not told.

    Read are the variables and the words that it is started with: the compose file's, and those of its image that the compose
    file does not replace.
    """
    texts = (*_variables(facts, service).values(), *starts(facts, service))
    return max((size for text in texts for size in _heaps(text or "")), default=0)


def workers_of(facts: ComposeFacts, service: Service) -> int:
    """How many processes its server is told to begin; 1 where nothing is said."""
    start = " ".join(starts(facts, service))
    found = _WORKERS.search(start)
    number = found["number"] if found else ""
    if not found and _BY_ENVIRONMENT.search(start):
        number = _variables(facts, service).get("WEB_CONCURRENCY") or ""
    return max(1, int(number)) if number.isascii() and number.isdigit() else 1


def _variables(facts: ComposeFacts, service: Service) -> Mapping[str, str | None]:
    image = facts.image(service)
    return {**(image[1].end.env if image is not None else {}), **facts.environment(service)}


def starts(facts: ComposeFacts, service: Service) -> Iterator[str]:
    """What a service starts with: compose's words, and those of its image that these do not replace."""
    yield from filter(None, service.started_with.values())
    image = facts.image(service)
    # An entry point of the compose file's own takes the image's command away, too.
    if image is None or service.entrypoint:
        return
    for keyword in ("ENTRYPOINT",) if service.command else ("ENTRYPOINT", "CMD"):
        instruction = image[0].last(image[1], keyword)
        if instruction is not None:
            yield " ".join(instruction.json) if instruction.json is not None else instruction.arguments


def _heaps(text: str) -> Iterator[int]:
    for pattern in _HEAP:
        for match in pattern.finditer(text):
            found = match.groupdict()
            yield byte_size(found["size"] if "size" in found else f"{found['mebibytes']}m") or 0
