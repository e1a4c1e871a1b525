"""Which bases the services of a fleet could have, by what they install."""

from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.fleet.bases import BaseUse, Reference, outside_base, read_reference, runtime_uses
from trimtab.fleet.model import Fleet
from trimtab.fleet.portability import Part, Portability, portability
from trimtab.fleet.requirements import python_minor
from trimtab.fleet.stage import Stage

_ADVISED = frozenset({"python", "node"})
_FOREIGN = {"musl": "apt", "glibc": "apk"}


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether everything that a service installs comes ready for a C library."""

    ready: bool
    certain: bool
    """Whether that is known; a service that is not surely ready is not to be moved."""
    reason: str
    """What decides; empty when it is ready."""


@dataclass(frozen=True, slots=True)
class BaseAdvice:
    """What is known of one Dockerfile's choice of base."""

    path: str
    services: tuple[str, ...]
    base: Reference
    alpine: Fit
    slim: Fit
    parts: tuple[Part, ...]

    @property
    def proposal(self) -> str | None:
        """The smallest base that surely has everything; None when that is not known of any."""
        version = ".".join(str(part) for part in self.base.version)
        tag = f"{self.base.path}:{version}" if version else f"{self.base.path}"
        kind = "alpine" if self.alpine.ready else "slim" if self.slim.ready else None
        return f"{tag}-{kind}" if kind and version else None


def base_advice(fleet: Fleet) -> Iterator[BaseAdvice]:
    """One answer for each Dockerfile whose image runs on an official Python or Node image."""
    for use in runtime_uses(fleet):
        name = use.reference.runtime
        if name not in _ADVISED:
            continue
        stages = [stage for stage in use.file.stages if _on(use, stage, name)]
        found = portability(use.file, {each.index for each in stages}, python_minor(use.stage.base), fleet.outside.wheels)
        alpine, slim = (_fit(found, stages, libc) for libc in ("musl", "glibc"))
        parts = tuple(sorted(found.parts, key=lambda part: (part.ecosystem, part.name)))
        yield BaseAdvice(use.file.path, use.file.service_names, use.reference, alpine, slim, parts)


def _on(use: BaseUse, stage: Stage, name: str) -> bool:
    return read_reference(outside_base(use.file, stage).base).runtime == name


def _fit(found: Portability, stages: list[Stage], libc: str) -> Fit:
    obstacle = found.obstacle(libc)
    if obstacle:
        return Fit(ready=False, certain=bool(found.missing(libc)), reason=obstacle)
    for stage in stages:
        for run in stage.runs:
            if any(install.manager.name == _FOREIGN[libc] for install in run.installs):
                reason = f"its `{_FOREIGN[libc]}` packages need their names there"
                return Fit(ready=False, certain=True, reason=reason)
    return Fit(ready=True, certain=True, reason="")
