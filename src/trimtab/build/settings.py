"""What a run of builds is to do, beyond which targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trimtab.docker import Builder, Runner, engine_folder, read_builder
from trimtab.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """How a fleet is built."""

    builders: tuple[Builder, ...]
    jobs: int = 1
    """Builds at once on each builder."""
    fail_fast: bool = False
    retries: bool = True
    no_cache: bool = False
    pull: bool = False
    push: bool = False
    by_digest: bool = False
    """Push without a tag, to be named by digest."""
    platforms: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    sbom: bool = False
    provenance: str | None = None
    lay_out: Path | None = None
    """A folder that takes each image as an OCI layout, for a run elsewhere to start from."""
    given: Mapping[str, str] = field(default_factory=dict[str, str])
    """Targets that are not built because another run has, to where their images are, as `--build-context` takes it."""
    engine_folder: Path | None = None
    """Where the engine keeps its images, when that is a folder of this machine."""

    def check(self) -> None:
        """Find out before long work whether the builders can do what is asked.

        Raises:
            UsageError: one cannot.
        """
        asked = [
            ("export a cache", any("type=inline" not in spec for spec in self.cache_to)),
            ("keep an SBOM or provenance", self.sbom or self.provenance is not None),
            ("build for several platforms", len(self.platforms) > 1),
            ("lay images out", self.lay_out is not None),
            ("start from images that were laid out", bool(self.given)),
        ]
        what = next((title for title, wanted in asked if wanted), None)
        weak = next((builder for builder in self.builders if not builder.keeps_all), None)
        if what and weak:
            raise UsageError(
                f"The builder `{weak.name}` cannot {what}: its engine keeps images in the classic store. Switch the engine to"
                ' the containerd store (`{"features": {"containerd-snapshotter": true}}` in daemon.json), or name another'
                " builder with --builder."
            )
        if self.by_digest and any(builder.in_engine for builder in self.builders):
            raise UsageError(
                "The engine's own builder cannot push by digest. Make another one with `docker buildx create --driver"
                " docker-container`, and name it with --builder."
            )
        if len(self.platforms) > 1 and not self.push and any(not builder.in_engine for builder in self.builders):
            raise UsageError("Images of several platforms cannot be loaded into the engine: pass --push, or one --platform.")
        if self.by_digest and not self.push:
            raise UsageError("--by-digest says how to push: pass --push with it.")


async def find_builders(runner: Runner, names: tuple[str, ...]) -> tuple[tuple[Builder, ...], Path | None]:
    """The builders of some names, or the one in use, and the engine's folder where one of them is this machine's engine.

    Raises:
        UsageError: there is no such builder.
    """
    found = [await read_builder(runner, name) for name in names] if names else [await read_builder(runner)]
    local = any(builder.in_engine for builder in found)
    return tuple(found), await engine_folder(runner) if local else None
