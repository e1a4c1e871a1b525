"""Files of a build context that no image should get."""

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import copied_files
from trimtab.fleet.model import FleetFile
from trimtab.fleet.secrets import SECRET_FILES

_SAMPLES = re.compile(r"(example|sample|template|dist|test|fixture|mock)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of unwanted file. `patterns` keep all of it out of a context."""

    name: str
    path: "re.Pattern[str]"
    """What such a path looks like, relative to the context."""
    patterns: tuple[str, ...]
    serious: bool = False
    """Whether a context should not be without an ignore file for it."""


KINDS = (
    Kind("the history of the repository", re.compile(r"(^|/)\.(git|hg|svn)(/|$)"),
         ("**/.git", "**/.hg", "**/.svn"), serious=True),
    Kind("credentials", SECRET_FILES, ("**/.env", "**/.env.*", "!**/.env.example", "**/*.key", "**/id_rsa"), serious=True),
    Kind("a virtual environment", re.compile(r"(^|/)(\.venv|venv)/"), ("**/.venv", "**/venv"), serious=True),
    Kind("installed node modules", re.compile(r"(^|/)node_modules/"), ("**/node_modules",), serious=True),
    Kind("bytecode and caches", re.compile(r"(^|/)(__pycache__|\.(pytest|mypy|ruff)_cache|\.tox|\.nox)/|\.py[co]$"),
         ("**/__pycache__", "**/*.py[co]", "**/.*_cache", "**/.tox")),
    Kind("coverage reports", re.compile(r"(^|/)(htmlcov|\.nyc_output)/|(^|/)(\.coverage(\.\w+)?|coverage\.xml|lcov\.info)$"),
         ("**/htmlcov", "**/.nyc_output", "**/.coverage*", "**/coverage.xml", "**/lcov.info")),
    Kind("backups", re.compile(r"\.(bak|orig|old|swp|swo|tmp|rej)$|~$"),
         ("**/*.bak", "**/*.orig", "**/*.old", "**/*.sw[po]", "**/*~")),
    Kind("editor settings", re.compile(r"(^|/)\.(idea|vscode|vs)/|(^|/)\.DS_Store$"),
         ("**/.idea", "**/.vscode", "**/.DS_Store")),
    Kind("tests", re.compile(r"(^|/)(tests?|__tests__|spec)/|(^|/)(test_[^/]+|[^/]+_test)\.py$|\.(test|spec)\.[jt]sx?$"),
         ("**/tests", "**/test", "**/__tests__", "**/test_*.py", "**/*.test.[jt]s*", "**/*.spec.[jt]s*")),
)  # fmt: skip
"""From the worst to the mildest."""


@dataclass(frozen=True, slots=True)
class Hazard:
    """Unwanted files that the COPYs of a Dockerfile bring."""

    kind: Kind
    paths: tuple[str, ...]
    """Context paths, sorted."""
    images: tuple[str, ...]
    """Where they end up."""
    line: int
    """Of the COPY that brings the first one."""


def hazards(file: FleetFile, context: BuildContext) -> Iterator[Hazard]:
    """What a file's COPYs of whole folders bring that they should not; files that a COPY names are meant."""
    brought: dict[str, tuple[str, int]] = {}
    for stage in file.stages:
        for copy in stage.copies:
            whole = [source for source in copy.sources if context.is_directory(source) or "*" in source]
            if copy.from_ is None and whole:
                named = {posixpath.normpath(source) for source in whole}
                for image, path in copied_files(copy, context).items():
                    if not _is_meant(path, named):
                        brought.setdefault(path, (image, copy.instruction.start_line))
    installs = {install.manager.name for stage in file.stages for run in stage.runs for install in run.installs}
    for kind in KINDS:
        paths = sorted(path for path in brought if kind.path.search(path) and not _is_harmless(kind, path, installs, file))
        paths += _repositories(kind, context, brought)
        if paths:
            first = brought.get(paths[0], ("", min((line for _, line in brought.values()), default=1)))
            images = tuple(brought[path][0] for path in paths if path in brought)
            yield Hazard(kind, tuple(paths), images, first[1])


def _is_meant(path: str, named: Iterable[str]) -> bool:
    """Whether a COPY names the unwanted folder itself: `COPY tests /tests` wants tests."""
    return any(name not in {".", ""} and any(kind.path.search(f"{name}/") for kind in KINDS) for name in named)


def _is_harmless(kind: Kind, path: str, installs: set[str], file: FleetFile) -> bool:
    if kind.name == "credentials":
        return bool(_SAMPLES.search(path))
    if kind.name == "installed node modules":
        return not installs & {"npm", "yarn", "pnpm"}
    if kind.name == "a virtual environment":
        return not installs & {"pip", "uv", "poetry"}
    if kind.name == "tests":
        return bool(re.search(r"test|spec|jest|tox|nox", " ".join(_commands(file))))
    return False


def _commands(file: FleetFile) -> Iterator[str]:
    """Everything that the image or its services run; a file that runs tests wants them."""
    for stage in file.stages:
        yield from (i.arguments for i in stage.instructions if i.keyword in {"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"})
        yield stage.name or ""
    yield file.path.rpartition("/")[2]
    yield from (str(service.command) for service in file.services)


def _repositories(kind: Kind, context: BuildContext, brought: dict[str, tuple[str, int]]) -> list[str]:
    """Version control folders are not walked: the folder stands for what is in it, where its parent is copied."""
    if not kind.path.search(".git/"):
        return []
    tops = {posixpath.dirname(path) for path in brought}
    found = [
        path for path, entry in context.visible.items() if entry.kind == "dir" and re.search(r"(^|/)\.(git|hg|svn)$", path)
    ]
    copied_whole = {
        path for path in found if posixpath.dirname(path) in tops | {""} and _covers(brought, posixpath.dirname(path))
    }
    return sorted(path for path in copied_whole if not any(each.startswith(path + "/") for each in brought))


def _covers(brought: dict[str, tuple[str, int]], folder: str) -> bool:
    """Whether a COPY brings a folder with everything in it: it brings hidden files, or several of its files."""
    own = [path for path in brought if posixpath.dirname(path) == folder]
    return len(own) > 1 or any(posixpath.basename(path).startswith(".") for path in own)
