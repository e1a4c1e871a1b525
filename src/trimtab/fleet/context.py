"""What the builder can see: a context folder through the ignore file that is really in effect."""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from trimtab.fleet.tree import Entry, Tree, Unreadable, below
from trimtab.syntax.ignore import IgnoreFile, PatternError, clean_path, parse_ignore


@dataclass(frozen=True)
class BuildContext:
    """A context folder as one Dockerfile's build sees it."""

    root: str
    dockerfile: str
    tree: Tree

    @cached_property
    def ignore_path(self) -> str | None:
        """The ignore file in effect: `<Dockerfile>.dockerignore` beside the Dockerfile, else the context root's.

        Any other one, such as a service's own below a root context, is never read by BuildKit.
        """
        for path in (f"{self.dockerfile}.dockerignore", _join(self.root, ".dockerignore")):
            entry = self.tree.entries.get(path)
            if entry is not None and entry.kind in {"file", "link"}:
                return path
        return None

    @cached_property
    def ignore_problem(self) -> str | None:
        return self._ignore_or_problem[1]

    @cached_property
    def ignore(self) -> IgnoreFile:
        return self._ignore_or_problem[0]

    @cached_property
    def _ignore_or_problem(self) -> tuple[IgnoreFile, str | None]:
        if self.ignore_path is None:
            return IgnoreFile(), None
        text = self.tree.read(self.ignore_path)
        if isinstance(text, Unreadable):
            return IgnoreFile(), text.reason
        try:
            return parse_ignore(text.text), None
        except PatternError as error:
            return IgnoreFile(), str(error)

    @property
    def _prefix(self) -> str:
        return f"{self.root}/" if self.root else ""

    @cached_property
    def visible(self) -> dict[str, Entry]:
        """Everything the ignore file lets through, by path relative to the context."""
        key = ("visible", self.root, self.ignore_path or "")
        if key not in self.tree.memo:
            self.tree.memo[key] = self._seen()
        return cast("dict[str, Entry]", self.tree.memo[key])

    def _seen(self) -> dict[str, Entry]:
        start, ignore = len(self._prefix), self.ignore
        found = below(self.tree, self.root, lambda path: not ignore.ignores_whole_directory(path[start:]))
        return {path: entry for entry in found if not ignore.ignores_listed(path := entry.path[start:])}

    def tree_path(self, path: str) -> str:
        """A context path as a path of the fleet."""
        return _join(self.root, path)

    def exists(self, path: str) -> bool:
        """Whether a context path reaches the builder; a folder does when anything below it does."""
        cleaned = clean_path(path).lstrip("/")
        if cleaned in {".", ""}:
            return True
        entry = self.tree.entries.get(self.tree_path(cleaned))
        if entry is None:
            return self._through_link(cleaned)
        if not self.ignore.ignores(cleaned):
            return True
        return entry.kind == "dir" and any(name.startswith(cleaned + "/") for name in self.visible)

    def _through_link(self, path: str) -> bool:
        """A path below a linked folder: not walked, so taken as there rather than reported falsely."""
        parts = path.split("/")
        parents = ("/".join(parts[:length]) for length in range(1, len(parts)))
        return any((entry := self.tree.entries.get(self.tree_path(p))) and entry.kind == "link" for p in parents)

    def matching(self, pattern: str) -> Iterator[str]:
        """Visible context paths that a COPY source with wildcards matches (Go's `filepath.Match`)."""
        cleaned = clean_path(pattern).lstrip("/")
        try:
            glob = IgnoreFile.of([cleaned])
        except PatternError:
            # The builder refuses it too: `COPY [--chown=a] b c` as a text about Dockerfiles writes it.
            return iter(())
        return (path for path in self._candidates(cleaned) if glob.ignores_listed(path))

    def _candidates(self, pattern: str) -> Sequence[str]:
        """The visible paths as deep as a pattern; where only its last part has wildcards, those of that one folder."""
        folder = pattern.rpartition("/")[0]
        plain = not re.search(r"[*?\[\\]", folder)
        key = ("children", self.root, self.ignore_path or "")
        if key not in self.tree.memo:
            by_place: dict[str | int, list[str]] = {}
            for path in self.visible:
                by_place.setdefault(path.rpartition("/")[0], []).append(path)
                by_place.setdefault(path.count("/"), []).append(path)
            self.tree.memo[key] = by_place
        places = cast("dict[str | int, list[str]]", self.tree.memo[key])
        return places.get(folder if plain else pattern.count("/"), ())

    def folders_named(self, name: str) -> Sequence[str]:
        """The visible folders of a name, wherever they stand."""
        key = ("folders", self.root, self.ignore_path or "")
        if key not in self.tree.memo:
            named: dict[str, list[str]] = {}
            for path, entry in self.visible.items():
                if entry.kind == "dir":
                    named.setdefault(path.rpartition("/")[2], []).append(path)
            self.tree.memo[key] = named
        return cast("dict[str, list[str]]", self.tree.memo[key]).get(name, ())

    @cached_property
    def _files(self) -> list[str]:
        key = ("files", self.root, self.ignore_path or "")
        if key not in self.tree.memo:
            self.tree.memo[key] = sorted(name for name, entry in self.visible.items() if entry.kind != "dir")
        return cast("list[str]", self.tree.memo[key])

    def files_below(self, path: str) -> Iterator[str]:
        """Visible files below a folder, or the file itself, sorted."""
        cleaned = clean_path(path).lstrip("/")
        prefix = "" if cleaned in {".", ""} else cleaned + "/"
        if prefix and cleaned in self.visible and self.visible[cleaned].kind != "dir":
            yield cleaned
        # Names with one prefix stand together: a context of 22,000 files is not walked for each COPY.
        for index in range(bisect_left(self._files, prefix), len(self._files)):
            if not self._files[index].startswith(prefix):
                break
            yield self._files[index]

    def is_directory(self, path: str) -> bool:
        cleaned = clean_path(path).lstrip("/")
        if cleaned in {".", ""}:
            return True
        entry = self.tree.entries.get(self.tree_path(cleaned))
        return entry is not None and entry.kind == "dir"

    def read(self, path: str) -> str | None:
        """The text of a visible context file, None when it cannot be read."""
        if not self.exists(path):
            return None
        text = self.tree.read(self.tree_path(clean_path(path).lstrip("/")))
        return None if isinstance(text, Unreadable) else text.text


def _join(folder: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(folder, name)) if folder else posixpath.normpath(name)
