"""What a fleet consists of. All paths are relative to the fleet's root, `""` being the root itself."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from trimtab.fleet.context import BuildContext
from trimtab.fleet.manifests import Manifest, find_manifests
from trimtab.fleet.outside import Outside
from trimtab.fleet.plain import items, mapping
from trimtab.fleet.policy import Policy
from trimtab.fleet.scripts import ScriptPart, find_scripts
from trimtab.fleet.stage import Stage
from trimtab.fleet.stages import read_stages
from trimtab.fleet.tree import Tree
from trimtab.syntax.dockerfile import Dockerfile


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in an input that keeps it from being understood, in the place where it stands."""

    path: str
    line: int
    kind: str
    """`syntax`, `unreadable`, `missing-env-file`, `missing-dockerfile`, `include`, `extends`, `interpolation`."""
    message: str


@dataclass(frozen=True, slots=True)
class Build:
    """How one image is built."""

    context: str | None
    """None for a context outside the fleet: a URL, or a folder above the root."""
    dockerfile: str | None
    """None when inline, remote, or outside the fleet."""
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    additional_contexts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names to what they stand for; a folder is counted from the fleet's root and may lead out of it."""
    platforms: tuple[str, ...] = ()
    options: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    """Everything that is said about the build, in the words of the file that says it."""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for builds that make the same image."""
        named = tuple(sorted(self.additional_contexts.items()))
        return (self.context, self.dockerfile, self.target, tuple(sorted(self.args.items())), named)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """A service's health check in exec form (`CMD`, …) or shell form (`CMD-SHELL`, …); durations in seconds."""

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Mount:
    """One volume of a service."""

    kind: str
    """`volume` for a named or anonymous one, `bind` for a path of the host, `tmpfs`, or another of compose's types."""
    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class Service:
    """One service of a compose project or one target of a bake file."""

    name: str
    origin: str
    """The file that defines it."""
    line: int
    image: str | None = None
    build: Build | None = None
    command: tuple[str, ...] | str | None = None
    entrypoint: tuple[str, ...] | str | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    user: str | None = None
    working_dir: str | None = None
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    """Paths inside the container that a volume or bind mount covers."""
    tmpfs: tuple[str, ...] = ()
    read_only: bool = False
    depends_on: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """What else a bake file calls it: its groups, and the target whose matrix it is of."""
    healthcheck: HealthCheck | None = None
    mounts: tuple[Mount, ...] = ()
    gpu: bool = False
    """Whether it is given a GPU: a device reservation, `gpus`, or a runtime for one."""
    memory_limit: str | None = None
    memory_reservation: str | None = None
    cpu_limit: str | None = None
    stop_grace_period: float | None = None
    """Seconds between the stop signal and the kill."""
    stop_signal: str | None = None
    body: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    """Everything that the project says about it: merged, normalised, variables put in."""

    @property
    def started_with(self) -> Mapping[str, str]:
        """What the project starts it with, `entrypoint` and `command`, each as one text; empty where the image decides."""
        said = {"entrypoint": self.entrypoint, "command": self.command}
        return {key: words if isinstance(words, str) else " ".join(words or ()) for key, words in said.items()}

    @property
    def env_files(self) -> tuple[str, ...]:
        """Where its env files are, or would be, in the fleet; those that it names later win."""
        named = (str(mapping(item).get("path") or item) for item in items(self.body.get("env_file")))
        return tuple(posixpath.normpath(posixpath.join(posixpath.dirname(self.origin), path)) for path in named)


OWN_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""The file that compose takes where none is named, the first of these."""


@dataclass(frozen=True)
class ComposeProject:
    """The services that start together, and what they share."""

    files: tuple[str, ...]
    services: tuple[Service, ...]
    networks: Mapping[str, object] = field(default_factory=dict[str, object])
    volumes: Mapping[str, object] = field(default_factory=dict[str, object])
    secrets: Mapping[str, object] = field(default_factory=dict[str, object])
    name: str | None = None
    """As the file says; None where it is the folder's name."""

    @cached_property
    def _by_name(self) -> Mapping[str, Service]:
        return {service.name: service for service in reversed(self.services)}

    def service(self, name: str) -> Service | None:
        return self._by_name.get(name)


@dataclass(frozen=True)
class FleetFile:
    """A Dockerfile of the fleet with everything that builds it."""

    dockerfile: Dockerfile
    builds: tuple[Build, ...]
    services: tuple[Service, ...]
    contexts: tuple[BuildContext, ...]
    memo: dict[tuple[object, ...], object] = field(
        init=False, default_factory=dict[tuple[object, ...], object], repr=False, compare=False
    )
    """What has been derived from this very file, by names of whoever derives it; a file with another text begins anew."""

    @property
    def path(self) -> str:
        return self.dockerfile.source.path

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages as the first build's arguments make them."""
        return self.stages_of(self.builds[0]) if self.builds else read_stages(self.dockerfile, {})

    def stages_of(self, build: Build) -> tuple[Stage, ...]:
        """The stages as a build's arguments make them; builds with the same arguments share theirs."""
        key = ("stages", *sorted(build.args.items()))
        if key not in self.memo:
            self.memo[key] = read_stages(self.dockerfile, build.args)
        return cast("tuple[Stage, ...]", self.memo[key])

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(service.name for service in self.services))


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What the user may say about where the fleet is."""

    compose: tuple[tuple[str, ...], ...] = ()
    """Explicit projects, each a list of files in override order; empty means discover them."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Fleet:
    """Everything found below one root, and what is known about it from elsewhere."""

    tree: Tree
    files: tuple[FleetFile, ...]
    services: tuple[Service, ...]
    compose_files: tuple[str, ...]
    problems: tuple[Problem, ...]
    options: FleetOptions = FleetOptions()
    policy: Policy = field(default_factory=Policy)
    outside: Outside = field(default_factory=Outside)
    projects: tuple[ComposeProject, ...] = ()
    memo: dict[tuple[object, ...], object] = field(
        init=False, default_factory=dict[tuple[object, ...], object], repr=False, compare=False
    )
    """What has been derived from this very fleet; one that knows more, or has other files, begins anew."""

    @cached_property
    def scripts(self) -> tuple[ScriptPart, ...]:
        """The scripts that call the engine, and such blocks of CI."""
        return tuple(find_scripts(self.tree))

    @cached_property
    def starts(self) -> tuple[tuple[FleetFile, Build, Stage], ...]:
        """Every stage that starts from an image outside its Dockerfile, as each build makes it."""
        read = ((file, build, file.stages_of(build)) for file in self.files for build in file.builds)
        return tuple((file, build, stage) for file, build, stages in read for stage in stages if stage.parent is None)

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        return find_manifests(self.tree)

    @property
    def meant_projects(self) -> tuple[ComposeProject, ...]:
        """The compose project that is meant where none is named; several where nothing says which.

        Compose itself takes the first of `OWN_NAMES` in the folder; where there is none, every project may be the one.
        """
        own = sorted(
            (each for each in self.projects if each.files[0] in OWN_NAMES), key=lambda each: OWN_NAMES.index(each.files[0])
        )
        return tuple(own[:1]) or self.projects

    @cached_property
    def _by_path(self) -> Mapping[str, FleetFile]:
        return {file.path: file for file in self.files}

    def file(self, path: str) -> FleetFile | None:
        return self._by_path.get(path)
