"""Which files of its context a target's instructions read."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from trimtab.build.graph import Target
from trimtab.fleet import BuildContext, Entry
from trimtab.fleet.stage import Stage
from trimtab.syntax.ignore import IgnoreFile, PatternError, clean_path

_REMOTE = re.compile(r"^(?:https?|git|ssh|ftp)://|^git@")
_PINNED = re.compile(r"#[0-9a-f]{40}\b")
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
    return tuple(reading for stage in target.stages for reading in _of_stage(stage, context))


def _of_stage(stage: Stage, context: BuildContext) -> Iterator[Reading]:
    for copy in stage.copies:
        if copy.from_ is None:
            local = tuple(_cleaned(source) for source in copy.sources if not _REMOTE.search(source))
            if local:
                yield Reading(_named(copy.instruction.keyword, copy.sources), local, context)
        elif "$" in copy.from_:
            yield Reading(f"COPY --from={copy.from_}", (".",), context)
    for run in stage.runs:
        for mount in run.instruction.mounts():
            if mount.get("type", "bind") == "bind" and not mount.get("from"):
                source = mount.get("source") or mount.get("src") or "."
                yield Reading(_named("RUN --mount", (source,)), (_cleaned(source),), context)


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


def named_folders(target: Target) -> Mapping[str, str]:
    """The additional contexts that are folders, by name, as paths from the fleet's root."""
    values = target.build.additional_contexts.items()
    return {name: posixpath.normpath(value) for name, value in values if ":" not in value}
