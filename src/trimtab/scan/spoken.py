"""What other scanners say of packages and versions, in our words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.rules import Severity
from trimtab.scan.advisory import Answer
from trimtab.scan.match import Vulnerability, above, can_compare
from trimtab.scan.packages import Package, from_purl

ScannerName = Literal["trivy", "grype", "osv-scanner"]

_OPERATOR = re.compile(r"^(?:>=|~>|==|=|\^)\s*")
_BOUND = ("<", ">", "!")
LEVELS = {
    "critical": Severity.CRITICAL, "high": Severity.HIGH, "medium": Severity.MEDIUM, "moderate": Severity.MEDIUM,
    "low": Severity.LOW, "negligible": Severity.INFO,
}  # fmt: skip
"""How bad a finding is, by the words of scanners."""


@dataclass(frozen=True)
class Answered:
    """What a scanner said. `reason` is why it cannot be relied on; its findings, if any, still count."""

    source: str
    found: tuple[Vulnerability, ...]
    reason: str | None = None
    as_of: datetime | None = None
    """When its database was built; None where it does not say, which is nothing to go by offline."""


@dataclass(frozen=True)
class Given:
    """The packages that a scanner was given, by everything that it may call them."""

    known: Mapping[tuple[str, ...], Package]

    @classmethod
    def of(cls, packages: Iterable[Package]) -> "Given":
        """All names of some packages; where two are called the same, the first is meant."""
        known: dict[tuple[str, ...], Package] = {}
        for each in packages:
            own = (each.purl, "", ""), *_names(each.kind, each.name, each.version), _source(each.kind, *each.advised)
            for key in (*own, *_names("", each.name, each.version), _source("", *each.advised)):
                known.setdefault(key, each)
        return cls(known)

    def named(self, said: Package, purl: str = "", name: str = "", version: str = "") -> Package:
        """The package that is meant; `said` itself where none is, so that nothing is lost.

        A name and a version alone may be those of several kinds of packages: the kind decides, where it is said.
        """
        kind = "" if said.kind == "generic" else said.kind
        pairs = [pair for pair in ((name, version), (said.name, said.version)) if pair[0]]
        keys: list[tuple[str, ...]] = [(purl, "", "")] if purl else []
        keys += [key for pair in pairs for key in _names(kind, *pair)] + [_source(kind, *pair) for pair in pairs]
        return next((self.known[key] for key in keys if key in self.known), said)


def _names(kind: str, name: str, version: str) -> tuple[tuple[str, ...], ...]:
    """Exact, and in the spelling that takes most others for the same. Go's modules carry a `v`, which not all say."""
    plain = version.removeprefix("v")
    return ("exact", kind, name, plain), ("loose", kind, re.sub(r"[-_.]+", "-", name).lower(), plain)


def _source(kind: str, name: str, version: str) -> tuple[str, ...]:
    return "source", kind, name, version


def fixed_versions(text: str) -> list[str]:
    """The versions of a list that may name ranges: `>= 3.1.0, >= 2.1.3, < 3.0.0` is fixed in 3.1.0 and 2.1.3."""
    parts = (_OPERATOR.sub("", part.strip()) for part in re.split(r",|\|\|", text))
    return [part for part in parts if part and not part.startswith(_BOUND)]


def fixed_above(package: Package, said: Sequence[str]) -> tuple[str, ...]:
    """Those above a package's own version, in order. What cannot be put in order here stays as it was said: the scanner has
    compared it, and without a fixed version a finding does not count for those who ask for fixable ones alone."""
    unordered = (each for each in said if not can_compare(package, each))
    return tuple(dict.fromkeys((*above(package, said), *unordered)))


def counted(name: str, seen: int, packages: Sequence[Package]) -> str | None:
    """Why a list of the packages that were looked at is not one of all that were given."""
    given = len({(each.kind, each.name, each.version) for each in packages})
    return f"`{name}` was given {given} packages and looked at {seen}" if seen < given else None


def lost(entries: int, found: Sequence[Vulnerability]) -> str | None:
    """Why what was read is not all that was found."""
    return f"{entries - len(found)} of its findings have no name" if len(found) < entries else None


def text_of(entry: Mapping[str, object], key: str) -> str:
    """What stands under a key, `""` where nothing does."""
    return str(entry.get(key) or "")


def highest(scores: Iterable[object]) -> float | None:
    """The highest of what are numbers."""
    return max((float(score) for score in scores if isinstance(score, int | float)), default=None)


def package_of(given: Given, purl: str, name: str, version: str) -> Package:
    """The package that a finding is about."""
    said = (from_purl(purl) if purl else None) or Package("generic", name or "unknown", version)
    return given.named(said, purl, name, version)


def vulnerability_of(
    source: str, package: Package, ids: Sequence[str], severity: Severity | None, score: float | None, text: str,
    fixed: Sequence[str],
) -> Vulnerability | None:  # fmt: skip
    """A finding in our words; None where it has no name."""
    names = tuple(dict.fromkeys(name for name in ids if name))
    if not names:
        return None
    main = min(names, key=lambda name: (not name.startswith("CVE-"), names.index(name)))
    line = text.strip().partition("\n")[0]
    higher = fixed_above(package, fixed)
    # Of several that cannot be put in order, the first may be older than what is there.
    upgrade = higher[0] if higher and (len(higher) == 1 or can_compare(package, higher[0])) else None
    return Vulnerability(package, main, names, severity, score, line[:200], "", Answer.AFFECTED, higher, upgrade, (source,))
