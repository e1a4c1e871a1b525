"""What a container's statistics say of its memory."""

from collections.abc import Mapping

from trimtab.fleet.plain import mapping


def working_set(stats: object) -> int | None:
    """The bytes that a container cannot do without: what is counted to it less inactive page cache, as the client shows it.

    None where the statistics are those of a container that does not run.
    """
    memory = mapping(mapping(stats).get("memory_stats"))
    return number(memory, "usage") - cached_bytes(memory) if "usage" in memory else None


def cached_bytes(memory: Mapping[str, object]) -> int:
    """Inactive page cache: `total_inactive_file` of control groups' first version, `inactive_file` of their second."""
    detail = mapping(memory.get("stats"))
    found = number(detail, "total_inactive_file" if "total_inactive_file" in detail else "inactive_file")
    return found if found < number(memory, "usage") else 0


def number(data: Mapping[str, object], key: str) -> int:
    """A whole number of the engine's; 0 where there is none."""
    value = data.get(key)
    return int(value) if isinstance(value, int | float) else 0
