"""The user's configuration: `trimtab.toml`, or `[tool.trimtab]` in `pyproject.toml`."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trimtab.errors import UsageError


class Config(BaseModel):
    """Settings of one fleet. Command-line options win over them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    select: tuple[str, ...] = Field(default=(), description="Codes or names of the rules to run; empty means all.")
    ignore: tuple[str, ...] = Field(default=(), description="Codes or names of rules to leave out.")
    compose: tuple[tuple[str, ...], ...] = Field(
        default=(), description="Compose projects, each a list of files in override order; empty means find them."
    )
    repeats: int = Field(default=3, ge=1, le=50, description="Interleaved pairs that `trimtab optimize` measures.")
    jobs: int = Field(default=0, ge=0, le=256, description="Experiments at once; 0 means one per core.")


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
    near = difflib.get_close_matches(key, Config.model_fields, n=1, cutoff=0)
    return f"unknown key `{key}`; the nearest known one is `{near[0]}`"
