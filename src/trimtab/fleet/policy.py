"""What the owners of a fleet have decided: rules ask it instead of guessing."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PathPolicy:
    """What holds for some paths only. Rules are meant by code, name, alias, or the beginning of codes."""

    match: str
    """A pattern as in an ignore file."""
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Policy:
    """A fleet's own decisions, from its configuration."""

    standard: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The bases that each runtime may have, the preferred one first; a service gets the first that it can be moved to."""
    pin: bool = False
    """Whether bases are to be pinned by digest."""
    cpu_index: str | None = None
    """The package index with CPU-only wheels, for services without a GPU."""
    uv: str | None = None
    """The image that the program `/uv` is taken from, for services that are to be installed with uv."""
    host_memory: str | None = None
    """What the host that the services run on together has: `16g`."""
    advisories: str | None = None
    """Where advisories are: a folder or zip, counted from the root, `osv`, or an address."""
    exclude: tuple[str, ...] = ()
    """Patterns that every ignore file is to have, as people write them: `*.md`, `docs/`."""
    cache_mounts: tuple[str, ...] = ()
    """The package managers whose caches are to be mounted, `pip`; empty for all that trimtab knows."""
    paths: tuple[PathPolicy, ...] = ()
    """Rules and severities for some paths; the last one that matches wins."""
