"""`trimtab init`."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, Loaded, Paths, RuleChoice, check_format, load, show
from trimtab.cli.projects import of_the_rest, tell_unread
from trimtab.config import Config
from trimtab.docker.machine import memory
from trimtab.errors import UsageError
from trimtab.first_config import first_config
from trimtab.fleet import DiskTree, Fleet, discover
from trimtab.fleet.plain import mapping
from trimtab.rewrite import WriteError, write_file
from trimtab.syntax.data import read_toml
from trimtab.text import unified_diff

_NAME = "trimtab.toml"


def init(
    paths: Paths = (),
    /,
    *,
    diff: Annotated[bool, Parameter(negative="", help="Show what would be written, and write nothing.")] = False,
    common: Common | None = None,
) -> int:
    """Write a first `trimtab.toml` from what is found: compose projects, bases, services that others depend on.

    Every key says why it is there; what nothing in the repository decides is a comment. A configuration that exists is never
    overwritten: --diff shows where it differs from what would be written today. Exits with 1 when a compose file cannot be
    read, and nothing is known of its services.
    """
    common = common or Common()
    check_format(common)
    loaded = load(paths, common, RuleChoice(offline=True))
    if loaded.chosen is not None:
        raise UsageError("Name the folder of the fleet: the configuration is written into it.")
    fleet = _by_itself(loaded)
    unread = tell_unread(fleet, common)
    here = memory()
    text = _checked(first_config(fleet, datetime.now(UTC).date(), here.total if here else None))
    written = not diff
    if written:
        _refuse_existing(loaded)
        _write(loaded.root / _NAME, text)
    changes = unified_diff(_NAME, _before(loaded.root), text) if diff else ""
    next_ones = _next(loaded, written=written)
    data = {"schema": "trimtab.init/1", "path": _NAME, "written": written, "text": text, "diff": changes, "next": next_ones}
    lines = [changes.rstrip("\n") or _told(loaded, written=written), *([""] if next_ones else []), *next_ones]
    show(common, lambda: data, lambda: Text("\n".join(lines)))
    return of_the_rest(CLEAN, unread)


def _by_itself(loaded: Loaded) -> Fleet:
    """The fleet as it is found where no configuration says which compose projects there are."""
    if not loaded.config.compose:
        return loaded.fleet
    return discover(DiskTree(loaded.root, loaded.fleet.tree.closed), replace(loaded.fleet.options, compose=()))


def _told(loaded: Loaded, *, written: bool) -> str:
    files, services = len(loaded.fleet.files), len(loaded.fleet.services)
    counted = f"{files} Dockerfiles and {services} services were found"
    return f"{_NAME} is written; {counted}" if written else f"{_NAME} is as it would be written; {counted}"


def _next(loaded: Loaded, *, written: bool) -> list[str]:
    where = "" if loaded.root == Path.cwd() else f" {loaded.root}"
    return [f"trimtab review{where}", f"trimtab plan{where}"] if written else []


def _refuse_existing(loaded: Loaded) -> None:
    """Stop before anything of the user's is overwritten, or hidden by a file that wins over it.

    Raises:
        UsageError: there is a configuration.
    """
    if (loaded.root / _NAME).exists() or (loaded.root / _NAME).is_symlink():
        raise UsageError(f"There is a `{_NAME}` already. `trimtab init --diff` shows where it differs from a new one.")
    if _has_table(loaded.root / "pyproject.toml"):
        raise UsageError(f"`pyproject.toml` has a table [tool.trimtab], which a `{_NAME}` would put out of force.")


def _has_table(project: Path) -> bool:
    try:
        data = read_toml(project.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return "trimtab" in mapping(data.get("tool"))


def _before(root: Path) -> str:
    try:
        return (root / _NAME).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _checked(text: str) -> str:
    """The text, which is valid: otherwise this is a bug of ours, and nothing is written."""
    Config.model_validate(read_toml(text))
    return text


def _write(path: Path, text: str) -> None:
    try:
        write_file(path, text)
    except WriteError as error:
        raise UsageError(str(error)) from error
