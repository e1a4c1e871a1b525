"""Other scanners, where they are installed: each is given our own bill of materials, and its answer is read.

So all of them speak of the same packages, and one that looked at none is found out. What somebody has told a scanner to leave
out would be left out here unseen: that is said in trimtab's own ignore file, with a reason and an end.
"""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from trimtab.docker import Command, Runner
from trimtab.errors import UsageError
from trimtab.scan.advisory import Answer
from trimtab.scan.grype import Grype
from trimtab.scan.match import Vulnerability
from trimtab.scan.osv_scanner import OsvScanner
from trimtab.scan.packages import ADVISED_KINDS, Package
from trimtab.scan.sbom import write_sbom
from trimtab.scan.spoken import Answered, ScannerName
from trimtab.scan.trivy import Trivy
from trimtab.syntax.data import read_json

_SECONDS = 600


class Scanner(Protocol):
    """A program, as pure functions: how it is called, and what its output says."""

    name: ScannerName

    def command(self, document: str, *, offline: bool) -> Command: ...

    def read(self, output: object, packages: Sequence[Package]) -> Answered: ...


SCANNERS: Mapping[ScannerName, Scanner] = {each.name: each for each in (Trivy(), Grype(), OsvScanner())}
_ENDS = {"trivy": {0}, "grype": {0}, "osv-scanner": {0, 1}}
"""The exit codes with which each says that it has looked; osv-scanner's 1 is findings, its 128 no packages."""


def present(name: ScannerName) -> bool:
    """Whether a scanner is installed."""
    return shutil.which(name) is not None


async def ask_scanner(
    runner: Runner, name: ScannerName, target: str, packages: Sequence[Package], *, offline: bool
) -> Answered:
    """What a scanner says of packages. Whatever goes wrong is a reason why it cannot be relied on, never a clean answer.

    Raises:
        UsageError: it is not installed.
    """
    if not present(name):
        raise UsageError(f"`{name}` is not on PATH. Install it, or leave `--scanner {name}` out.")
    scanner = SCANNERS[name]
    with TemporaryDirectory(prefix="trimtab-") as folder:
        document = Path(folder) / "bom.cdx.json"
        document.write_text(json.dumps(write_sbom(target, packages, "cyclonedx")), encoding="utf-8")
        # Not in the fleet's folder: a `.trivyignore`, `trivy.yaml` or `.grype.yaml` there would take findings out unseen.
        command = replace(scanner.command(str(document), offline=offline), folder=folder)
        try:
            completed = await runner.run(command, timeout=_SECONDS)
        except TimeoutError:
            return Answered(name, (), f"did not end within {_SECONDS} s")
    if completed.code not in _ENDS[name]:
        detail = next(iter(completed.stderr.strip().splitlines()[-1:]), "")
        return Answered(name, (), f"ended with {completed.code}: {detail[:200]}")
    try:
        answered = scanner.read(read_json(completed.stdout), packages)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        return Answered(name, (), f"its answer cannot be read: {error}")
    answered = replace(answered, reason=answered.reason or _never(name, packages))
    if isinstance(scanner, Trivy):
        reason = answered.reason or scanner.doubt(completed.stderr)
        answered = replace(answered, reason=reason, as_of=await _built(runner, scanner))
    if offline and answered.reason is None and answered.as_of is None:
        return replace(answered, reason="it does not say how old its database is, and offline it is not renewed")
    return answered


async def _built(runner: Runner, scanner: Trivy) -> datetime | None:
    try:
        completed = await runner.run(scanner.age, timeout=_SECONDS)
        return scanner.built(read_json(completed.stdout)) if completed.code == 0 else None
    except (TimeoutError, ValueError, RecursionError):
        return None


def _never(name: str, packages: Sequence[Package]) -> str | None:
    """What a scanner lists and finds nothing of, because there are no advisories that could be about it."""
    kinds = sorted({each.kind for each in packages} - ADVISED_KINDS)
    if kinds:
        return f"`{name}` knows no vulnerabilities of packages of kind {', '.join(kinds)}"
    vague = next((each.distro for each in packages if each.distro and each.distro.id and not each.distro.version), None)
    return f"`{name}` knows no vulnerabilities of {vague.told}" if vague else None


def merged(ours: Sequence[Vulnerability], theirs: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """All of them, what several say of one package being one; the more severe word counts."""
    found = list(ours)
    for each in theirs:
        at = next((number for number, one in enumerate(found) if _same(one, each)), None)
        if at is None:
            found.append(each)
            continue
        one = found[at]
        levels = [level for level in (one.severity, each.severity) if level is not None]
        found[at] = replace(
            one,
            ids=tuple(dict.fromkeys((*one.ids, *each.ids))),
            severity=max(levels, default=None),
            score=max((score for score in (one.score, each.score) if score is not None), default=None),
            answer=Answer.AFFECTED if Answer.AFFECTED in {one.answer, each.answer} else one.answer,
            fixed=one.fixed or each.fixed,
            upgrade=one.upgrade or each.upgrade,
            sources=tuple(dict.fromkeys((*one.sources, *each.sources))),
        )
    return tuple(found)


def _same(one: Vulnerability, other: Vulnerability) -> bool:
    same = (one.package.kind, *one.package.advised) == (other.package.kind, *other.package.advised)
    return same and not set(one.ids).isdisjoint(other.ids)
