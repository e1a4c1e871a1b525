"""The user's configuration: `trimtab.toml`, or `[tool.trimtab]` in `pyproject.toml`."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import UsageError
from trimtab.fleet import PathPolicy, Policy
from trimtab.fleet.sizes import decimal_size
from trimtab.gate.limits import GatePolicy, Limits, PathLimits
from trimtab.syntax.data import read_toml


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


Level = Literal["info", "low", "medium", "high", "critical"]


class PathConfig(_Table):
    """What holds for some paths only."""

    match: str = Field(description="A pattern as in an ignore file: `tests/**`.")
    ignore: tuple[str, ...] = Field(default=(), description="Rules that do not count there.")
    severity: dict[str, Level] = Field(default_factory=dict, description="Rules to the severity they have there.")


class LimitsConfig(_Table):
    """What is asked of a service."""

    overall: float | None = Field(default=None, ge=0, le=100, description="The least overall score, of 100.")
    security: float | None = Field(default=None, ge=0, le=10, description="The least score for security, of 10.")
    maintainability: float | None = Field(default=None, ge=0, le=10, description="The least score for maintainability, of 10.")
    max_critical: int | None = Field(default=None, ge=0, description="The most critical vulnerabilities of an image.")
    max_high: int | None = Field(default=None, ge=0, description="The most vulnerabilities of high severity of an image.")
    image_size: str | None = Field(default=None, description='The largest image, by powers of 1000: `"400MB"`.')
    build_time: float | None = Field(default=None, gt=0, description="The longest build, in seconds; the median counts.")

    def limits(self) -> Limits:
        """As gates take them.

        Raises:
            UsageError: the size is none.
        """
        size = decimal_size(self.image_size) if self.image_size else None
        if self.image_size and size is None:
            raise UsageError(f"`image-size`: `{self.image_size}` is no size; write `400MB` or `1.2GB`.")
        return Limits(
            self.overall, self.security, self.maintainability, self.max_critical, self.max_high, size, self.build_time
        )


class GatePathConfig(LimitsConfig):
    """What is asked of the services of some paths, instead."""

    match: str = Field(description="A pattern as in an ignore file, for Dockerfiles and compose files: `services/auth/**`.")


class GateConfig(LimitsConfig):
    """The quality gates of `trimtab gate`."""

    overall: float | None = Field(default=70, ge=0, le=100, description="The least overall score, of 100.")
    security: float | None = Field(default=7, ge=0, le=10, description="The least score for security, of 10.")
    maintainability: float | None = Field(default=7, ge=0, le=10, description="The least score for maintainability, of 10.")
    max_critical: int | None = Field(default=0, ge=0, description="The most critical vulnerabilities of an image.")
    critical: tuple[str, ...] = Field(default=(), description="Services that everything depends on.")
    critical_overall: float = Field(default=80, ge=0, le=100, description="The least overall score of those.")
    scan_days: float = Field(default=7, gt=0, description="How many days old the last scan, and its advisories, may be.")
    allow_unchecked: tuple[str, ...] = Field(
        default=(), description="Gates that need not have been checked: `scan`, or one subject, `scan:advisories`."
    )
    path: tuple[GatePathConfig, ...] = Field(default=(), description="Tables of limits for some paths; the last match wins.")

    def policy(self, allowed: Iterable[str] = ()) -> GatePolicy:
        """As gates take it.

        Raises:
            UsageError: a size is none.
        """
        paths = tuple(PathLimits(each.match, each.limits()) for each in self.path)
        names = frozenset((*self.allow_unchecked, *allowed))
        return GatePolicy(self.limits(), self.critical_overall, frozenset(self.critical), paths, self.scan_days, names)


class DeployConfig(_Table):
    """How `trimtab deploy` replaces what runs."""

    target: Literal["compose", "swarm"] = Field(
        default="compose",
        description="What runs the project: compose on one machine, or the swarm that the engine is a manager of.",
    )
    endpoint_mode: Literal["vip", "dnsrr"] | None = Field(
        default=None,
        description="How a swarm's services find each other where the project does not say; without IPVS it has to be `dnsrr`.",
    )
    retain: int = Field(default=5, ge=1, le=100, description="Revisions that are kept of each service, to go back to.")
    timeout: float | None = Field(
        default=None, gt=0, description="Seconds to become healthy; left out, what the health check's own settings allow."
    )
    settle: float = Field(
        default=5, ge=0, le=600, description="Seconds for which a container without a health check has to stay alive."
    )
    bake: float = Field(default=0, ge=0, le=3600, description="Seconds for which a service has to stay good once it is ready.")
    on_failure: Literal["service", "deployment"] = Field(
        default="service", description="What a failure undoes: the service that failed, or the whole deployment."
    )
    holder: tuple[str, ...] = Field(
        default=(),
        description="Services that go behind a holder, which owns their ports and names so that a new version takes over with"
        ' no failed request: `["web", "api"]`, or `["*"]` for all that can.',
    )
    holder_image: str = Field(default="haproxy:3.2", description="The image of the holder: HAProxy 2.6 or later, with a shell.")
    shared_port: tuple[str, ...] = Field(
        default=(),
        description="Services whose programs set `SO_REUSEPORT`: two versions listen on the same ports for a moment, and no"
        " HAProxy is between them and their callers.",
    )
    start_first: tuple[str, ...] = Field(
        default=(),
        description="Services behind the holder that may run twice for a while, although they mount what they can write to.",
    )
    stop_first: tuple[str, ...] = Field(
        default=(),
        description="Services behind the holder that may not run twice at any time: callers wait meanwhile.",
    )
    parallel: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Services that get their new version side by side, of those whose two versions run at once, where memory"
        " allows it and none needs the other; 1 for one after the other.",
    )
    drain: float = Field(
        default=30, ge=0, le=3600, description="Seconds that an old version behind the holder has to finish what it is at."
    )
    before: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="A command for a service, such as a backup, run inside its running container before anything is touched.",
    )
    contract: tuple[str, ...] = Field(
        default=(), description="Jobs after which older versions do not work any more: no rollback goes behind them."
    )


class Config(_Table):
    """Settings of one fleet. Command-line options win over them."""

    select: tuple[str, ...] = Field(
        default=(),
        description="The rules to run, by code, name, other tools' name, or beginning of codes; empty means the default ones.",
    )
    extend_select: tuple[str, ...] = Field(default=(), description="Rules to run besides those.")
    ignore: tuple[str, ...] = Field(default=(), description="Rules to leave out.")
    severity: dict[str, Level] = Field(default_factory=dict, description="Rules to the severity they have in this fleet.")
    path: tuple[PathConfig, ...] = Field(default=(), description="Tables of settings for some paths only.")
    baseline: str = Field(
        default="trimtab-baseline.json", description="Where `--baseline` keeps the findings that are accepted."
    )
    standard: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description='The base that each runtime is to have: `python = "python:3.12-slim"`. A list is tried in order: with'
        ' `node = ["node:24-alpine", "node:24-slim"]` a service moves to Alpine where everything it installs comes for musl.',
    )
    cpu_index: str | None = Field(default=None, description="A package index with CPU-only wheels, for services without a GPU.")
    uv: str | None = Field(
        default=None, description="The image that `/uv` is taken from where DF136 is selected: `ghcr.io/astral-sh/uv:0.9`."
    )
    host_memory: str | None = Field(
        default=None, description="The memory of the host that a compose project runs on, for CM106: `16g`."
    )
    advisories: str | None = Field(
        default=None,
        description="Where `trimtab scan` finds advisories: a folder or zip of OSV documents, counted from the fleet's root,"
        " or `osv` for the OSV API.",
    )
    exclude: tuple[str, ...] = Field(
        default=(),
        description='Patterns that every ignore file is to have, for CX113: `["__pycache__/", "*.md", "docs/"]`. Those with'
        " wildcards count at every depth.",
    )
    cache_mounts: tuple[str, ...] = Field(
        default=(), description='Package managers whose caches are to be mounted, `["pip", "npm"]`; empty means all.'
    )
    gate: GateConfig = Field(default_factory=GateConfig, description="The quality gates of `trimtab gate`.")
    deploy: DeployConfig = Field(default_factory=DeployConfig, description="How `trimtab deploy` replaces what runs.")
    offline: bool = Field(default=False, description="Ask no package index and no registry.")
    compose: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Compose projects, each a list of files in override order; empty means find them."
    )
    smoke: dict[str, str | tuple[str, ...]] = Field(
        default_factory=dict,
        description="A check of your own for a service, run inside its container when it is proven: a list of words, or a text"
        " for `sh -c`. Its exit code has to stay the same.",
    )
    repeats: int = Field(default=3, ge=1, le=50, description="Interleaved pairs that `trimtab optimize` measures.")
    jobs: int = Field(default=0, ge=0, le=256, description="Experiments at once; 0 means one per core.")

    def smoke_commands(self) -> dict[str, tuple[str, ...]]:
        """The user's own checks as words."""
        return _commands(self.smoke)

    def deploy_commands(self) -> dict[str, tuple[str, ...]]:
        """The commands before deployments as words."""
        return _commands(self.deploy.before)

    def policy(self, *, pin: bool = False) -> Policy:
        """What the rules are to know of these settings."""
        everywhere = (PathPolicy("**", (), dict(self.severity)),) if self.severity else ()
        paths = tuple(PathPolicy(path.match, path.ignore, dict(path.severity)) for path in self.path)
        standard = {name: (value,) if isinstance(value, str) else value for name, value in self.standard.items()}
        return Policy(
            standard,
            pin,
            self.cpu_index,
            self.uv,
            self.host_memory,
            self.advisories,
            self.exclude,
            self.cache_mounts,
            (*everywhere, *paths),
        )


