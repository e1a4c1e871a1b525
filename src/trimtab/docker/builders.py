"""What a builder can do."""

import re
from dataclasses import dataclass

from trimtab.docker import building
from trimtab.docker.runner import Runner
from trimtab.errors import UsageError


@dataclass(frozen=True, slots=True)
class Builder:
    """A buildx builder."""

    name: str
    driver: str
    """`docker`, `docker-container`, `kubernetes` or `remote`."""
    nodes: int = 1
    containerd: bool = False
    """Whether the engine keeps images in containerd's store; only then the docker driver exports caches and attestations."""
    chosen: bool = False
    """Whether it was named, so that it has to be named to buildx as well."""

    @property
    def in_engine(self) -> bool:
        """Whether what it builds is at once an image of the engine, which other builds can start from."""
        return self.driver == "docker"

    @property
    def keeps_all(self) -> bool:
        """Whether caches, attestations and images of several platforms can be exported."""
        return not self.in_engine or self.containerd


async def read_builder(runner: Runner, name: str | None = None) -> Builder:
    """A builder by its name, or the one in use.

    Raises:
        UsageError: there is none of that name, or buildx is missing.
    """
    result = await runner.run(building.inspect_builder(name), timeout=60)
    driver = re.search(r"^Driver:\s*(\S+)", result.text, re.MULTILINE)
    if result.code != 0 or driver is None:
        said = (result.stderr or result.text).strip().splitlines()
        why = f": {said[-1]}" if said else ""
        step = "`docker buildx ls` lists those that there are." if name else "Install docker-buildx, version 0.13 or newer."
        raise UsageError(f"{f'The builder `{name}`' if name else 'buildx'} does not answer{why}. {step}")
    found = re.search(r"^Name:\s*(\S+)", result.text, re.MULTILINE)
    nodes = len(re.findall(r"^Endpoint:", result.text, re.MULTILINE))
    containerd = driver[1] == "docker" and "io.containerd.snapshotter" in (await runner.run(building.store_of_engine())).text
    return Builder(found[1] if found else name or "default", driver[1], max(1, nodes), containerd, name is not None)
