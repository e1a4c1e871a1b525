"""Which files of its context a target's instructions read."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from trimtab.build.target import Target
from trimtab.fleet import BuildContext, Entry
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction
from trimtab.syntax.ignore import IgnoreFile, PatternError, clean_path

_REMOTE = re.compile(r"^(?:https?|git|ssh|ftp)://|^git@")
_PINNED = re.compile(r"#[0-9a-f]{40}\b")
_VARIABLE = re.compile(r"\$\{?(\w+)")
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Reading:
    """What one instruction reads of the build context."""

    what: str
    """The instruction as a person would name it: `COPY src ./src`."""
    sources: tuple[str, ...]
    """Paths in the context, with wildcards; `.` is all of it."""
    context: BuildContext

    @cached_property
    def _wild(self) -> IgnoreFile:
        return IgnoreFile.of([source for source in self.sources if _is_pattern(source)])

    @cached_property
    def _plain(self) -> tuple[str, ...]:
        """The sources without wildcards; of one that a link leads to, nobody here knows what it reads: all of it."""
        plain = [source for source in self.sources if not _WILD.search(source)]
        unread = ["." for source in self.sources if _WILD.search(source) and not _is_pattern(source)]
        return tuple("." if self._through_link(source) else source for source in (*plain, *unread))

    @cached_property
    def _follows_links(self) -> bool:
        """Whether a wildcard finds a link at the depth at which the builder follows links."""
        depths = {source.count("/") for source in self.sources if _is_pattern(source)}
        if not depths:
            return False
        entries = self.context.visible.items()
        return any(entry.kind == "link" and path.count("/") in depths and self._wild.ignores(path) for path, entry in entries)

    def _through_link(self, source: str) -> bool:
        parts = source.split("/")
        above = ("/".join(parts[:length]) for length in range(1, len(parts) + 1))
        found = (self.context.tree.entries.get(self.context.tree_path(path)) for path in above if path != ".")
        return any(entry is not None and entry.kind == "link" for entry in found)

    def reads(self, path: str) -> bool:
        """Whether a path of the context, as far as the ignore file lets it through, is one that the instruction reads."""
        if self._follows_links:
            return True
        # A folder that has changed as a whole, as a submodule does, is read by whoever reads something below it.
        inside = (s == "." or path == s or path.startswith(s + "/") or s.startswith(path + "/") for s in self._plain)
        return any(inside) or self._wild.ignores(path)


def _is_pattern(source: str) -> bool:
    """Whether a source has wildcards that can be read; of others, nobody here knows what they match."""
    if not _WILD.search(source):
        return False
    try:
        IgnoreFile.of([source])
    except PatternError:
        return False
    return True


def readings(target: Target) -> tuple[Reading, ...]:
    """What a target's needed stages read of its context; nothing where the context or the Dockerfile is not the fleet's."""
    context = target.context
    if context is None:
        return ()
    found = [Reading(what, sources, context) for what, from_, sources in _asked(target) if from_ is None]
    return tuple(dict.fromkeys(found))


def named_readings(target: Target) -> Mapping[str, tuple[Reading, ...]]:
    """What a target reads of the additional contexts that are folders of the fleet, by their names."""
    tree = target.file.contexts[0].tree if target.file is not None and target.file.contexts else None
    if tree is None:
        return {}
    asked = list(_asked(target))
    starts = {stage.base for stage in target.stages if stage.parent is None}
    found: dict[str, tuple[Reading, ...]] = {}
    for name, folder in named_folders(target).items():
        if is_outside(folder):
            continue
        context = BuildContext("" if folder == "." else folder, "", tree)
        every = [(what, sources) for what, from_, sources in asked if from_ == name]
        every += [("FROM", (".",))] if name in starts else []
        found[name] = tuple(Reading(what, sources, context) for what, sources in every)
    return found


def knows_all(target: Target) -> bool:
    """Whether everything that a target is made of, images aside, lies in the fleet and can be looked at."""
    values = target.build.additional_contexts.values()
    remote = any(_REMOTE.search(value) for value in values) or any(is_outside(each) for each in named_folders(target).values())
    return target.file is not None and target.context is not None and not (remote or fetched(target) or brings_history(target))


def brings_history(target: Target) -> str:
    """The instruction that reads the repository itself, which every commit changes; empty where none does."""
    context = target.context
    if context is None or context.ignore.ignores(".git") or context.tree_path(".git") not in context.tree.entries:
        return ""
    return next((reading.what for reading in readings(target) if reading.reads(".git")), "")


_Asked = tuple[str, str | None, tuple[str, ...]]
"""An instruction as a person would name it, where it reads, and which paths there: cleaned, `.` where nobody knows."""


def _asked(target: Target) -> Iterator[_Asked]:
    for stage in target.stages:
        yield from _of_stage(stage)
        if stage.parent is not None and target.file is not None:
            parent = target.file.stages_of(target.build)[stage.parent]
            yield from _of_triggers(each.trigger for each in parent.instructions)
    yield from _of_triggers(target.triggers)


def _of_stage(stage: Stage) -> Iterator[_Asked]:
    for copy in stage.copies:
        state = stage.states[copy.index]
        yield from _of_copy(copy.instruction, copy.sources, copy.from_, state.env)
    for run in stage.runs:
        yield from _of_mounts(run.instruction)


def _of_triggers(triggers: Iterable[Instruction | None]) -> Iterator[_Asked]:
    """What `ONBUILD` of an image makes whoever starts from it read."""
    for each in triggers:
        if each is not None and each.keyword in {"COPY", "ADD"}:
            origin = each.flag("from")
            sources = tuple(source for source in _raw(each)[:-1] if not source.startswith("<<"))
            yield from _of_copy(each, sources, origin.value if origin else None, {})
        elif each is not None and each.keyword == "RUN":
            yield from _of_mounts(each)


def _of_copy(instruction: Instruction, sources: tuple[str, ...], from_: str | None, env: Mapping[str, str]) -> Iterator[_Asked]:
    what = _named(instruction.keyword, sources)
    if from_ is not None and "$" in from_:
        yield f"COPY --from={from_}", None, (".",)
        return
    if from_ is not None:
        yield f"COPY --from={from_} {' '.join(sources)}", from_, tuple(_cleaned(source) for source in sources)
        return
    # What has no value here may have one there: of the base, of the platform.
    known = all(name in env for source in _raw(instruction)[:-1] for name in _VARIABLE.findall(source))
    local = tuple(_cleaned(source) if known else "." for source in sources if not _REMOTE.search(source))
    if local:
        yield what if known else _named(instruction.keyword, tuple(_raw(instruction)[:-1])), None, tuple(dict.fromkeys(local))


def _of_mounts(instruction: Instruction) -> Iterator[_Asked]:
    for mount in instruction.mounts():
        if mount.get("type", "bind") == "bind":
            source = mount.get("source") or mount.get("src") or "."
            yield _named("RUN --mount", (source,)), mount.get("from") or None, (_cleaned(source),)


def _raw(instruction: Instruction) -> Sequence[str]:
    return instruction.json if instruction.json is not None else [word.raw for word in instruction.words]


def _named(keyword: str, sources: tuple[str, ...]) -> str:
    shown = " ".join(sources[:3]) + (" …" if len(sources) > 3 else "")
    return f"{keyword} {shown}"


def _cleaned(source: str) -> str:
    """A source as a path of the context; one with a variable that has no value here may be any."""
    return "." if "$" in source else clean_path(source).lstrip("/") or "."


def fetched(target: Target) -> tuple[str, ...]:
    """The addresses that ADD instructions read and that nothing pins: what is behind them may change by itself."""
    return tuple(
        source
        for stage in target.stages
        for copy in stage.copies
        if copy.instruction.flag("checksum") is None
        for source in copy.sources
        if _REMOTE.search(source) and not _PINNED.search(source)
    )


def read_files(target: Target) -> Mapping[str, Entry]:
    """Every file of the context that the target reads, by its path in the context, in order."""
    every = readings(target)
    context = target.context
    if context is None:
        return {}
    found = context.visible.items()
    return {path: entry for path, entry in found if entry.kind != "dir" and any(each.reads(path) for each in every)}


def read_named_files(target: Target) -> Mapping[str, str]:
    """Every file of its additional contexts that the target reads, as `context: path`, to its path in the fleet."""
    found: dict[str, str] = {}
    for name, every in named_readings(target).items():
        for context in {each.context.root: each.context for each in every}.values():
            files = (path for path, entry in context.visible.items() if entry.kind != "dir")
            read = (path for path in files if any(each.reads(path) for each in every))
            found |= {f"{name}: {path}": context.tree_path(path) for path in read}
    # What a run notes in our own folder is no input of the next one.
    return {name: path for name, path in found.items() if path.partition("/")[0] != ".trimtab"}


def is_outside(folder: str) -> bool:
    """Whether a named context's folder leads out of the fleet."""
    return folder.startswith(("..", "/"))


def named_folders(target: Target) -> Mapping[str, str]:
    """The additional contexts that are folders, by name, as paths from the fleet's root."""
    values = target.build.additional_contexts.items()
    return {name: posixpath.normpath(value) for name, value in values if ":" not in value}
