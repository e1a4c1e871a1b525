"""Bills of materials: valid by their own tools, and read back as they were written."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from trimtab.scan.packages import Distro, Package, from_purl
from trimtab.scan.sbom import NoSbom, SbomFormat, read_sbom, write_sbom

BOOKWORM = Distro("debian", "12")
PACKAGES = [
    Package("pypi", "flask", "1.0", "/app/flask-1.0.dist-info/METADATA"),
    Package("npm", "@babel/core", "7.0.0", "/app/node_modules/@babel/core/package.json"),
    Package("maven", "org.example:thing", "1.0", "/app/a.jar"),
    Package("golang", "github.com/a/b", "v1.2.3", "/bin/tool"),
    Package("deb", "libssl3", "3.0-1", "/var/lib/dpkg/status", ("openssl", "3.0-1"), BOOKWORM),
    Package("deb", "dash", "0.5-1", "/var/lib/dpkg/status", ("dash", "0.5-1"), BOOKWORM),
]
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def test_cyclonedx_is_valid_by_its_schema() -> None:
    text = json.dumps(write_sbom("shop/web:1", PACKAGES, "cyclonedx", NOW))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_spdx_is_valid_by_its_own_tools(tmp_path: Path) -> None:
    path = tmp_path / "bom.spdx.json"
    path.write_text(json.dumps(write_sbom("shop/web:1", PACKAGES, "spdx", NOW)))
    document = parse_file(str(path))
    assert validate_full_spdx_document(document) == []
    assert len(document.packages) == len(PACKAGES) + 1


@pytest.mark.parametrize("style", ["cyclonedx", "spdx"])
def test_what_is_written_is_read_back(style: str) -> None:
    document = write_sbom("image", PACKAGES, "spdx" if style == "spdx" else "cyclonedx", NOW)
    packages, unusable = read_sbom(json.loads(json.dumps(document)), "bom.json")
    assert [(each.purl, each.source) for each in packages] == [(each.purl, each.source) for each in PACKAGES]
    assert unusable == []


def test_other_programs_are_told_the_distribution_and_the_source_packages() -> None:
    """Trivy 0.59 looks at none of a distribution's packages without the first, and matches advisories by the second."""
    document = json.loads(json.dumps(write_sbom("image", PACKAGES, "cyclonedx", NOW)))
    (system,) = [each for each in document["components"] if each["type"] == "operating-system"]
    assert (system["name"], system["version"]) == ("debian", "12")
    (openssl,) = [each for each in document["components"] if each["name"] == "libssl3"]
    told = {each["name"]: each["value"] for each in openssl["properties"]}
    assert told["aquasecurity:trivy:SrcName"] == "openssl"
    assert told["aquasecurity:trivy:SrcVersion"] == "3.0-1"
    mixed = [*PACKAGES, Package("apk", "musl", "1.2-r0", distro=Distro("alpine", "3.20"))]
    components = json.loads(json.dumps(write_sbom("image", mixed, "cyclonedx", NOW)))["components"]
    assert not [each for each in components if each["type"] == "operating-system"]


def test_the_same_packages_give_the_same_document() -> None:
    assert write_sbom("a", PACKAGES, "cyclonedx", NOW) == write_sbom("a", PACKAGES, "cyclonedx", NOW)
    assert write_sbom("a", PACKAGES, "cyclonedx", NOW) != write_sbom("b", PACKAGES, "cyclonedx", NOW)


def test_syft_says_the_release_once() -> None:
    """The shape of syft 1.18's own JSON, reduced to what is read."""
    document = {
        "artifacts": [
            {"name": "libssl3", "purl": "pkg:deb/debian/libssl3@3.0-1?arch=amd64&upstream=openssl"},
            {"name": "thing", "purl": ""},
        ],
        "distro": {"id": "debian", "versionID": "12"},
        "descriptor": {"name": "syft"},
    }
    packages, unusable = read_sbom(document, "bom.json")
    assert [(each.ecosystem, each.advised) for each in packages] == [("Debian:12", ("openssl", "3.0-1"))]
    assert unusable == ["thing"]


def test_components_within_components_are_found() -> None:
    inner = {"type": "library", "name": "b", "purl": "pkg:npm/b@1.0.0"}
    document = {
        "bomFormat": "CycloneDX",
        "components": [
            {"type": "operating-system", "name": "debian"},
            {"name": "a", "purl": "pkg:npm/a@1.0.0", "components": [inner]},
        ],
    }
    assert [each.name for each in read_sbom(document, "x")[0]] == ["a", "b"]


@pytest.mark.parametrize("data", [None, [], {}, {"bomFormat": "other"}, {"artifacts": []}, "text"])
def test_what_is_no_bill_is_refused(data: object) -> None:
    with pytest.raises(NoSbom):
        read_sbom(data, "x")


@pytest.mark.parametrize(
    ("purl", "distro"),
    [
        ("pkg:apk/alpine/zlib@1.3-r0?distro=3.19.1", Distro("alpine", "3.19.1")),
        ("pkg:rpm/alma/zlib@1.2.11-1.el8?distro=alma-8.5", Distro("almalinux", "8.5")),
        ("pkg:rpm/opensuse.leap/zlib@1.2.11-1?distro=opensuse.leap-15.1", Distro("opensuse.leap", "15.1")),
        ("pkg:rpm/amazon/zlib@1.2.7-18.amzn2?distro=amazon-2+%28Karoo%29", Distro("amazon", "2")),
        ("pkg:deb/debian/zlib1g@1.2-1?distro=debian-12.5", Distro("debian", "12.5")),
        ("pkg:deb/debian/zlib1g@1.2-1?distro=debian-sid", Distro("debian", "")),
        ("pkg:deb/debian/zlib1g@1.2-1", Distro("debian", "")),
    ],
)
def test_releases_as_trivy_writes_them(purl: str, distro: Distro) -> None:
    package = from_purl(purl)
    assert package is not None
    assert package.distro == distro


@pytest.mark.parametrize("style", ["cyclonedx", "spdx"])
def test_names_of_npm_keep_their_case(style: SbomFormat) -> None:
    """A package URL has it in lower case, and advisories are filed under the name."""
    packages = [Package("npm", "JSONStream", "1.0.3"), Package("npm", "@babel/core", "7.0.0")]
    found, _ = read_sbom(write_sbom("x", packages, style), "bom.json")
    assert [each.name for each in found] == ["JSONStream", "@babel/core"]
