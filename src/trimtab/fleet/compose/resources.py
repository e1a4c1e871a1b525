"""What a service may use and what is set aside for it, in either of compose's spellings."""

from collections.abc import Mapping

from trimtab.fleet.plain import mapping, text


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
