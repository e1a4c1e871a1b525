"""Keeping what a review printed, together with everything that it went by. `trimtab.replay` says when that is used."""

import hashlib
import os
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from trimtab import replay
from trimtab.fleet import DiskTree, Unreadable
from trimtab.gather import index_settings, relied_on
from trimtab.listing import Row, settled

if TYPE_CHECKING:
    from typing import IO

    from trimtab.cli.options import Loaded


class _Tee:
    """A stream that passes everything on and remembers it."""

    def __init__(self, stream: "IO[str]") -> None:
        self._stream = stream
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@dataclass
class Recording:
    """One review that is to be remembered. It is made before anything is read, and kept when everything is printed."""

    record: Path
    root: Path
    named: tuple[Path, ...]
    settings: dict[str, str | None]
    before: Sequence[Sequence[object]]
    """Git's answers about the history and what it ignores, before anything was read."""
    started: int
    _printed: _Tee | None = None

    @classmethod
    def begin(cls, record: Path, root: Path, named: tuple[Path, ...], config: Path | None) -> "Recording":
        """Note what the settings say before they are read. `named` are the paths of the command line."""
        given = (config,) if config else (root / "trimtab.toml", root / "pyproject.toml")
        files = [str(Path(path).absolute()) for path in (*given, *index_settings(os.environ))]
        started = time.time_ns()
        with replay.asking_git(str(root), ()) as git:
            settings = {path: replay.content_hash(path) for path in files}
        return cls(record, root, named, settings, git.answers, started)

    def note(self, file: Path) -> None:
        """Note what a file says that is read besides the fleet."""
        self.settings[str(file)] = replay.content_hash(str(file))

    @contextmanager
    def printing(self) -> Generator[None]:
        """Remember what is printed meanwhile."""
        self._printed = _Tee(sys.stdout)
        with redirect_stdout(cast("IO[str]", self._printed)):
            yield

    def keep(self, loaded: "Loaded", code: int, *, offline: bool) -> None:
        """Write the record, unless something has changed while the review was under way, or rests upon what may change."""
        tree = loaded.fleet.tree
        codes = {rule.code for rule in loaded.rules}
        reliance = relied_on(loaded.fleet, self.root, codes, offline=offline, since=self.started)
        if self._printed is None or reliance is None or not isinstance(tree, DiskTree):
            return
        with replay.asking_git(str(self.root), reliance.ignore_files) as git:
            followed = _followed(tree)
        stamps = [cast("int", each[3]) for each in (*followed.values(), *reliance.remembered.values()) if len(each) > 3]
        answers = git.answers
        steady = all(settled(stamp, self.started) for stamp in stamps) and all(
            replay.content_hash(path) == known for path, known in self.settings.items()
        )
        ignored = frozenset(str(answers[2][1]).splitlines()) if len(answers) > 2 and answers[2][0] == 0 else frozenset[str]()
        if not steady or answers[:2] != self.before or ignored != loaded.fleet.outside.left_out_by_git:
            return
        head: replay.Data = {
            "root": str(self.root),
            "places": [(str(path.absolute()), os.path.realpath(path)) for path in (*self.named, self.root)],
            "settings": list(self.settings.items()),
            "followed": list({**followed, **reliance.remembered}.items()),
            "expires": reliance.until,
            "ignore_files": reliance.ignore_files,
            "answers": answers,
            "code": code,
        }
        texts = {path: source for path, source in tree.texts.items() if not isinstance(source, Unreadable)}
        known = {path: digest for path, digest in tree.peeked.items() if digest is not None}
        detail: replay.Data = {
            "texts": {**known, **{path: hashlib.sha256(source.to_bytes()).hexdigest() for path, source in texts.items()}},
            "unread": sorted((tree.peeked.keys() | tree.texts.keys()) - texts.keys() - known.keys()),
        }
        replay.write(self.record, head, detail, _rows(tree), "".join(self._printed.written), self.started)


def _followed(tree: DiskTree) -> dict[str, list[object]]:
    """What was read and is no plain file of a folder that was listed: through a link, or not there at all."""
    every = (path for path in (*tree.texts, *tree.peeked) if (entry := tree.entries.get(path)) is None or entry.kind != "file")
    return {path: replay.followed(path) for path in (str(tree.root / each) for each in every)}


def _rows(tree: DiskTree) -> Mapping[str, list[Row]]:
    return {
        folder: replay.sorted_rows(
            (each.path.rpartition("/")[2], each.kind, each.mode, each.size, each.stamp) for each in entries
        )
        for folder, entries in tree.listed.items()
    }
