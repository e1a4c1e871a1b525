"""The order of a gradual roll-out: some services of each shape first, then the rest."""

from collections.abc import Sequence

from trimtab.fleet import Fleet
from trimtab.fleet.bases import outside_base, read_reference
from trimtab.rewrite import FileChange

Shape = tuple[str, tuple[str, ...]]
"""The base that an image stands on, and the rules whose fixes are planned for it."""


def shape_of(fleet: Fleet, change: FileChange) -> Shape:
    """What makes the changes to two services alike."""
    file = fleet.file(change.path)
    base = outside_base(file, file.stages[-1]).base if file and file.stages else ""
    return read_reference(base).name, tuple(sorted(change.rules))


def canaries(fleet: Fleet, changes: Sequence[FileChange], count: int) -> tuple[list[FileChange], list[FileChange]]:
    """The first changes of each shape, and all others; with a count of 0 all go first."""
    if count <= 0:
        return list(changes), []
    first: list[FileChange] = []
    rest: list[FileChange] = []
    seen: dict[Shape, int] = {}
    for change in changes:
        shape = shape_of(fleet, change)
        seen[shape] = seen.get(shape, 0) + 1
        (first if seen[shape] <= count else rest).append(change)
    return first, rest
