"""What a review knows from outside the tree. It is gathered beforehand; whatever is absent is unknown, never assumed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from trimtab.fleet.npm_upgrade import NodeRelease


class WheelState(StrEnum):
    """Whether a package can be installed without a compiler."""

    YES = "yes"
    NO = "no"
    PURE = "pure"
    """One wheel for every platform."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wheels:
    """What the package index holds of one requirement for one Python and platform."""

    musl: WheelState
    glibc: WheelState
    version: str | None = None
    """The newest version that the requirement allows."""
    first_musl: str | None = None
    """The oldest version, newer than the requirement allows, that has a wheel for musl."""


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What advisories say of one pinned requirement."""

    to: str | None
    """The smallest version that no known advisory is about; None where none is named as fixed."""
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LockUpgrade:
    """What advisories and the registry say of one package in an npm lock."""

    ids: tuple[str, ...]
    to: NodeRelease | None
    """The smallest release that no known advisory is about; None where none is named as fixed, or the registry is silent."""
    allowed_by: frozenset[str] = frozenset()
    """The ranges in the lock that allow it."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Answers from package indexes, registries, git and the clock."""

    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    """Image reference to the digest that it has now: `sha256:…`."""
    wheels: Mapping[tuple[str, str], Wheels] = field(default_factory=dict[tuple[str, str], Wheels])
    """(requirement as written, Python's minor version) to what the index has."""
    changes: Mapping[str, int] | None = None
    """Path to the number of recent commits that touched it; None without a history."""
    commits: int = 0
    """How many recent commits `changes` covers."""
    left_out_by_git: frozenset[str] = frozenset()
    """Files of the tree that git is told to ignore, among those somebody asked about."""
    upgrades: Mapping[tuple[str, str, str], Upgrade] = field(default_factory=dict[tuple[str, str, str], Upgrade])
    """(requirements file, project, version) to what is wrong with what is pinned there."""
    locked: Mapping[tuple[str, str, str], LockUpgrade] = field(default_factory=dict[tuple[str, str, str], LockUpgrade])
    """(lock, package, version) to what is wrong with it."""
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Images that the engine has, by their full names, to what `ONBUILD` makes those do that start from them."""
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
