"""Advisories in the OSV schema: refused with a ValueError, or matched against packages."""

import json
from contextlib import suppress

from trimtab.scan.advisory import Advisory, read_advisory
from trimtab.scan.match import match
from trimtab.scan.packages import Package, advisory_key

_PACKAGES = (
    Package("pypi", "a", "1.2.3"),
    Package("npm", "a", "1.2.3-rc.1"),
    Package("golang", "a", "v1.0.0"),
    Package("pypi", "a", "?"),
)


def check(data: bytes) -> None:
    found: Advisory | None = None
    with suppress(ValueError, RecursionError):
        found = read_advisory(json.loads(data))
    if found is not None:
        every = {advisory_key(ecosystem, "a"): [found] for ecosystem in ("PyPI", "npm", "Go")}
        match(_PACKAGES, every, "fuzz")
