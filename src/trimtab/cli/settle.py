"""Writing a reviewed proposal into compose files."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.cli.fix import refuse_dirty, write
from trimtab.cli.options import Loaded
from trimtab.errors import StateError
from trimtab.fleet import ComposeProject
from trimtab.fleet.compose.apply import Want, settle
from trimtab.rewrite.invariants import broken_compose
from trimtab.rules import Effects


@dataclass(frozen=True)
class Applied:
    """What was written, and a sentence for each setting that was not."""

    written: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def joined(self, other: "Applied") -> "Applied":
        """Both together, each file once."""
        return Applied(tuple(dict.fromkeys(self.written + other.written)), tuple(dict.fromkeys(self.refused + other.refused)))


def refuse_dirty_wants(loaded: Loaded, asked: Sequence[tuple[ComposeProject, Sequence[Want]]], *, allow_dirty: bool) -> None:
    """Stop where writing these settings would change a file that has uncommitted changes.

    Raises:
        UsageError: one has.
    """
    files = {path for project, wants in asked for path in settle(loaded.fleet, project, wants).texts}
    refuse_dirty(loaded, sorted(files), allow_dirty=allow_dirty)


def apply_wants(loaded: Loaded, project: ComposeProject, wants: Sequence[Want], *, allow_dirty: bool) -> Applied:
    """Write settings into a project's files. Nothing is written unless the result says exactly what it should.

    Raises:
        UsageError: a file has uncommitted changes.
        StateError: our own check of the result failed; nothing is written.
    """
    settled = settle(loaded.fleet, project, wants)
    refuse_dirty(loaded, list(settled.texts), allow_dirty=allow_dirty)
    broken = broken_compose(loaded.fleet, settled.texts, Effects(settings=settled.settings))
    if broken:
        raise StateError(f"nothing is written: {broken}. This is a bug of trimtab.")
    write(loaded.root, settled.texts)
    refused = tuple(f"{want.service}: {'.'.join(map(str, want.path))}: {reason}" for want, reason in settled.refused)
    return Applied(tuple(settled.texts), refused)
