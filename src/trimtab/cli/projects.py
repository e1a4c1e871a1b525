"""The compose projects of a fleet, and those of them that nobody can read."""

from collections.abc import Collection

from trimtab.cli.app import CLEAN, FINDINGS
from trimtab.cli.options import Common, Loaded
from trimtab.fleet import ComposeProject, Fleet
from trimtab.fleet.bake import is_bake, with_siblings

_UNREAD = {"syntax", "unreadable"}


def tell_unread(fleet: Fleet, common: Common, chosen: frozenset[str] | None = None) -> frozenset[str]:
    """The compose and bake files that cannot be read, each told with what is wrong.

    Such a file looks like one without services, and nothing that is said of that would be true. Where files are `chosen`, only
    projects that one of them belongs to are meant: what is wrong elsewhere takes nothing away from them.
    """
    meant = [project for project in fleet.projects if chosen is None or not chosen.isdisjoint(project.files)]
    return _told(fleet, meant, common) | _told_of_bake(fleet, chosen, common)


def _told(fleet: Fleet, projects: Collection[ComposeProject], common: Common) -> frozenset[str]:
    files = {path for project in projects for path in project.files}
    wrong = {each.path: each for each in reversed(fleet.problems) if each.kind in _UNREAD and each.path in files}
    for each in wrong.values():
        told = f"error: `{each.path}`, line {each.line}: {each.message}; its services are left out. Mend it and run again."
        common.messages.print(told, markup=False, soft_wrap=True)
    return frozenset(wrong)


def _told_of_bake(fleet: Fleet, chosen: frozenset[str] | None, common: Common) -> frozenset[str]:
    """The same for bake files, of which single targets may be what cannot be read."""
    wrong = [each for each in fleet.problems if each.kind in _UNREAD and is_bake(each.path)]
    wrong = [each for each in wrong if chosen is None or with_siblings(chosen, each.path)]
    for each in wrong:
        told = f"error: `{each.path}`, line {each.line}: {each.message}; what it says there is left out."
        common.messages.print(told, markup=False, soft_wrap=True)
    return frozenset(each.path for each in wrong)


def meant_projects(loaded: Loaded) -> tuple[ComposeProject, ...]:
    """The projects of the compose files that the command line names; all where it names none."""
    chosen = loaded.chosen or frozenset()
    named = tuple(project for project in loaded.fleet.projects if not chosen.isdisjoint(project.files))
    return named or loaded.fleet.projects


def readable_projects(loaded: Loaded, common: Common) -> tuple[tuple[ComposeProject, ...], bool]:
    """The projects that are meant and whose files can be read, and whether these are all; the others are told."""
    meant = meant_projects(loaded)
    unread = _told(loaded.fleet, meant, common)
    found = tuple(project for project in meant if not unread & set(project.files))
    return found, len(found) == len(meant)


def of_the_rest(code: int, unread: Collection[str]) -> int:
    """The exit code of what was done with the files that can be read: no success where others were left out."""
    return FINDINGS if unread and code == CLEAN else code
