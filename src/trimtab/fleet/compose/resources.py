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


_SHORT = {("limits", "memory"): "mem_limit", ("limits", "cpus"): "cpus", ("reservations", "memory"): "mem_reservation"}
_BESIDE = {"limits": ("mem_limit", "cpus", "pids_limit"), "reservations": ("mem_reservation",)}
"""What compose 2.40 does not let stand beside `deploy.resources.limits` and `reservations`, unless both say the same."""


def resource_paths(body: Mapping[str, object], kind: str, name: str) -> tuple[tuple[str, ...], ...]:
    """Where a limit or reservation of a service is written so that compose still reads it: in the spelling of what is there.

    Compose refuses a project with `mem_limit` in one and `deploy.resources.limits.cpus` in the other spelling: "can't set
    distinct values". Both paths for a setting that is there twice.
    """
    long, short = ("deploy", "resources", kind, name), _SHORT[kind, name]
    is_long = bool(mapping(mapping(mapping(body.get("deploy")).get("resources")).get(kind)))
    if is_long:
        return (long, (short,)) if short in body else (long,)
    beside = _BESIDE[kind] if kind == "limits" else (*_BESIDE["reservations"], *_BESIDE["limits"])
    return ((short,),) if any(key in body for key in beside) else (long,)
