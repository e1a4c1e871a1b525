"""Searching a source tree for credentials, and a fingerprint of what was searched."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from trimtab.fleet import Fleet
from trimtab.fleet.tree import Entry, Tree, Unreadable
from trimtab.scan.leaks import FileKind, Leak, is_settings, search
from trimtab.scan.sources import SKIPPED, is_below
from trimtab.scan.submodules import NOT_THERE, absent_submodules

_BINARY = re.compile(
    r"\.(?:png|jpe?g|gif|ico|webp|bmp|tiff?|psd|mp[34]|m4a|wav|ogg|flac|mov|avi|mkv|webm|woff2?|ttf|otf|eot|zip|gz|tgz|bz2|xz|zst|7z"
    r"|rar|tar|jar|war|whl|egg|deb|rpm|apk|exe|dll|so|dylib|a|o|pyc|class|pdf|docx?|xlsx?|pptx?|db|sqlite3?|parquet|arrow|npy|npz|pt"
    r"|pth|onnx|bin|safetensors|gguf|h5|pkl|tflite|pb|wasm)$",
    re.IGNORECASE,
)
"""Suffixes of what is no text."""
_SHOWN = 4


@dataclass
class TreeSearch:
    """What was found, and what was not looked at."""

    leaks: list[Leak] = field(default_factory=list[Leak])
    problems: dict[str, str] = field(default_factory=dict[str, str])
    """What could not be searched, to the reason."""
    searched: int = 0
    """How many files were."""


def kinds_of(fleet: Fleet) -> dict[str, FileKind]:
    """What the fleet takes some files for, whatever they are called: Dockerfiles, and services' env files."""
    found: dict[str, FileKind] = {file.path: "dockerfile" for file in fleet.files}
    found.update({path: "environment" for service in fleet.services for path in service.env_files})
    return found


def search_tree(
    tree: Tree, below: str, ignored: Sequence[str], tracked: frozenset[str] | None, kinds: Mapping[str, FileKind]
) -> TreeSearch:
    """The credentials in the text files below a folder; `ignored` are files, and folders with a `/` behind, left out by git.

    `kinds` says of some files what they are taken for, whatever they are called.
    Folders of installed packages are left out too, but for what git tracks in them: somebody has put it into the repository.
    """
    found = TreeSearch()
    large: list[str] = []
    for path, entry in _files(tree, below, ignored, tracked):
        source = tree.read(path)
        if not isinstance(source, Unreadable):
            found.searched += 1
            found.leaks += search(path, _bytes(source.text), kinds.get(path, ""))
        elif "larger than" in source.reason:
            large += [] if _BINARY.search(path) else [f"{path} ({entry.size / 1e6:.1f} MB)"]
        elif "binary" not in source.reason or is_settings(path):
            found.problems[path] = source.reason
    if large:
        names = ", ".join(large[:_SHOWN]) + (" …" if len(large) > _SHOWN else "")
        found.problems["large files"] = f"{len(large)} are too large to be searched: {names}"
    found.problems |= dict.fromkeys(absent_submodules(tree, below), NOT_THERE)
    found.problems |= {path: reason for path, reason in tree.problems.items() if is_below(path, below)}
    return found


def _files(tree: Tree, below: str, ignored: Sequence[str], tracked: frozenset[str] | None) -> Iterator[tuple[str, Entry]]:
    files, folders = frozenset(ignored), tuple(path for path in ignored if path.endswith("/"))
    for path, entry in tree.entries.items():
        if entry.kind != "file" or not is_below(path, below):
            continue
        if SKIPPED.intersection(path.split("/")) and path not in (tracked or ()):
            continue
        if path not in files and not path.startswith(folders):
            yield path, entry


def fingerprint(tree: Tree, tracked: frozenset[str] | None) -> str:
    """A name for the files of a tree that changes when one of them does; of what is no text, or too large, by its size.

    Only for those that git tracks, where it does: what a command writes beside them, such as a report, changes nothing.
    """
    digest = hashlib.sha256()
    for path, entry in _files(tree, "", (), tracked):
        if tracked is not None and path not in tracked:
            continue
        source = tree.read(path)
        content = str(entry.size) if isinstance(source, Unreadable) else hashlib.sha256(_bytes(source.text)).hexdigest()
        digest.update(_bytes(f"{path}\0{content}\n"))
    return digest.hexdigest()[:16]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
