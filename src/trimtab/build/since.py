"""The fleet as it was in a revision, without checking it out: today's tree with the old texts of what has changed."""

import posixpath
from collections.abc import Mapping
from pathlib import Path

from trimtab.build.affected import NOT_KNOWN, Changed
from trimtab.docker import Runner
from trimtab.fleet import Fleet, Tree, Unreadable, rediscover
from trimtab.fleet.compose.interpolate import parse_env
from trimtab.git import Changes, text_at

_SUFFIXES = (".yml", ".yaml", ".env", ".hcl", ".json", ".dockerignore", ".toml")


async def fleet_before(runner: Runner, root: Path, fleet: Fleet, changes: Changes) -> tuple[Fleet, Changed]:
    """The fleet in the revision that the changes count from, and the changes as the graph's comparison takes them.

    Files that define builds have their old text; of others it is only known whether they were there.
    """
    texts: dict[str, str | None] = {path: _doubted(fleet.tree, path) for path in changes.ignored if path.endswith(".env")}
    dockerfiles = {file.path for file in fleet.files}
    for path, status in changes.statuses.items():
        if status == "A":
            texts[path] = None
        elif path in dockerfiles or _defines(path):
            texts[path] = await text_at(runner, root, changes.base, path) or ""
        elif path not in fleet.tree.entries:
            texts[path] = ""
    before = rediscover(fleet, texts) if texts else fleet
    # Our own folder is never sent to a builder (see `build.dockerfiles`).
    unknown = tuple(path for path in changes.ignored if path.rstrip("/") != ".trimtab")
    return before, Changed(tuple(changes.statuses), unknown)


def _doubted(tree: Tree, path: str) -> str:
    """A file of variables that git does not look at, with values of which nobody says what they were."""
    source = tree.read(path)
    names = parse_env(source.text) if not isinstance(source, Unreadable) else {}
    return "".join(f"{name}={NOT_KNOWN}\n" for name in names)


def _defines(path: str) -> bool:
    """Whether a file may say how something is built: compose and bake files, what they include, Dockerfiles, ignore files."""
    name = posixpath.basename(path).lower()
    return name.endswith(_SUFFIXES) or any(word in name for word in ("dockerfile", "containerfile", ".env", "compose"))


def counts(statuses: Mapping[str, str]) -> str:
    """`3 changed, 1 new, 1 gone`, for people."""
    words = {"A": "new", "D": "gone"}
    found: dict[str, int] = {}
    for status in statuses.values():
        word = words.get(status, "changed")
        found[word] = found.get(word, 0) + 1
    return ", ".join(f"{number} {word}" for word, number in sorted(found.items())) or "nothing changed"
