"""Patterns that a fleet's owners want in every ignore file: how they are written, and what of a build needs the files."""

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from trimtab.fleet.context import BuildContext
from trimtab.fleet.copies import copied_files, manifest_files
from trimtab.fleet.model import FleetFile
from trimtab.fleet.plain import mapping
from trimtab.fleet.stage import Stage
from trimtab.syntax.data import read_toml
from trimtab.syntax.ignore import IgnoreFile, PatternError, clean_path

_ANYWHERE = frozenset({"node_modules", "venv", "htmlcov"})
"""Names that mean the same wherever they stand, and have nothing in them that says so."""


@dataclass(frozen=True, slots=True)
class Need:
    """A path of the context that a build asks for by name."""

    path: str
    line: int
    """Of the Dockerfile; 0 for what is not said there."""
    said: str
    """What asks for it, in words: "`COPY docs/api.json`"."""


def ignore_pattern(wanted: str) -> str:
    """A pattern as an ignore file has to have it.

    moby anchors patterns at the context's root, while people mean `*.log`, `.cache` and `__pycache__/` at every depth: these
    get `**/`. A plain name such as `logs/` does not: further down, a folder of that name may be code.
    """
    plain = clean_path(wanted.strip()).lstrip("/")
    deep = plain.startswith((".", "__")) or any(each in plain for each in "*?[") or plain in _ANYWHERE
    return f"**/{plain}" if deep and "/" not in plain else plain


def usable(wanted: Sequence[str]) -> tuple[str, ...]:
    """The patterns that moby reads, each once, as an ignore file has to have them."""
    return tuple(dict.fromkeys(ignore_pattern(each) for each in wanted if _is_read(each)))


def _is_read(wanted: str) -> bool:
    plain = wanted.strip()
    try:
        IgnoreFile.of([plain])
    except PatternError:
        return False
    return (
        bool(plain) and not plain.startswith(("!", "#")) and clean_path(plain).lstrip("/") not in {".", "*", "**", "**/*", ""}
    )


def is_listed(pattern: str, lines: Sequence[str]) -> bool:
    """Whether the lines of an ignore file have a pattern, or the same at every depth."""
    known = {line.strip().strip("/") for line in lines}
    return pattern in known or f"**/{pattern}" in known


def needs(file: FleetFile, context: BuildContext) -> Iterator[Need]:
    """What a Dockerfile's build asks for by name: COPY and ADD sources, bind mounts, manifests that installs read."""
    for stage in file.stages:
        for copy in stage.copies:
            for source in copy.sources if copy.from_ is None else ():
                if "://" not in source and "$" not in source and not source.startswith("git@"):
                    yield Need(source, copy.instruction.start_line, f"`{copy.instruction.keyword} {source}`")
        yield from _mounted(stage)
    for path in manifest_files(file, context):
        yield Need(path, 0, f"`{path}`, which says what is installed")
    yield from _named_in_manifests(file, context)


def _mounted(stage: Stage) -> Iterator[Need]:
    for run in stage.runs:
        for mount in run.mounts("bind"):
            source = mount.get("source") or mount.get("src") or "."
            if not mount.get("from") and "$" not in source:
                yield Need(source, run.instruction.start_line, f"`RUN --mount=type=bind,source={source}`")


def _named_in_manifests(file: FleetFile, context: BuildContext) -> Iterator[Need]:
    """The readme and the license that a `pyproject.toml` names: a package is not built without them (PEP 621)."""
    brought = {path for stage in file.stages for copy in stage.copies for path in copied_files(copy, context).values()}
    for path in sorted(brought):
        if posixpath.basename(path) != "pyproject.toml":
            continue
        try:
            project = mapping(read_toml(context.read(path) or "").get("project"))
        except ValueError:
            continue
        for key in ("readme", "license"):
            value = project.get(key)
            name = mapping(value).get("file") if key == "license" or not isinstance(value, str) else value
            if isinstance(name, str):
                yield Need(posixpath.join(posixpath.dirname(path), name), 0, f"`{key}` in `{path}`")


def keeps_back(pattern: str, need: Need, context: BuildContext) -> bool:
    """Whether a pattern would take away all that is asked for.

    A COPY of a whole folder in which some files match is no such case: that is what ignore files are for.
    """
    ignore = IgnoreFile.of([pattern])
    path = clean_path(need.path).lstrip("/")
    if path in {".", ""}:
        return False
    if any(character in path for character in "*?["):
        matches = list(context.matching(path))
        return bool(matches) and all(ignore.ignores(each) for each in matches)
    if ignore.ignores(path):
        return True
    below = list(context.files_below(path)) if context.is_directory(path) else []
    return bool(below) and all(ignore.ignores(each) for each in below)


def kept_back(pattern: str, file: FleetFile, context: BuildContext) -> dict[str, str]:
    """Image path to context path of everything that a build brings now and would not with a pattern."""
    ignore = IgnoreFile.of([pattern])
    return {
        image: path
        for stage in file.stages
        for copy in stage.copies
        for image, path in copied_files(copy, context).items()
        if ignore.ignores(path)
    }
