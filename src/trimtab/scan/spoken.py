"""What other scanners say of packages and versions, in our words."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trimtab.scan.match import above, can_compare
from trimtab.scan.packages import Package

_OPERATOR = re.compile(r"^(?:>=|~>|==|=|\^)\s*")
_BOUND = ("<", ">", "!")


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
