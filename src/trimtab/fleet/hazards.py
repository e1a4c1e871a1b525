"""Files of a build context that no image should get."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import copied_files
from trimtab.fleet.model import FleetFile
from trimtab.fleet.paths import is_within
from trimtab.fleet.secrets import SECRET_FILES, secret_kind
from trimtab.fleet.stage import Stage

_SAMPLES = re.compile(r"(example|sample|template|dist|test|fixture|mock)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of unwanted file. `patterns` keep all of it out of a context."""

    name: str
    path: "re.Pattern[str]"
    """What such a path looks like, relative to the context."""
    patterns: tuple[str, ...]
    """Empty for kinds whose files have to be named one by one."""
    serious: bool = False
    """Whether a context should not be without an ignore file for it."""


KINDS = (
    Kind("the history of the repository", re.compile(r"(^|/)\.(git|hg|svn)(/|$)"),
         ("**/.git", "**/.hg", "**/.svn"), serious=True),
    Kind("credentials", SECRET_FILES, (), serious=True),
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

    @property
    def patterns(self) -> tuple[str, ...]:
        """What keeps them out."""
        return self.kind.patterns or self.paths


def hazards(file: FleetFile, context: BuildContext) -> Sequence[Hazard]:
    """What a file's COPYs of whole folders bring that they should not; files that a COPY names are meant."""
    key = ("hazards", context.root)
    if key not in file.memo:
        file.memo[key] = tuple(_hazards(file, context))
    return cast("Sequence[Hazard]", file.memo[key])


def _hazards(file: FleetFile, context: BuildContext) -> Iterator[Hazard]:
    brought: dict[str, tuple[str, int]] = {}
    folders: set[str] = set()
    for stage in file.stages:
        for copy in stage.copies:
            whole = [source for source in copy.sources if context.is_directory(source) or "*" in source]
            if copy.from_ is None and whole:
                named = {posixpath.normpath(source).lstrip("/") or "." for source in whole}
                folders |= {
                    name for name in named if context.is_directory(name) and _reaches_image(file, stage, copy.destination)
                }
                for image, path in copied_files(copy, context).items():
                    if not _is_meant(path, named) and _reaches_image(file, stage, image):
                        brought.setdefault(path, (image, copy.instruction.start_line))
    every = [install for stage in file.stages for run in stage.runs for install in run.installs]
    installs = {install.manager.name for install in every if not (install.has_flag("-g", "--global") and install.packages)}
    for kind in (kind for kind in KINDS if not _also_named(file, kind)):
        paths = sorted(
            path for path in brought if kind.path.search(path) and not _is_harmless(kind, path, installs, file, context)
        )
        paths += _repositories(kind, context, folders, brought)
        if paths:
            first = brought.get(paths[0], ("", min((line for _, line in brought.values()), default=1)))
            images = tuple(brought[path][0] for path in paths if path in brought)
            yield Hazard(kind, tuple(paths), images, first[1])


def _reaches_image(file: FleetFile, stage: Stage, path: str) -> bool:
    """Whether a file of a stage is in an image: of the last stage or a target, or copied from stage to stage to one."""
    targets = {(build.target or "").lower() for build in file.builds}
    if stage.index == len(file.stages) - 1 or (stage.name or "").lower() in targets - {""}:
        return True
    for other in file.stages[stage.index + 1 :]:
        if other.parent == stage.index and _reaches_image(file, other, path):
            return True
        for copy in other.copies:
            names = {str(stage.index), (stage.name or "").lower()} - {""}
            taken = any(is_within(path, source.rstrip("/") or "/") for source in copy.sources)
            if (
                copy.from_ is not None
                and copy.from_.lower() in names
                and taken
                and _reaches_image(file, other, copy.destination)
            ):
                return True
    return False


def _is_meant(path: str, named: Iterable[str]) -> bool:
    """Whether a COPY names the unwanted folder itself: `COPY tests /tests` wants tests."""
    return any(name not in {".", ""} and any(kind.path.search(f"{name}/") for kind in KINDS) for name in named)


def _also_named(file: FleetFile, kind: Kind) -> bool:
    """Whether a COPY from another stage or a bind mount names such a path: then the build needs them."""
    sources = [source for stage in file.stages for copy in stage.copies if copy.from_ for source in copy.sources]
    mounts = [mount for stage in file.stages for run in stage.runs for mount in run.mounts("bind")]
    sources += [mount.get("source") or mount.get("src") or "" for mount in mounts]
    return any(kind.path.search(f"{source}/") or kind.path.search(source) for source in sources)


def _is_harmless(kind: Kind, path: str, installs: set[str], file: FleetFile, context: BuildContext) -> bool:
    if kind.name == "credentials":
        return bool(_SAMPLES.search(path)) or not _holds_credentials(path, context, file)
    if kind.name == "installed node modules":
        return not installs & {"npm", "yarn", "pnpm"}
    if kind.name == "a virtual environment":
        return not installs & {"pip", "uv", "poetry"}
    if kind.name == "tests":
        builds = bool(_BUILDS.search(" ".join(_commands(file))))
        return builds or not installs <= _PLAIN or not _PLAIN & installs or _is_module(path, context)
    return kind.name == "the history of the repository" and bool(
        re.search(r"\bgit\b|scm|versioneer", " ".join(_commands(file)))
    )


_PLAIN = frozenset({"pip", "uv", "poetry", "npm", "yarn", "pnpm", "apt", "apk"})
_BUILDS = re.compile(
    r"test|spec|jest|tox|nox|\b(make|cmake|cargo|go|dotnet|mvn|gradle|mix|swift|rake|bundle|composer|bazel)\b"
    r"|setup\.py|pip install \."
)
"""What may need tests to build: they are part of a project's own description."""


def _is_module(path: str, context: BuildContext) -> bool:
    """Whether a test folder stands inside a Python package, so that the package may import it."""
    match = re.search(r"^(?P<above>.*?)/?(tests?|__tests__|spec)/", path)
    return match is not None and bool(match["above"]) and f"{match['above']}/__init__.py" in context.visible


def _holds_credentials(path: str, context: BuildContext, file: FleetFile) -> bool:
    """Whether a file of a telling name really has something to hide: a filled-in variable, or a key that is not public."""
    text = context.read(path)
    name = posixpath.basename(path)
    if text is None:
        return True
    if name.startswith(".env"):
        builds = re.search(r"(npm|yarn|pnpm)( run)? build|next build|vite build", " ".join(_commands(file)))
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
        return not builds and any(
            secret_kind(key.strip().removeprefix("export ").strip(), value.strip()) for key, _, value in pairs
        )
    return not (name.endswith(".key") and ("PUBLIC" in text or "BEGIN" not in text))


def _commands(file: FleetFile) -> Iterator[str]:
    """Everything that the image or its services run; a file that runs tests wants them."""
    for stage in file.stages:
        yield from (i.arguments for i in stage.instructions if i.keyword in {"RUN", "CMD", "ENTRYPOINT", "HEALTHCHECK"})
        yield stage.name or ""
    yield file.path.rpartition("/")[2]
    yield from (str(service.command) for service in file.services)


def _repositories(kind: Kind, context: BuildContext, folders: Iterable[str], known: Iterable[str]) -> list[str]:
    """Version control folders are not walked: the folder stands for what is in it, where a COPY names one above it."""
    if not kind.path.search(".git/"):
        return []
    found = [each for folder in (".git", ".hg", ".svn") for each in context.folders_named(folder)]
    copied = [path for path in found if any(folder == "." or path.startswith(f"{folder}/") for folder in folders)]
    walked = list(known)
    return sorted(path for path in copied if not any(each.startswith(path + "/") for each in walked))
