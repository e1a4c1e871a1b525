"""DF213."""

import re
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install, is_local_package
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile

_REFUSAL = "which version is wanted is not ours to say; a lock file, or a base pinned by digest, does it for all at once"


class UnpinnedPackages(DockerfileRule):
    """Package named without a version.

    Off by default: distributions take old versions away, so pinned system packages break builds, and a lock file or a
    pinned base does the same better.

    ## What it does
    Finds packages that apt, apk, pip and npm are told to install on the command line without a version.

    ## Why it matters
    Two builds of one file may install different versions.

    ## Fix safety
    Not fixed: the version has to be chosen.
    """

    code = "DF213"
    category = Category.RELIABILITY
    severity = Severity.INFO
    since = "0.2"
    default = False
    aliases = ("DL3008", "DL3013", "DL3016", "DL3018", "DL3062")
    clean = ["FROM debian:13\nRUN apt-get install -y curl=8.14.1-2\nRUN pip install six==1.17.0 -r r.txt && npm install\n"]
    flagged = [
        Case("FROM debian:13\nRUN apt-get install -y curl\n", refused=_REFUSAL),
        Case("FROM debian:13\nRUN pip install six 'flask>=3'\n", refused=_REFUSAL),
        Case("FROM node:24\nRUN npm install -g pnpm\n", refused=_REFUSAL),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                for install in run.installs:
                    loose = [package for package in install.packages if not _pinned(install, package)]
                    if loose:
                        span = run.source_span(install.command.span)
                        listed = ", ".join(f"`{package}`" for package in loose[:4]) + (" and more" if len(loose) > 4 else "")
                        yield self.finding(facts, span, f"no version: {listed}", Refusal(_REFUSAL), install.manager.name)


def _pinned(install: Install, package: str) -> bool:
    if "$" in package or is_local_package(package) or "://" in package:
        return True
    name = install.manager.name
    if name in {"apt", "apk"}:
        return "=" in package or "~" in package
    if name in {"pip", "uv"}:
        return bool(re.search(r"===?|\s@\s", package)) or package.endswith((".txt", ".whl"))
    return "@" in package[1:] if name in {"npm", "yarn", "pnpm"} else True
