"""Releases of Node packages, asked of the registry that a lock itself names."""

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import cast

import anyio
import httpx
from univers.version_range import NpmVersionRange
from univers.versions import SemverVersion

from trimtab.fleet.npm_upgrade import NodeRelease
from trimtab.fleet.plain import mapping
from trimtab.syntax.data import read_json

_SECONDS = 15
_AT_ONCE = 8

_PART = r"(?:[\^~]|[<>]=?|=)?\s*\d+\.\d+\.\d+"
_PLAIN_RANGE = re.compile(rf"\*|{_PART}(?:\s+{_PART})*(?:\s*\|\|\s*{_PART}(?:\s+{_PART})*)*")
_VERSION = cast("Callable[[str], object]", SemverVersion)
_RANGE = cast("Callable[[str], Container[object]]", NpmVersionRange.from_native)  # pyright: ignore[reportUnknownMemberType]

Wanted = tuple[str, str, str]
"""The address that a lock names for a package, the package, and the version that is looked for."""


async def find_releases(wanted: Iterable[Wanted]) -> Mapping[Wanted, NodeRelease]:
    """The releases that the registries have. A registry that does not answer, or asks for a login, leaves its ones out."""
    found: dict[Wanted, NodeRelease] = {}
    limit = anyio.CapacityLimiter(_AT_ONCE)

    async def one(client: httpx.AsyncClient, asked: Wanted) -> None:
        address = _address(*asked[:2])
        if address is None:
            return
        async with limit:
            try:
                response = await client.get(address)
                data = mapping(cast("object", response.raise_for_status().json()))
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
                return
        release = _release(mapping(mapping(data.get("versions")).get(asked[2])), asked[2])
        if release is not None:
            found[asked] = release

    async with httpx.AsyncClient(timeout=_SECONDS, follow_redirects=True) as client, anyio.create_task_group() as group:
        for asked in dict.fromkeys(wanted):
            group.start_soon(one, client, asked)
    return dict(sorted(found.items()))


def _address(resolved: str, name: str) -> str | None:
    """Where the registry tells of a package: what stands before `/-/` in the address of one of its archives."""
    match = re.match(rf"^(?P<package>https?://[^\s?#]+?/{re.escape(name)})/-/", resolved, re.IGNORECASE)
    return match["package"] if match else None


def _release(record: Mapping[str, object], version: str) -> NodeRelease | None:
    archive = mapping(record.get("dist"))
    resolved, integrity = archive.get("tarball"), archive.get("integrity")
    if not isinstance(resolved, str) or not isinstance(integrity, str):
        return None
    return NodeRelease(version, resolved, integrity, record)


def ranges_of(lock: str, name: str) -> frozenset[str]:
    """Every range in which somebody in a lock asks for a package."""
    try:
        packages = mapping(mapping(read_json(lock)).get("packages"))
    except ValueError:
        return frozenset()
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
    asked = (mapping(mapping(entry).get(kind)).get(name) for entry in packages.values() for kind in kinds)
    return frozenset(str(each) for each in asked if each is not None)


def allows(wanted: str, version: str) -> bool:
    """Whether a range, as npm writes them, allows a version; one that cannot be read allows none."""
    if wanted == version:
        return True
    if "-" in version or not _PLAIN_RANGE.fullmatch(wanted.strip()):
        # What the library reads differently from npm: pre-releases, and versions with parts left out.
        return False
    try:
        return _VERSION(version) in _RANGE(wanted)
    except (ValueError, TypeError, AttributeError, IndexError):
        return False
