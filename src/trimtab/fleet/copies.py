"""Which context files a COPY brings, and which of them a developer edits."""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from trimtab.fleet.context import BuildContext
from trimtab.fleet.dependencies import Manifests, install_inputs
from trimtab.fleet.model import FleetFile
from trimtab.fleet.stage import Copy, Stage

_SOURCE_TYPES = (".py", ".js", ".ts", ".tsx", ".jsx", ".mjs", ".go", ".rs", ".java", ".rb", ".php", ".html", ".css", ".sh")
_ENTRY_NAMES = ("main", "app", "index", "server", "__main__", "worker")


_KEPT = 1000
"""Files of one COPY that are remembered. Few bring more, and a hundred services that each copy a large context would fill the
memory."""


def copied_files(copy: Copy, context: BuildContext) -> Mapping[str, str]:
    """Image path to context path for every file that a COPY from the context brings."""
    if copy.from_ is not None:
        return {}
    parents = copy.instruction.flag("parents") is not None
    # Fifteen rules and facts ask for the same ones: in a fleet of 44 Dockerfiles, 2,000 times for 300 COPYs.
    key = ("copied", context.root, context.ignore_path, copy.sources, copy.destination, copy.is_directory_target, parents)
    known = context.tree.memo.get(key)
    if known is None:
        known = _brought(copy, context)
        if len(known) <= _KEPT:
            context.tree.memo[key] = known
    return cast("Mapping[str, str]", known)


def _brought(copy: Copy, context: BuildContext) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for source in copy.sources:
        wild = any(character in source for character in "*?[")
        for root in list(context.matching(source)) if wild else [posixpath.normpath(source).lstrip("/")]:
            found.update(_below(copy, context, root))
    return found


def sent_files(file: FleetFile, context: BuildContext) -> dict[str, int]:
    """Context path to bytes of everything that a file's COPYs bring, which is what BuildKit sends."""
    paths = {path for stage in file.stages for copy in stage.copies for path in copied_files(copy, context).values()}
    return {path: context.visible[path].size for path in sorted(paths) if path in context.visible}


def heaviest_folders(sent: Mapping[str, int]) -> list[tuple[str, int]]:
    """The folders, at most two levels deep, and the files of the root that hold the bytes; the heaviest first."""
    folders: dict[str, int] = {}
    for path, size in sent.items():
        folder = "/".join(path.split("/")[:2]) if path.count("/") > 1 else path.partition("/")[0]
        folders[folder] = folders.get(folder, 0) + size
    return sorted(folders.items(), key=lambda pair: (-pair[1], pair[0]))


def _below(copy: Copy, context: BuildContext, root: str) -> dict[str, str]:
    parents = copy.instruction.flag("parents") is not None
    if not context.is_directory(root):
        target = copy.destination
        if copy.is_directory_target or parents:
            target = posixpath.join(target, root if parents else posixpath.basename(root))
        return {target: root} if context.exists(root) else {}
    prefix = "" if root in {".", ""} or parents else root + "/"
    return {posixpath.join(copy.destination, path[len(prefix) :]): path for path in context.files_below(root)}


@dataclass(frozen=True)
class CopiedFiles:
    """What the COPYs of a stage have brought from the context, as the image sees it."""

    context: BuildContext
    paths: Mapping[str, str]
    """Image path to context path."""

    @classmethod
    def before(cls, stage: Stage, index: int, context: BuildContext) -> "CopiedFiles":
        """The files that are there when an instruction of the stage runs; later COPYs win."""
        paths: dict[str, str] = {}
        for copy in stage.copies:
            if copy.index < index:
                paths.update(copied_files(copy, context))
        return cls(context, paths)

    @classmethod
    def of(cls, lineage: Iterable[Stage], context: BuildContext) -> "CopiedFiles":
        """The files that an image holds in the end, its parent stages' included."""
        paths: dict[str, str] = {}
        for stage in lineage:
            for copy in stage.copies:
                paths.update(copied_files(copy, context))
        return cls(context, paths)

    def read(self, path: str) -> str | None:
        return self.context.read(self.paths[path]) if path in self.paths else None

    def has_folder(self, path: str) -> bool:
        return any(each.startswith(path + "/") for each in self.paths)


def manifest_files(file: FleetFile, context: BuildContext) -> tuple[str, ...]:
    """Context paths that decide which dependencies are installed, in the order they are read."""
    found: dict[str, None] = {}
    for stage in file.stages:
        for run in stage.runs:
            files = CopiedFiles.before(stage, run.index, context)
            for install in run.installs:
                inputs = None if install.manager.system else install_inputs(install, run.state.workdir, files)
                if isinstance(inputs, Manifests):
                    found.update(dict.fromkeys(files.paths[path] for path in inputs.paths))
    return tuple(found)


def source_file(file: FleetFile, context: BuildContext) -> str | None:
    """A file of the service's own code that a build copies: an entry point where there is one."""
    manifests = set(manifest_files(file, context))
    brought = {path for stage in file.stages for copy in stage.copies for path in copied_files(copy, context).values()}
    sources = sorted(path for path in brought - manifests if path.endswith(_SOURCE_TYPES))
    if not sources:
        return None
    near = posixpath.dirname(file.path)
    return min(sources, key=lambda path: _distance(path, near, context))


def _distance(path: str, near: str, context: BuildContext) -> tuple[bool, bool, int, str]:
    stem = posixpath.basename(path).partition(".")[0]
    beside = context.tree_path(path).startswith(near + "/") if near else True
    return (not beside, stem not in _ENTRY_NAMES, path.count("/"), path)
