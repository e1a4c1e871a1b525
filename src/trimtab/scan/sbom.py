"""Software bills of materials: CycloneDX 1.6 and SPDX 2.3, written and read; syft's own format is read."""

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from trimtab import __version__
from trimtab.fleet.plain import items, mapping
from trimtab.scan.packages import Distro, Package, from_purl

SbomFormat = Literal["cyclonedx", "spdx"]
_TRIVY = "aquasecurity:trivy:"
"""What the names of Trivy's properties begin with."""


def write_sbom(name: str, packages: Sequence[Package], style: SbomFormat, now: datetime | None = None) -> dict[str, object]:
    """The packages of one image or tree as a document. The same packages at the same time give the same document."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    unique = list({each.purl: each for each in packages}.values())
    seed = "\n".join([name, stamp, *(each.purl for each in unique)])
    serial = uuid.uuid5(uuid.NAMESPACE_URL, seed)
    return _cyclonedx(name, unique, stamp, serial) if style == "cyclonedx" else _spdx(name, unique, stamp, serial)


def _cyclonedx(name: str, packages: Sequence[Package], stamp: str, serial: uuid.UUID) -> dict[str, object]:
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": stamp,
            "tools": {"components": [{"type": "application", "name": "trimtab", "version": __version__}]},
            "component": {"type": "container", "name": name, "bom-ref": "root"},
        },
        "components": [*_system(packages), *(_component(each) for each in packages)],
    }


def _system(packages: Sequence[Package]) -> list[dict[str, object]]:
    """The one distribution that the packages are of. Trivy looks at none of a distribution's packages without it (0.59)."""
    found = {each.distro for each in packages if each.distro and each.distro.id and each.distro.version}
    if len(found) != 1:
        return []
    (distro,) = found
    reference = f"os:{distro.id}-{distro.version}"
    return [{"type": "operating-system", "name": distro.id, "version": distro.version, "bom-ref": reference}]


def _component(package: Package) -> dict[str, object]:
    kind = {"group": package.name.rpartition(":")[0]} if package.kind == "maven" else {}
    name = package.name.rpartition(":")[2] if package.kind == "maven" else package.name
    values = {"trimtab:where": package.where, **_source_properties(package)}
    properties = [{"name": name, "value": value} for name, value in values.items() if value]
    found: dict[str, object] = {"type": "library", **kind, "name": name, "version": package.version, "purl": package.purl}
    found["bom-ref"] = package.purl
    return {**found, "properties": properties} if properties else found


def _source_properties(package: Package) -> dict[str, str]:
    """The source package in Trivy's own words: it does not read `upstream`, and its advisories go by source packages."""
    name, version = package.source or ("", "")
    return {f"{_TRIVY}SrcName": name, f"{_TRIVY}SrcVersion": version}


def _spdx(name: str, packages: Sequence[Package], stamp: str, serial: uuid.UUID) -> dict[str, object]:
    ids = {each.purl: f"SPDXRef-{hashlib.sha256(each.purl.encode()).hexdigest()[:16]}" for each in packages}
    contains = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-root")]
    contains += [("SPDXRef-root", "CONTAINS", identifier) for identifier in ids.values()]
    root: dict[str, object] = {
        "name": name, "SPDXID": "SPDXRef-root", "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
        "primaryPackagePurpose": "CONTAINER",
    }  # fmt: skip
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"urn:uuid:{serial}",
        "creationInfo": {"created": stamp, "creators": [f"Tool: trimtab-{__version__}"]},
        "packages": [root, *(_spdx_package(each, ids[each.purl]) for each in packages)],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in contains
        ],
    }


def _spdx_package(package: Package, identifier: str) -> dict[str, object]:
    reference = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": package.purl}
    found: dict[str, object] = {
        "name": package.name, "SPDXID": identifier, "versionInfo": package.version, "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False, "externalRefs": [reference],
    }  # fmt: skip
    return {**found, "sourceInfo": f"built from {' '.join(package.source)}"} if package.source else found


class NoSbom(ValueError):
    """A document that is no bill of materials of a kind that is read."""


def read_sbom(data: object, where: str) -> tuple[list[Package], list[str]]:
    """The packages of a CycloneDX, SPDX or syft document, and the names of those that have no usable package URL.

    Raises:
        NoSbom: it is none of these.
    """
    found = mapping(data)
    if found.get("bomFormat") == "CycloneDX":
        entries = [(_text(each, "name"), _with_source(each), _property(each, "trimtab:where")) for each in _components(found)]
    elif str(found.get("spdxVersion", "")).startswith("SPDX-"):
        entries = [entry for each in items(found.get("packages")) if (entry := _spdx_entry(mapping(each)))]
    elif "artifacts" in found and "descriptor" in found:
        entries = [(_text(each, "name"), _text(each, "purl"), "") for each in map(mapping, items(found["artifacts"]))]
    else:
        raise NoSbom("it is neither CycloneDX nor SPDX nor syft's own JSON")
    read = [(name, _spelled(from_purl(purl, place or where), name)) for name, purl, place in entries]
    return _with_distro([each for _, each in read if each], found), [name for name, each in read if each is None]


def _spelled(package: Package | None, name: str) -> Package | None:
    """The package as it is called: package URLs of npm are in lower case, and `JSONStream` is none of its advisories' names."""
    same = package is not None and package.kind == "npm" and package.name != name and package.name.lower() == name.lower()
    return replace(package, name=name) if package and same else package


def _text(entry: Mapping[str, object], key: str) -> str:
    return str(entry.get(key) or "")


def _components(found: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The components with those that they are made of; operating systems and files are no packages."""
    for each in map(mapping, items(found.get("components"))):
        if str(each.get("type")) not in {"operating-system", "file"}:
            yield each
        yield from _components(each)


def _property(entry: Mapping[str, object], name: str) -> str:
    properties = (mapping(each) for each in items(entry.get("properties")))
    return next((_text(each, "value") for each in properties if each.get("name") == name), "")


def _with_source(entry: Mapping[str, object]) -> str:
    """The package URL; Trivy says in properties of its own which source package a distribution's package has."""
    purl, source = _text(entry, "purl"), _property(entry, f"{_TRIVY}SrcName")
    if not source or "upstream=" in purl:
        return purl
    parts = [_property(entry, f"{_TRIVY}Src{part}") for part in ("Version", "Release")]
    version = "-".join(part for part in parts if part)
    epoch = _property(entry, f"{_TRIVY}SrcEpoch")
    version = f"{epoch}:{version}" if epoch and version else version
    return f"{purl}{'&' if '?' in purl else '?'}upstream={quote(f'{source}@{version}' if version else source, safe='')}"


def _spdx_entry(entry: Mapping[str, object]) -> tuple[str, str, str] | None:
    """None for the package that stands for the whole."""
    if str(entry.get("primaryPackagePurpose")) in {"CONTAINER", "OPERATING-SYSTEM", "FILE"}:
        return None
    references = (mapping(each) for each in items(entry.get("externalRefs")))
    purl = next((_text(each, "referenceLocator") for each in references if each.get("referenceType") == "purl"), "")
    return _text(entry, "name"), purl, ""


def _with_distro(packages: list[Package], document: Mapping[str, object]) -> list[Package]:
    """syft says the release once, for all: distribution packages whose own address lacks it get it from there."""
    named = mapping(document.get("distro"))
    distro = Distro(_text(named, "id"), _text(named, "versionID")) if named.get("id") else None
    if distro is None:
        return packages
    return [replace(each, distro=distro) if each.distro and not each.distro.version else each for each in packages]
