"""Which pinned requirements have known vulnerabilities, and the version that clears them."""

from collections.abc import Mapping
from pathlib import Path

from trimtab.errors import TrimtabError
from trimtab.fleet import Fleet
from trimtab.fleet.outside import Upgrade
from trimtab.scan.match import match
from trimtab.scan.named import advisory_store
from trimtab.scan.sources import source_packages


async def find_upgrades(fleet: Fleet, root: Path, *, offline: bool) -> Mapping[tuple[str, str], Upgrade]:
    """Every pinned requirement with vulnerabilities, by its file and name. Nothing where the advisories do not answer: a
    review says what it knows, and `trimtab scan` says what was not looked at."""
    packages = [each for each in source_packages(fleet).packages if each.kind == "pypi" and each.line]
    try:
        store = advisory_store(fleet.policy.advisories or "", root, offline=offline)
        known = await store.ask(packages) if store and packages else None
    except TrimtabError:
        return {}
    found: dict[tuple[str, str], Upgrade] = {}
    for package in packages if known else ():
        own = [each for each in match([package], known.advisories, known.source) if each.counts] if known else []
        if own:
            ids = tuple(sorted({each.id for each in own}))
            found[package.where, package.name] = Upgrade(package.version, own[0].upgrade, ids)
    return found
