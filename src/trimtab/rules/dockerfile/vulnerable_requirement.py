"""DF215."""

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from trimtab.fleet import Fleet, Outside
from trimtab.fleet.outside import Upgrade
from trimtab.fleet.requirements import python_installs
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
from trimtab.text import Edit, Source, Span

_SITE = ("/**/site-packages/**", "/**/dist-packages/**", "/**/bin/**", "/root/.local/**", "/opt/venv/**")
_HASHED = "the file pins hashes, which its own tool has to make anew"
_UNFIXED = "no version is named as fixed"
_TEXT = "FROM python:3.13-slim\nCOPY r.txt .\nRUN pip install -r r.txt\n"
_KNOWN = Outside(upgrades={("r.txt", "jinja2", "2.10"): Upgrade("2.10.1", ("CVE-2019-10906",))})


class VulnerableRequirement(FleetRule):
    """Requirement that is pinned to a version with known vulnerabilities.

    ## What it does
    Holds the requirements that an image installs and that are pinned to one version against the advisories which the
    configuration names (`advisories`). Without advisories it says nothing; `trimtab scan` says what was not looked at.

    ## Why it matters
    Who may send a request to the service may be able to do what the advisory describes.

    ## Fix safety
    Only with proof: the smallest version that no known advisory is about takes the place of the pinned one, and building and
    running the image shows whether the service gets along with it. Refused where no version is named as fixed, and where the
    file pins hashes.

    ## References
    https://ossf.github.io/osv-schema/
    """

    code = "DF215"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        Case(_TEXT, files={"r.txt": "jinja2==2.10\n"}),
        Case(_TEXT, files={"r.txt": "jinja2==2.10.1\n"}, outside=_KNOWN),
        Case("FROM python:3.13-slim\n", files={"r.txt": "jinja2==2.10\n"}, outside=_KNOWN),
    ]
    flagged = [
        Case(
            _TEXT,
            files={"r.txt": "flask==3.0\nJinja2 == 2.10  # why\n"},
            after_files={"r.txt": "flask==3.0\nJinja2 == 2.10.1  # why\n"},
            outside=_KNOWN,
        ),
        Case(_TEXT, refused=_HASHED, files={"r.txt": "jinja2==2.10 --hash=sha256:aa\n"}, outside=_KNOWN),
        Case(
            _TEXT,
            refused=_UNFIXED,
            files={"r.txt": "jinja2==2.10\n"},
            outside=Outside(upgrades={("r.txt", "jinja2", "2.10"): Upgrade(None, ("CVE-2019-10906",))}),
        ),
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        users: dict[str, dict[str, None]] = {}
        for file in fleet.files if fleet.outside.upgrades else ():
            for each in python_installs(file):
                for path in each.manifests:
                    users.setdefault(each.context.tree_path(path), {}).update(dict.fromkeys(file.service_names))
        for (path, name, version), upgrade in fleet.outside.upgrades.items():
            source = fleet.tree.read(path)
            if path in users and not isinstance(source, Unreadable):
                yield from self._in_file(source, (name, version), upgrade, tuple(users[path]))

    def _in_file(self, source: Source, pin: tuple[str, str], upgrade: Upgrade, services: tuple[str, ...]) -> Iterator[Finding]:
        name, version = pin
        for pinned in _pin(name, version).finditer(source.text):
            ids = ", ".join(upgrade.ids[:3]) + (" …" if len(upgrade.ids) > 3 else "")
            message = f"`{name}` {version} has {ids}"
            line = source.line_of(pinned.start("version"))
            yield self.finding_at(source.path, line, message, services, _outcome(source.text, pinned, name, upgrade), name)


def _pin(name: str, version: str) -> re.Pattern[str]:
    """A line that pins a project, in any spelling of its name, to a version."""
    spelled = re.sub(r"[-_.]+", "[-_.]+", canonicalize_name(name))
    return re.compile(
        rf"^[ \t]*{spelled}[ \t]*(?:\[[^\]\n]*\])?[ \t]*===?[ \t]*(?P<version>{re.escape(version)})(?=[\s;#\\]|$)",
        re.MULTILINE | re.IGNORECASE,
    )


def _outcome(text: str, pinned: "re.Match[str]", name: str, upgrade: Upgrade) -> Fix | Refusal:
    if "--hash" in text:
        return Refusal(_HASHED)
    if upgrade.to is None:
        return Refusal(_UNFIXED)
    edit = Edit(Span(*pinned.span("version")), upgrade.to)
    effects = Effects(removes=_SITE, changes=_SITE, installs=True, upgrades=((f"pip {name}", upgrade.to),))
    return Fix(f"upgrade `{name}` to {upgrade.to}", (edit,), Applicability.PROOF, effects)
