"""Which targets a change of the repository reaches, and why. Whoever is not known to be out of its reach is in it."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from trimtab.build.graph import Graph
from trimtab.build.inputs import brings_history, fetched, is_outside, named_folders, read_files, readings
from trimtab.build.target import Target

_SHOWN = 3
NOT_KNOWN = "trimtab-not-known"
"""The value of a variable in the earlier graph that comes from a file which git does not look at."""


@dataclass(frozen=True)
class Changed:
    """What differs from the revision that is compared with. Paths count from the fleet's root."""

    paths: tuple[str, ...] = ()
    """Files that are new, gone or different."""
    unknown: tuple[str, ...] = ()
    """Files and folders (with a `/` behind) that git does not look at, so that nobody knows whether they differ."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Why a target is affected; no reason means that it is not."""

    reasons: tuple[str, ...] = ()

    @property
    def affected(self) -> bool:
        return bool(self.reasons)


def affected(now: Graph, before: Graph, changed: Changed) -> Mapping[str, Reach]:
    """For every target of the graph as it is now, whether its image may differ from the one of the earlier graph."""
    same = {name: _same(target, before) for name, target in now.targets.items()}
    found = {name: tuple(_reasons(target, same[name], changed)) for name, target in now.targets.items()}
    return {name: Reach(reasons) for name, reasons in _spread(now, found).items()}


def _same(target: Target, before: Graph) -> Target | None:
    """The target as it was: by its name, else the only one with one of its services."""
    if target.name in before.targets:
        return before.targets[target.name]
    found = [other for other in before.targets.values() if set(other.services) & set(target.services)]
    return found[0] if len(found) == 1 else None


def _spread(graph: Graph, found: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """The reasons with those of targets that are built from affected ones."""
    reasons = dict(found)
    pending = [name for name, each in reasons.items() if each]
    while pending:
        provider = pending.pop()
        for consumer in graph.dependants[provider]:
            if not reasons[consumer]:
                pending.append(consumer)
            reasons[consumer] = (*reasons[consumer], f"`{provider}`, which it is built from, is affected")
    return reasons


def _reasons(target: Target, was: Target | None, changed: Changed) -> Iterator[str]:
    if was is None:
        yield "it is new"
        return
    if target.file is None:
        yield "its Dockerfile lies outside the repository, so what it reads is not known"
        return
    yield from _definition(target, was)
    yield from _dockerfile(target, was)
    if target.context is None:
        yield "its context lies outside the repository"
        return
    yield from _files(target, was, changed)
    yield from _ignore_file(target, was, changed)
    yield from _folders(target, changed)
    yield from _unknown(target, changed)
    yield from _own_history(target)
    yield from (f"`ADD {address}` has no checksum: what is there may have changed" for address in fetched(target))


def _definition(target: Target, was: Target) -> Iterator[str]:
    build, old = target.build, was.build
    fields = ("context", "dockerfile", "target", "platforms", "additional_contexts")
    for name in fields:
        if getattr(build, name) != getattr(old, name):
            yield f"its {name.replace('_', ' ')} changed in `{target.origin}`"
    names = {name for name in {**build.args, **old.args} if build.args.get(name) != old.args.get(name)}
    used = sorted(name for name in names if _uses_argument(target, name))
    doubted = [name for name in used if NOT_KNOWN in old.args.get(name, "")]
    if doubted:
        yield f"build argument {', '.join(doubted)} comes from a file that git does not track: whether it changed is not known"
    elif used:
        yield f"build argument {', '.join(used)} changed"
    plain = [replace(each.options.without_caches, inline=None) for each in (target, was)]
    if plain[0] != plain[1]:
        yield f"its build options changed in `{target.origin}`"
    tags = [tag for tag in target.tags if tag not in was.tags]
    # A name that is in doubt alters nothing of the image.
    if tags and not any(NOT_KNOWN in tag for tag in was.tags):
        yield f"no image has its tag {_listed(tags)} yet"


def _uses_argument(target: Target, name: str) -> bool:
    if target.file is None:
        return True
    words = (w.raw.partition("=")[0] for i in target.file.dockerfile.named("ARG") for w in i.words)
    return name in words


def _dockerfile(target: Target, was: Target) -> Iterator[str]:
    if target.said == was.said or target.file is None:
        return
    inline = target.options.inline or was.options.inline
    yield f"its inline Dockerfile changed in `{target.origin}`" if inline else f"`{target.file.path}` changed"


def _files(target: Target, was: Target, changed: Changed) -> Iterator[str]:
    """The changed files that an instruction reads, now or as it was before."""
    told: set[str] = set()
    for side in (target, was):
        context = side.context
        if context is None:
            continue
        inside = [path for path in _within(changed.paths, context.root) if not context.ignore.ignores(path)]
        for reading in readings(side):
            found = [path for path in inside if reading.reads(path)]
            if found and reading.what not in told:
                told.add(reading.what)
                yield f"{reading.what}: {_listed(found)} changed"


def _ignore_file(target: Target, was: Target, changed: Changed) -> Iterator[str]:
    """Files that have not changed themselves and that another ignore file lets through, or keeps back."""
    now, old = target.context, was.context
    if now is None or old is None or (now.ignore_path, now.ignore) == (old.ignore_path, old.ignore):
        return
    itself = set(changed.paths)
    differing = set(read_files(target)) ^ set(read_files(was))
    found = sorted(path for path in differing if now.tree_path(path) not in itself)
    if found:
        yield f"the ignore file changed what is sent: {_listed(found)}"


def _folders(target: Target, changed: Changed) -> Iterator[str]:
    for name, folder in named_folders(target).items():
        if is_outside(folder):
            yield f"its context `{name}` lies outside the repository"
            continue
        found = list(_within((*changed.paths, *changed.unknown), "" if folder == "." else folder))
        if found:
            yield f"context `{name}`: {_listed(found)} changed"


def _unknown(target: Target, changed: Changed) -> Iterator[str]:
    """Files that are read and that git has been told to ignore."""
    context = target.context
    if context is None or not changed.unknown:
        return
    own = [path for path in (target.file and target.file.path, context.ignore_path) if path]
    hidden = [path for path in own if path in changed.unknown or any(path.startswith(each) for each in _folders_of(changed))]
    if hidden:
        yield f"git does not track {_listed(hidden)}: whether it changed is not known"
    files = read_files(target)
    exact = {path for path in _within(changed.unknown, context.root) if not path.endswith("/")}
    folders = tuple(path for path in _within(changed.unknown, context.root) if path.endswith("/"))
    found = [path for path in files if path in exact or path.startswith(folders)]
    if found:
        yield f"git does not track {_listed(found)}, which it reads: whether they changed is not known"


def _folders_of(changed: Changed) -> tuple[str, ...]:
    return tuple(path for path in changed.unknown if path.endswith("/"))


def _own_history(target: Target) -> Iterator[str]:
    """The repository itself, where a target reads it: every commit changes it."""
    what = brings_history(target)
    if what:
        yield f"{what} brings `.git`, which every commit changes"


def _within(paths: Iterable[str], root: str) -> Iterator[str]:
    """Those of the paths that lie below a folder, counted from it."""
    prefix = f"{root}/" if root else ""
    return (path[len(prefix) :] for path in paths if path.startswith(prefix))


def _listed(paths: Iterable[str]) -> str:
    every = list(paths)
    if len(every) == 1:
        return f"`{every[0]}`"
    shown = ", ".join(f"`{posixpath.normpath(path)}`" for path in every[:_SHOWN])
    return f"{len(every)} files ({shown}{' …' if len(every) > _SHOWN else ''})"
