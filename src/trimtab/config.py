"""The user's configuration: `trimtab.toml`, or `[tool.trimtab]` in `pyproject.toml`."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import UsageError
from trimtab.fleet import PathPolicy, Policy


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


Level = Literal["info", "low", "medium", "high", "critical"]


class PathConfig(_Table):
    """What holds for some paths only."""

    match: str = Field(description="A pattern as in an ignore file: `tests/**`.")
    ignore: tuple[str, ...] = Field(default=(), description="Rules that do not count there.")
    severity: dict[str, Level] = Field(default_factory=dict, description="Rules to the severity they have there.")


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
        return {name: ("sh", "-c", value) if isinstance(value, str) else value for name, value in self.smoke.items()}

    def policy(self, *, pin: bool = False) -> Policy:
        """What the rules are to know of these settings."""
        everywhere = (PathPolicy("**", (), dict(self.severity)),) if self.severity else ()
        paths = tuple(PathPolicy(path.match, path.ignore, dict(path.severity)) for path in self.path)
        standard = {name: (value,) if isinstance(value, str) else value for name, value in self.standard.items()}
        return Policy(standard, pin, self.cpu_index, self.uv, self.host_memory, (*everywhere, *paths))


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
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"`{path}` does not exist.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
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
    known = [name.replace("_", "-") for name in Config.model_fields]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0)
    return f"unknown key `{key}`; the nearest known one is `{near[0]}`"
