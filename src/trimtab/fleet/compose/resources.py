"""What a service may use and what is set aside for it, in either of compose's spellings."""

import re
from collections.abc import Iterator, Mapping

from trimtab.fleet.model import Service
from trimtab.fleet.plain import mapping, text
from trimtab.fleet.sizes import byte_size

_HEAP = (
    re.compile(r"-Xmx(?P<size>\d+[kKmMgG]?)"),
    re.compile(r"--max[-_]old[-_]space[-_]size=(?P<mebibytes>\d+)"),
)


def _resources(body: Mapping[str, object], kind: str, name: str) -> str | None:
    resources = mapping(mapping(body.get("deploy")).get("resources"))
    return text(mapping(resources.get(kind)).get(name))


def memory_limit(body: Mapping[str, object]) -> str | None:
    """As it is written; None for no limit, which 0 means, too."""
    found = _resources(body, "limits", "memory") or text(body.get("mem_limit"))
    return None if found in {None, "", "0"} else found


def cpu_limit(body: Mapping[str, object]) -> str | None:
    """Processors as they are written; None for no limit. A quota is one only by its period, and counts as a limit elsewhere."""
    found = _resources(body, "limits", "cpus") or text(body.get("cpus"))
    return None if found in {None, "", "0", "0.0"} else found


def memory_reservation(body: Mapping[str, object]) -> str | None:
    """As it is written."""
    return _resources(body, "reservations", "memory") or text(body.get("mem_reservation"))


def reserved_cpus(body: Mapping[str, object]) -> str | None:
    """Processors that swarm would set aside, and compose does not."""
    return _resources(body, "reservations", "cpus")


def heaps(service: Service) -> Iterator[int]:
    """Bytes of every heap that a runtime is told to use, by the command or the environment."""
    words = service.command if isinstance(service.command, str) else " ".join(service.command or ())
    for written in (words, *(value or "" for value in service.environment.values())):
        for pattern in _HEAP:
            for match in pattern.finditer(written):
                found = match.groupdict()
                size = found["size"] if "size" in found else f"{found['mebibytes']}m"
                yield byte_size(size) or 0
