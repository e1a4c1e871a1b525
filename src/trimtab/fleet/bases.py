"""Image references, and the bases that a fleet's stages start from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from trimtab.fleet.model import Fleet, FleetFile
from trimtab.fleet.stage import Stage, libc_of

RUNTIMES = frozenset({"python", "node", "golang", "ruby", "php", "rust", "eclipse-temurin", "openjdk", "perl", "elixir"})
"""Official images that are a language's runtime."""
_DISTRIBUTIONS = frozenset(
    ["trixie", "bookworm", "bullseye", "buster", "stretch", "jessie", "noble", "jammy", "focal", "bionic", "xenial"]
)
_REFERENCE = re.compile(r"^(?P<path>[^@]*?)(?::(?P<tag>[\w][\w.-]*))?(?:@(?P<digest>[\w+.-]+:[0-9a-fA-F]+))?$")


@dataclass(frozen=True)
class Reference:
    """An image reference, read as docker reads it."""

    text: str
    path: str
    """Registry and repository."""
    tag: str | None
    digest: str | None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def official(self) -> bool:
        """Whether it is Docker's own image, or a copy of one under `library/` or on localhost."""
        namespace = self.path.rpartition("/")[0]
        return namespace in {"", "docker.io", "library"} or namespace.endswith("/library") or namespace.startswith("localhost")

    @cached_property
    def version(self) -> tuple[int, ...]:
        """The numbers that the tag begins with; empty where it begins with none."""
        match = re.match(r"v?(\d+(?:\.\d+)*)", self.tag or "")
        return tuple(int(part) for part in match[1].split(".")) if match else ()

    @property
    def variant(self) -> str:
        """What follows the version: `slim-bookworm`."""
        return re.sub(r"^v?\d[\d.]*(?:(?:rc|a|b|beta|alpha)\d*)?-?", "", self.tag or "")

    @property
    def distribution(self) -> str | None:
        """The Debian or Ubuntu release that the tag names, or `alpine3.20`."""
        words = self.variant.split("-")
        return next((word for word in words if word in _DISTRIBUTIONS or re.fullmatch(r"alpine\d+\.\d+", word)), None)

    @property
    def runtime(self) -> str | None:
        """The language that an official image is the runtime of."""
        return self.name if self.official and self.name in RUNTIMES else None

    @property
    def libc(self) -> str | None:
        return libc_of(self.text)


def read_reference(text: str) -> Reference:
    """A reference from its text. Never raises; what is none becomes a path."""
    match = _REFERENCE.match(text)
    if match is None:
        return Reference(text, text, None, None)
    return Reference(text, match["path"], match["tag"], match["digest"])


@dataclass(frozen=True, slots=True)
class BaseUse:
    """One stage that starts from an image outside its file."""

    file: FleetFile
    stage: Stage
    reference: Reference

    @property
    def line(self) -> int:
        return self.stage.instructions[0].start_line


def outside_base(file: FleetFile, stage: Stage) -> Stage:
    """The stage in which a stage's line of parents begins."""
    while stage.parent is not None:
        stage = file.stages[stage.parent]
    return stage


def base_uses(fleet: Fleet) -> Iterator[BaseUse]:
    """Every stage of the fleet that names an outside image; scratch and unresolved arguments are left out."""
    for file in fleet.files:
        for stage in file.stages:
            if stage.parent is None and stage.base and stage.base != "scratch" and "$" not in stage.base:
                yield BaseUse(file, stage, read_reference(stage.base))


def runtime_uses(fleet: Fleet) -> Iterator[BaseUse]:
    """The bases that the fleet's images run on: those of each file's last stage and of every target."""
    for file in fleet.files:
        targets = {(build.target or "").lower() for build in file.builds}
        finals = [stage for stage in file.stages if (stage.name or "").lower() in targets - {""}]
        for stage in dict.fromkeys(stage.index for stage in (*finals, *file.stages[-1:])):
            first = outside_base(file, file.stages[stage])
            if first.base and first.base != "scratch" and "$" not in first.base:
                yield BaseUse(file, first, read_reference(first.base))
