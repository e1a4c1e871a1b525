"""DF216."""

import json
import posixpath
from collections.abc import Iterator

from trimtab.fleet import Fleet, Outside
from trimtab.fleet.npm_upgrade import NodeRelease, Unfit, lock_edits
from trimtab.fleet.outside import LockUpgrade
from trimtab.fleet.tree import Unreadable
from trimtab.rules.base import (
    Applicability,
    Case,
    Category,
    Effects,
    Finding,
    Fix,
    FleetRule,
    Refusal,
    Severity,
)
from trimtab.text import Source

_MODULES = ("/**/node_modules/**", "/root/.npm/**")
_FROM = "FROM node:22\nCOPY package*.json ./\nRUN npm ci\n"
_PACKAGE = '{"dependencies": {"ms": "^2.0.0"}}\n'


def _lock(version: str, integrity: str, wanted: str = "^2.0.0") -> str:
    entry = {"version": version, "resolved": f"https://example.com/ms/-/ms-{version}.tgz", "integrity": integrity}
    packages = {"": {"dependencies": {"ms": wanted}}, "node_modules/ms": entry}
    return json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2) + "\n"


def _known(to: NodeRelease | None) -> Outside:
    return Outside(locked={("package-lock.json", "ms", "2.0.0"): LockUpgrade(("CVE-2017-20162",), to, frozenset({"^2.0.0"}))})


_NEW = NodeRelease("2.0.1", "https://example.com/ms/-/ms-2.0.1.tgz", "sha512-bb", {})


class VulnerableLockEntry(FleetRule):
    """Package in an npm lock with known vulnerabilities.

    ## What it does
    Holds the packages of `package-lock.json` against the advisories which the configuration names (`advisories`). Without
    advisories it says nothing; `trimtab scan` says what was not looked at.

    ## Why it matters
    Who may send a request to the service may be able to do what the advisory describes.

    ## Fix safety
    Only with proof: the smallest version that no known advisory is about takes the place of the locked one, with its address
    and hash as the lock's own registry has them, and building and running the image shows whether the service gets along with
    it. Refused where the new version needs other packages than the old one, where somebody's range does not allow it, and where
    no version is named as fixed: npm has to lock it then.

    ## References
    https://docs.npmjs.com/cli/configuring-npm/package-lock-json
    """

    code = "DF216"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case(_FROM, files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.0", "sha512-aa")}),
        Case(_FROM, files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.1", "sha512-bb")}, outside=_known(_NEW)),
        Case(
            _FROM,
            files={"package-lock.json": _lock("2.0.0", "").replace("node_modules/ms", "node_modules/a")},
            outside=_known(_NEW),
        ),
    ]
    flagged = [
        Case(
            _FROM,
            files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.0", "sha512-aa")},
            after_files={"package-lock.json": _lock("2.0.1", "sha512-bb")},
            outside=_known(_NEW),
        ),
        Case(
            _FROM,
            refused="no version is named as fixed, or the registry did not answer",
            files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.0", "sha512-aa")},
            outside=_known(None),
        ),
        Case(
            _FROM,
            refused="`package.json` wants `ms` 2.0.0, which 2.0.1 is not",
            files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.0", "sha512-aa", "2.0.0")},
            outside=_known(_NEW),
        ),
        Case(
            _FROM,
            refused="2.0.1 has other dependencies than the version that is locked, and npm has to lock it",
            files={"package.json": _PACKAGE, "package-lock.json": _lock("2.0.0", "sha512-aa")},
            outside=_known(NodeRelease("2.0.1", "https://example.com/a.tgz", "sha512-bb", {"dependencies": {"x": "1"}})),
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for (path, name, version), upgrade in fleet.outside.locked.items():
            source = fleet.tree.read(path)
            if isinstance(source, Unreadable) or f'"version": "{version}"' not in source.text:
                continue
            ids = ", ".join(upgrade.ids[:3]) + (" …" if len(upgrade.ids) > 3 else "")
            line = _line(source, name, version)
            if line:
                message = f"`{name}` {version} has {ids}"
                services = _services(fleet, posixpath.dirname(path))
                yield self.finding_at(
                    path, line, message, services, _outcome(source.text, name, version, upgrade), f"{name} {version}"
                )


def _line(source: Source, name: str, version: str) -> int:
    """The line of the version, below the package's name; 0 where the lock does not have it."""
    lines = source.text.splitlines()
    for number, line in enumerate(lines):
        named = line.strip().endswith((f'/{name}": {{', f'"{name}": {{'))
        if named and any(f'"version": "{version}"' in each for each in lines[number + 1 : number + 4]):
            return number + 2
    return 0


def _services(fleet: Fleet, folder: str) -> tuple[str, ...]:
    """The services whose Dockerfiles lie where the lock does, or are built from there."""
    files = (file for file in fleet.files if any(context.root == folder for context in file.contexts))
    return tuple(dict.fromkeys(name for file in files for name in file.service_names))


def _outcome(text: str, name: str, version: str, upgrade: LockUpgrade) -> Fix | Refusal:
    if upgrade.to is None:
        return Refusal("no version is named as fixed, or the registry did not answer")
    try:
        edits = lock_edits(text, name, version, upgrade.to, lambda wanted, _: wanted in upgrade.allowed_by)
    except Unfit as error:
        return Refusal(str(error))
    effects = Effects(removes=_MODULES, changes=_MODULES, installs=True, upgrades=((f"npm {name}", upgrade.to.version),))
    return Fix(f"upgrade `{name}` to {upgrade.to.version}", tuple(edits), Applicability.PROOF, effects)
