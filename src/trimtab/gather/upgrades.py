"""Which pinned and locked packages have known vulnerabilities, and the versions that clear them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.errors import TrimtabError
from trimtab.fleet import Fleet, Unreadable
from trimtab.fleet.npm_upgrade import NodeRelease
from trimtab.fleet.outside import LockUpgrade, Upgrade
from trimtab.fleet.plain import mapping
from trimtab.gather.node_releases import Wanted, allows, find_releases, ranges_of
from trimtab.scan.match import Vulnerability, match
from trimtab.scan.named import advisory_store
from trimtab.scan.packages import Package
from trimtab.scan.sources import source_packages
from trimtab.syntax.data import read_json

_LOCKS = ("package-lock.json",)


@dataclass(frozen=True)
class Upgrades:
    """What is wrong with pinned requirements, and with what locks hold."""

    pinned: Mapping[tuple[str, str, str], Upgrade]
    locked: Mapping[tuple[str, str, str], LockUpgrade]


NONE = Upgrades({}, {})


async def find_upgrades(fleet: Fleet, root: Path, *, offline: bool) -> Upgrades:
    """Every pinned requirement, and every package of an npm lock, with known vulnerabilities. Nothing where the advisories do
    not answer: a review says what it knows, and `trimtab scan` says what was not looked at."""
    packages = [each for each in source_packages(fleet).packages if _is_pinned(each) or _is_locked(each)]
    try:
        store = advisory_store(fleet.policy.advisories or "", root, offline=offline)
        known = await store.ask(packages) if store and packages else None
    except TrimtabError:
        return NONE
    if known is None:
        return NONE
    found = [(each, bad) for each in packages if (bad := _bad(match([each], known.advisories, known.source)))]
    pinned = {
        (each.where, each.name, each.version): Upgrade(bad[0].upgrade, _ids(bad)) for each, bad in found if _is_pinned(each)
    }
    return Upgrades(pinned, await _locked(fleet, [pair for pair in found if _is_locked(pair[0])], offline=offline))


def _is_pinned(package: Package) -> bool:
    return package.kind == "pypi" and package.line > 0


def _is_locked(package: Package) -> bool:
    return package.kind == "npm" and package.where.endswith(_LOCKS)


def _bad(found: Iterable[Vulnerability]) -> list[Vulnerability]:
    return [each for each in found if each.counts]


def _ids(found: Iterable[Vulnerability]) -> tuple[str, ...]:
    return tuple(sorted({each.id for each in found}))


async def _locked(
    fleet: Fleet, found: list[tuple[Package, list[Vulnerability]]], *, offline: bool
) -> Mapping[tuple[str, str, str], LockUpgrade]:
    asked: dict[tuple[str, str, str], Wanted] = {}
    for package, bad in found:
        address = _resolved(fleet, package)
        if address and bad[0].upgrade:
            asked[package.where, package.name, package.version] = (address, package.name, bad[0].upgrade)
    none: Mapping[Wanted, NodeRelease] = {}
    releases = none if offline else await find_releases(asked.values())
    locked: dict[tuple[str, str, str], LockUpgrade] = {}
    for package, bad in found:
        place = (package.where, package.name, package.version)
        release = releases.get(asked[place]) if place in asked else None
        ranges = ranges_of(_text(fleet, package.where), package.name)
        allowed = frozenset(each for each in ranges if release and allows(each, release.version))
        locked[place] = LockUpgrade(_ids(bad), release, allowed)
    return locked


def _resolved(fleet: Fleet, package: Package) -> str:
    """The address that the lock has the package from; empty where it does not say."""
    packages = mapping(mapping(read_json(_text(fleet, package.where) or "{}")).get("packages"))
    entries = (mapping(entry) for path, entry in packages.items() if path.endswith(f"node_modules/{package.name}"))
    return next((str(each.get("resolved") or "") for each in entries if each.get("version") == package.version), "")


def _text(fleet: Fleet, path: str) -> str:
    source = fleet.tree.read(path)
    return "" if isinstance(source, Unreadable) else source.text
