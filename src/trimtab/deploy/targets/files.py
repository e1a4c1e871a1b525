"""Putting exported files into a folder beside what is somebody else's."""

from dataclasses import dataclass
from pathlib import Path

from trimtab.deploy.targets.loss import Exported
from trimtab.deploy.targets.manifest import MARK
from trimtab.errors import UsageError
from trimtab.rewrite.write import WriteError, write_file


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of the files of an export, by their names."""

    written: tuple[str, ...]
    unchanged: tuple[str, ...]
    left: tuple[str, ...]
    """Files of an earlier export that this one does not have any more; they are still there."""


def place_files(exported: Exported, folder: Path) -> Placed:
    """Write the files into a folder, which is made where it is missing.

    Only files that an export has written are replaced; when one of them is not, nothing is written at all.

    Raises:
        UsageError: a file of that name is somebody else's, or cannot be read or written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder.")
    there = {name: _text(folder / name) for name in exported.files if (folder / name).exists()}
    foreign = [name for name, text in there.items() if not text.startswith(MARK)]
    if foreign:
        names = ", ".join(f"`{folder / name}`" for name in foreign)
        raise UsageError(
            f"{names} was not written by an export; it is left alone, and nothing is written. Name another folder."
        )
    changed = [name for name, text in exported.files.items() if there.get(name) != text]
    for name in changed:
        try:
            write_file(folder / name, exported.files[name])
        except WriteError as error:
            raise UsageError(str(error)) from error
    kept = tuple(name for name in exported.files if name not in changed)
    return Placed(tuple(changed), kept, _left(folder, exported))


def _left(folder: Path, exported: Exported) -> tuple[str, ...]:
    suffixes = {Path(name).suffix for name in exported.files}
    others = (
        (path for path in sorted(folder.iterdir()) if path.is_file() and path.suffix in suffixes) if folder.is_dir() else ()
    )
    return tuple(path.name for path in others if path.name not in exported.files and _text(path).startswith(MARK))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror or error}.") from error
