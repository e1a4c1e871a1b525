"""One gathering: only what the chosen rules ask for, and nothing that takes long when it does not answer."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from trimtab.docker import ProcessRunner, Runner
from trimtab.fleet import Fleet, Outside, Wheels
from trimtab.gather.digests import find_digests
from trimtab.gather.wheels import find_wheels, questions, remembered_until
from trimtab.git import change_counts, ignored_paths, left_out
from trimtab.git_questions import ignored_folders

COMMITS = 500
"""How far back change counts look. Older habits say little about which files change now."""

_HISTORY = frozenset({"DF113"})
_IGNORED = frozenset({"CX104"})
_UPGRADES = frozenset({"DF215", "DF216"})
_WHEELS = frozenset({"DF004", "DF005", "DF122", "DF123"})


@dataclass(frozen=True, slots=True)
class Reliance:
    """What gathered knowledge rests upon, for somebody who wants to know later whether it would be gathered again."""

    remembered: Mapping[str, list[object]]
    """Paths of remembered answers, with what tells each of them from another one."""
    until: int | None
    """Nanoseconds of the clock at which one of them would be asked for again; None for never."""
    ignore_files: tuple[str, ...]
    """The files that git was asked about, whether it ignores them."""


def relied_on(fleet: Fleet, root: Path, rules: Collection[str], *, offline: bool, since: int) -> Reliance | None:
    """What the knowledge that was gathered since a time rests upon; None where that cannot be told.

    Digests and advisories are never told: they come from elsewhere and may be others at any moment.
    """
    codes = frozenset(rules)
    if fleet.policy.pin or (fleet.policy.advisories and codes & _UPGRADES):
        return None
    remembered = remembered_until(questions(fleet) if codes & _WHEELS else (), offline=offline, since=since)
    if remembered is None:
        return None
    return Reliance(*remembered, tuple(_ignore_files(fleet)) if codes & _IGNORED else ())


def _ignore_files(fleet: Fleet) -> list[str]:
    paths = dict.fromkeys(context.ignore_path for file in fleet.files for context in file.contexts)
    return [path for path in paths if path]


def closed_folders(root: Path) -> frozenset[str]:
    """The folders below a root that git ignores as a whole; none without git."""
    return anyio.run(_closed_folders, ProcessRunner(), root)


async def _closed_folders(runner: Runner, root: Path) -> frozenset[str]:
    return ignored_folders("\0".join(await ignored_paths(runner, root)))


def gather(fleet: Fleet, root: Path, rules: Collection[str], *, offline: bool) -> Outside:
    """What the rules with these codes can know from outside. Whatever does not answer stays unknown."""
    return anyio.run(_gather, ProcessRunner(), fleet, root, frozenset(rules), offline)


async def _gather(runner: Runner, fleet: Fleet, root: Path, rules: frozenset[str], offline: bool) -> Outside:
    counts: Mapping[str, int] | None = None
    ignored: frozenset[str] = frozenset()
    digests: Mapping[str, str] = {}
    wheels: Mapping[tuple[str, str], Wheels] = {}
    if rules & _HISTORY:
        counts = await change_counts(runner, root, COMMITS)
    if rules & _IGNORED:
        ignored = await left_out(runner, root, _ignore_files(fleet))
    if fleet.policy.pin:
        digests = await find_digests(runner, fleet, offline=offline)
    if rules & _WHEELS:
        asked = questions(fleet)
        wheels = await find_wheels(asked, offline=offline) if asked else {}
    known = Outside(digests, wheels, counts, COMMITS if counts is not None else 0, ignored)
    if rules & _UPGRADES and fleet.policy.advisories:
        # Imported here: versions and HTTP take a tenth of a second to load, and few fleets name advisories.
        from trimtab.gather.upgrades import find_upgrades

        upgrades = await find_upgrades(fleet, root, offline=offline)
        known = replace(known, upgrades=upgrades.pinned, locked=upgrades.locked)
    return known
