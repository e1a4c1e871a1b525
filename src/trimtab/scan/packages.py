"""Packages as advisories know them: kind, name, version, and the ecosystem in OSV's words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packageurl import PackageURL
from packaging.utils import canonicalize_name

_ECOSYSTEMS: Mapping[str, str] = {
    "pypi": "PyPI", "npm": "npm", "golang": "Go", "maven": "Maven", "cargo": "crates.io", "gem": "RubyGems",
    "composer": "Packagist", "nuget": "NuGet",
}  # fmt: skip
"""purl types to OSV's ecosystems (OSV schema, "Defined ecosystems")."""
_KINDS = {ecosystem: kind for kind, ecosystem in _ECOSYSTEMS.items()}
ADVISED_KINDS = frozenset({*_ECOSYSTEMS, "deb", "apk", "rpm"})
"""The purl types that somebody publishes advisories of."""
_NAMESPACED = frozenset({"npm", "golang", "composer"})
_DISTROS: Mapping[str, str] = {
    "debian": "Debian", "ubuntu": "Ubuntu", "alpine": "Alpine", "rocky": "Rocky Linux", "almalinux": "AlmaLinux",
    "wolfi": "Wolfi", "chainguard": "Chainguard",
}  # fmt: skip
"""`ID` of os-release to OSV's ecosystems. Red Hat's and SUSE's go by products that os-release does not name: packages of
theirs are said to be not checked."""
_FAMILIES = {ecosystem: name for name, ecosystem in _DISTROS.items()}
_FORMATS: Mapping[str, str] = {
    "debian": "deb", "ubuntu": "deb", "alpine": "apk", "wolfi": "apk", "chainguard": "apk", "rocky": "rpm", "almalinux": "rpm",
}  # fmt: skip
_SPELLINGS = {"alma": "almalinux"}
"""Trivy's name of a distribution, where it is not `ID` of the os-release and there are advisories."""


@dataclass(frozen=True, slots=True)
class Distro:
    """A Linux distribution, by `ID` and `VERSION_ID` of its os-release."""

    id: str
    version: str

    @property
    def ecosystem(self) -> str | None:
        """OSV's name of this release; None for a distribution that OSV has no advisories of, and for what names no release,
        as Debian's testing does: nothing is filed under those, and no advisory would read as no vulnerability.

        Debian counts by major versions, Alpine by branches with a `v`; Ubuntu marks its long-term releases, which are those of
        April in even years.
        """
        name = _DISTROS.get(self.id)
        if name is None or self.id in {"wolfi", "chainguard"}:
            return name
        if not self.version:
            return None
        if self.id == "alpine":
            return f"{name}:v{'.'.join(self.version.split('.')[:2])}"
        if self.id == "ubuntu":
            year, _, month = self.version.partition(".")
            long_term = month == "04" and year.isdigit() and int(year) % 2 == 0
            return f"{name}:{self.version}" + (":LTS" if long_term else "")
        return f"{name}:{self.version.partition('.')[0] if self.id in {'debian', 'rocky', 'almalinux'} else self.version}"

    @property
    def told(self) -> str:
        """As a sentence has it."""
        return str(self) if self.version else f"{self.id} without the number of a release"

    def __str__(self) -> str:
        return f"{self.id} {self.version}".strip()


def read_os_release(text: str) -> Distro | None:
    """The distribution that an os-release file names, None when it names none."""
    found = {key: value.strip().strip("\"'") for key, _, value in (line.partition("=") for line in text.splitlines())}
    # Debian testing has no VERSION_ID: its advisories are not those of any release.
    return Distro(found["ID"], found.get("VERSION_ID", "")) if found.get("ID") else None


