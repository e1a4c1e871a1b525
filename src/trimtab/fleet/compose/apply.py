"""Many settings put into compose files at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.settings import Change, Setting
from trimtab.fleet.discover import rediscover
from trimtab.fleet.model import ComposeProject, Fleet, Service
from trimtab.fleet.plain import mapping
from trimtab.fleet.tree import Unreadable
from trimtab.syntax.yaml import NoEdit, Path
from trimtab.text import Edit, apply_edits

_PASSES = 12
"""More than a service can need: each pass makes at least one of its settings."""


@dataclass(frozen=True)
class Want:
    """A value that a key of a service, or of the project's top, is to have."""

    service: str
    """Empty for the project's top."""
    path: Path
    value: object


@dataclass(frozen=True)
class Settled:
    """The texts with the wanted settings, what they amount to, and what could not be done."""

    texts: Mapping[str, str]
    settings: tuple[Setting, ...]
    refused: tuple[tuple[Want, str], ...]


def settle(fleet: Fleet, project: ComposeProject, wants: Sequence[Want]) -> Settled:
    """A project's files with settings put in, in memory. What is there already stays as it is written."""
    texts: dict[str, str] = {}
    settings: list[Setting] = []
    refused: list[tuple[Want, str]] = []
    pending = list(wants)
    for _ in range(_PASSES):
        now = rediscover(fleet, dict(texts)) if texts else fleet
        current = next((each for each in now.projects if each.files == project.files), project)
        edits, left = _pass(ComposeFacts(now, current), pending, settings, refused)
        for path, changes in edits.items():
            source = now.tree.read(path)
            if not isinstance(source, Unreadable):
                texts[path] = apply_edits(source.text, changes)
        pending = left
        if not pending:
            break
    return Settled(texts, tuple(settings), tuple(refused))


def _pass(
    facts: ComposeFacts, pending: Sequence[Want], settings: list[Setting], refused: list[tuple[Want, str]]
) -> tuple[dict[str, list[Edit]], list[Want]]:
    """The edits that can be made together, and the wants that have to wait for the next pass."""
    edits: dict[str, list[Edit]] = {}
    left: list[Want] = []
    for want in pending:
        change = _change(facts, want)
        if isinstance(change, NoEdit):
            refused.append((want, change.reason))
        elif change is not None:
            file = change.settings[0].file
            taken = edits.setdefault(file, [])
            if any(edit.span.overlaps(other.span) for edit in change.edits for other in taken):
                left.append(want)
            else:
                taken += change.edits
                settings += change.settings
    return edits, left


def _change(facts: ComposeFacts, want: Want) -> Change | NoEdit | None:
    """The change that a want needs; None when it is so already."""
    if not want.service:
        editor = next(iter(facts.top_editors()), None)
        return editor.set(want.path, want.value) if editor else NoEdit("the file cannot be read")
    service = facts.project.service(want.service)
    if service is None:
        return NoEdit("there is no such service")
    if _value(service, want.path) == want.value:
        return None
    return facts.editor(service, *want.path[:1]).set(("services", service.name, *want.path), want.value)


def _value(service: Service, path: Path) -> object:
    value: object = service.body
    for part in path:
        value = mapping(value).get(str(part))
    return value
