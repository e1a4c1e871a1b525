"""Which context files a COPY brings, and which of them a developer edits."""

import posixpath

from trimtab.fleet.context import BuildContext
from trimtab.fleet.dependencies import Manifests, install_inputs
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy, Run, Stage

_SOURCE_TYPES = (".py", ".js", ".ts", ".tsx", ".jsx", ".mjs", ".go", ".rs", ".java", ".rb", ".php", ".html", ".css", ".sh")
_ENTRY_NAMES = ("main", "app", "index", "server", "__main__", "worker")


def copied_files(copy: Copy, context: BuildContext) -> dict[str, str]:
    """Image path to context path for every file that a COPY from the context brings."""
    found: dict[str, str] = {}
    if copy.from_ is not None:
        return found
    for source in copy.sources:
        wild = any(character in source for character in "*?[")
        for root in list(context.matching(source)) if wild else [posixpath.normpath(source).lstrip("/")]:
            found.update(_below(copy, context, root))
    return found


def _below(copy: Copy, context: BuildContext, root: str) -> dict[str, str]:
    if not context.is_directory(root):
        target = copy.destination
        if copy.is_directory_target:
            target = posixpath.join(target, posixpath.basename(root))
        return {target: root} if context.exists(root) else {}
    prefix = "" if root in {".", ""} else root + "/"
    return {posixpath.join(copy.destination, path[len(prefix) :]): path for path in context.files_below(root)}


def context_folder(stage: Stage, run: Run, context: BuildContext) -> str | None:
    """The context folder whose copy stands at a RUN's working directory, None when nothing was copied there."""
    workdir = run.state.workdir.rstrip("/") + "/"
    for copy in reversed(stage.copies):
        if copy.index > run.index:
            continue
        for image_path, path in copied_files(copy, context).items():
            if image_path.startswith(workdir) and path.endswith(image_path[len(workdir) :]):
                return posixpath.normpath(path[: -len(image_path) + len(workdir)] or ".")
    return None


def manifest_files(facts: Facts, context: BuildContext) -> tuple[str, ...]:
    """Context paths that decide which dependencies are installed, in the order they are read."""
    found: dict[str, None] = {}
    for stage in facts.stages:
        for run in stage.runs:
            for install in run.installs:
                folder = context_folder(stage, run, context)
                inputs = None if folder is None or install.manager.system else install_inputs(install, folder, context)
                if isinstance(inputs, Manifests):
                    found.update(dict.fromkeys(inputs.paths))
    return tuple(found)


def source_file(facts: Facts, context: BuildContext) -> str | None:
    """A file of the service's own code that a build copies: an entry point where there is one."""
    manifests = set(manifest_files(facts, context))
    brought = {path for stage in facts.stages for copy in stage.copies for path in copied_files(copy, context).values()}
    sources = sorted(path for path in brought - manifests if path.endswith(_SOURCE_TYPES))
    if not sources:
        return None
    near = posixpath.dirname(facts.file.path)
    return min(sources, key=lambda path: _distance(path, near, context))


def _distance(path: str, near: str, context: BuildContext) -> tuple[bool, bool, int, str]:
    stem = posixpath.basename(path).partition(".")[0]
    beside = context.tree_path(path).startswith(near + "/") if near else True
    return (not beside, stem not in _ENTRY_NAMES, path.count("/"), path)