def _commands(written: Mapping[str, str | tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: ("sh", "-c", value) if isinstance(value, str) else value for name, value in written.items()}


def load_config(root: Path, explicit: Path | None = None) -> Config:
    """The configuration of a fleet's root, or of the file the user names.

    Raises:
        UsageError: the file is missing, no TOML, or has a key or value that does not fit; the message names the nearest
            key that does.
    """
    if explicit is not None:
        return _read(explicit, explicit.name == "pyproject.toml", required=True)
    own = root / "trimtab.toml"
    if own.is_file():
        return _read(own, nested=False)
    project = root / "pyproject.toml"
    return _read(project, nested=True) if project.is_file() else Config()


def _read(path: Path, nested: bool, *, required: bool = False) -> Config:
    try:
        data = read_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"`{path}` does not exist.") from error
    except (OSError, UnicodeDecodeError, ValueError) as error:
        if nested and not required:
            # A broken pyproject.toml is for its own tools to report; without our table it does not concern us.
            return Config()
        raise UsageError(f"`{path}` cannot be read: {error}") from error
    if nested:
        data = cast("dict[str, object]", cast("Mapping[str, object]", data.get("tool", {})).get("trimtab", {}))
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"`{path}`: {_explained(error)}") from error


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"`{key}`: {first['msg']}"
    known = _keys(Config, first["loc"][:-1])
    near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1, cutoff=0)
    return f"unknown key `{key}`; the nearest known one is `{near[0]}`"


_TABLES: Mapping[str, type[_Table]] = {"gate": GateConfig, "path": PathConfig, "gate.path": GatePathConfig}


def _keys(table: type[_Table], place: Iterable[int | str]) -> list[str]:
    """The keys that the table at a place may have; numbers are places in a list of tables."""
    name = ".".join(str(part) for part in place if not isinstance(part, int))
    return [each.replace("_", "-") for each in _TABLES.get(name, table).model_fields]