@dataclass(frozen=True, slots=True)
class Package:
    """One package at one version."""

    kind: str
    """The purl type: `pypi`, `npm`, `deb`, `apk`, `rpm`, `golang`, `maven`, …"""
    name: str
    """Whole: `@scope/name`, `group:artifact`, `github.com/owner/name`."""
    version: str
    where: str = ""
    """The file that says so: a path of the image, or of the source tree."""
    source: tuple[str, str] | None = None
    """Name and version of the source package, where advisories go by that."""
    distro: Distro | None = None
    line: int = 0
    """The line of `where`; 0 where it has none."""
    layer: int | None = None

    @property
    def ecosystem(self) -> str | None:
        """OSV's name of what its advisories are filed under; None when there is none."""
        if self.kind in {"deb", "apk", "rpm"}:
            return self.distro.ecosystem if self.distro else None
        return _ECOSYSTEMS.get(self.kind)

    @property
    def advised(self) -> tuple[str, str]:
        """The name and version that advisories speak of: the source package's for a distribution's packages."""
        return self.source or (self.name, self.version)

    @property
    def purl(self) -> str:
        """The package URL (purl specification), with the source package as `upstream`, as syft has it."""
        name, namespace = self.name, None
        if self.kind == "maven":
            namespace, _, name = self.name.rpartition(":")
        elif self.kind in _NAMESPACED and "/" in self.name:
            namespace, _, name = self.name.rpartition("/")
        elif self.distro is not None:
            namespace = self.distro.id
        qualifiers = {"distro": f"{self.distro.id}-{self.distro.version}"} if self.distro and self.distro.version else {}
        if self.source is not None and self.source != (self.name, self.version):
            qualifiers["upstream"] = "@".join(self.source)
        return PackageURL(self.kind, namespace, name, self.version or None, qualifiers).to_string()

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def from_purl(text: str, where: str = "") -> Package | None:
    """The package that a package URL names; None where it is none, or has no version.

    `upstream`, as syft writes it, is the source package of a distribution's package.
    """
    try:
        purl = PackageURL.from_string(text)
    except ValueError:
        return None
    qualifiers = purl.qualifiers
    joint = ":" if purl.type == "maven" else "/"
    distribution = purl.type in {"deb", "apk", "rpm"}
    name = f"{purl.namespace}{joint}{purl.name}" if purl.namespace and not distribution else purl.name
    version = purl.version or ""
    if not version:
        return None
    epoch = qualifiers.get("epoch")
    if epoch and purl.type in {"rpm", "deb"}:
        version = f"{epoch}:{version}"
    distro = _distro_of(purl.namespace or "", qualifiers.get("distro", "")) if distribution else None
    source = _upstream(qualifiers.get("upstream", ""), name, version) if distribution else None
    return Package(purl.type, canonicalize_name(name) if purl.type == "pypi" else name, version, where, source, distro)


def _distro_of(namespace: str, qualifier: str) -> Distro:
    """`distro=debian-12` names both, Trivy's `distro=3.19.1` a release of what the namespace names; where it is missing, the
    namespace names the distribution alone. Amazon's releases have a name behind the number: `2 (Karoo)`."""
    match = re.match(r"^(?:(?P<id>[a-z][a-z.-]*)-)?(?P<version>\d[\w.]*)(?:$|[ +]\()", qualifier)
    name = (match and match["id"]) or namespace
    return Distro(_SPELLINGS.get(name, name), match["version"] if match else "")


def _upstream(text: str, name: str, version: str) -> tuple[str, str]:
    source, _, other = text.partition("@")
    rpm = re.match(r"^(.+)-[^-]+-[^-]+\.src\.rpm$", source)
    return (rpm[1] if rpm else source) or name, other or version


def from_ecosystem(ecosystem: str, name: str, version: str) -> Package | None:
    """The package that advisories of an ecosystem are about, `Debian:12` or `npm`; None for one that is not known.

    A distribution's is its source package.
    """
    family, _, release = ecosystem.partition(":")
    distro = _FAMILIES.get(family)
    if distro is not None:
        named = Distro(distro, release.removeprefix("v").removesuffix(":LTS"))
        return Package(_FORMATS[distro], name, version, source=(name, version), distro=named)
    kind = _KINDS.get(family)
    return Package(kind, canonicalize_name(name) if kind == "pypi" else name, version) if kind else None


def kind_of(ecosystem: str) -> str | None:
    """The purl type of an ecosystem without releases; None for a distribution's and for unknown ones."""
    return _KINDS.get(ecosystem)


def advisory_key(ecosystem: str, name: str) -> tuple[str, str]:
    """What one package's advisories are filed under, in the spelling that its registry takes for the same.

    PyPI takes `_`, `.`, `-` and both cases for one (PEP 503); NuGet takes both cases; the others are exact.
    """
    if ecosystem == "PyPI":
        return ecosystem, canonicalize_name(name)
    return ecosystem, name.lower() if ecosystem == "NuGet" else name
