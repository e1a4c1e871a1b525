"""What a scan comes to: clean, findings, or not enough looked at to say."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from trimtab.rules import Severity
from trimtab.scan.match import Vulnerability
from trimtab.scan.result import Part, Scan

MAX_AGE = timedelta(days=7)
"""How old advisories may be for a clean result: grype refuses after five days, and OSV's collections change every hour."""

_CLOCKS = timedelta(days=1)
"""How far in the future advisories may be dated: stores take them by the same measure."""


class Outcome(StrEnum):
    """How a scan ended."""

    CLEAN = "clean"
    FINDINGS = "findings"
    INCOMPLETE = "incomplete"
    """Nothing was found in what was looked at, and not everything was looked at."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts."""

    fail_on: Severity = Severity.INFO
    """The least severity that counts; one that nobody knows counts always."""
    only_fixed: bool = False
    """Whether vulnerabilities without a fixed version are shown only."""
    max_age: timedelta = MAX_AGE

    @property
    def leaks_from(self) -> Severity:
        """The least severity of a credential that counts. None is rated above high, and one in a known format that anybody
        can read is nothing to pass over for those who ask for the critical alone."""
        return min(self.fail_on, Severity.HIGH)


@dataclass(frozen=True)
class Verdict:
    """What a scan comes to, and why."""

    outcome: Outcome
    vulnerabilities: int
    leaks: int
    controls: int
    reasons: tuple[str, ...]
    """Why it is incomplete; may be filled beside findings."""
    updates: int = 0
    """Security updates that the images' own package lists offer."""


def judge_scan(scan: Scan, policy: Policy, now: datetime | None = None) -> Verdict:
    """The verdict. Nothing reads as clean that was not looked at, and nothing that was asked of old advisories."""
    vulnerabilities = len(failing(scan, policy))
    leaks = sum(leak.severity >= policy.leaks_from for _, leak in scan.leaks) if Part.SECRETS in scan.parts else 0
    controls = len(scan.failed_controls)
    missing = len({(each.what, each.reason) for each in scan.not_checked})
    reasons = [f"{missing} things were not checked"] if missing else []
    reasons += gaps(scan) + _aged(scan, policy, now or datetime.now(UTC))
    updates = len({(each.package, each.offered) for target in scan.targets for each in target.pending or () if each.security})
    found = vulnerabilities + leaks + controls + updates
    outcome = Outcome.FINDINGS if found else Outcome.INCOMPLETE if reasons else Outcome.CLEAN
    return Verdict(outcome, vulnerabilities, leaks, controls, tuple(reasons), updates)


def failing(scan: Scan, policy: Policy) -> list[Vulnerability]:
    """The vulnerabilities that count, each once however many images have it."""
    found = {
        (each.id, each.package.kind, *each.package.advised): each for _, each in scan.vulnerabilities if counts(each, policy)
    }
    return list(found.values())


def counts(found: Vulnerability, policy: Policy) -> bool:
    """Whether one vulnerability fails a scan."""
    severe = found.severity is None or found.severity >= policy.fail_on
    return found.counts and severe and (bool(found.fixed) or not policy.only_fixed)


def gaps(scan: Scan) -> list[str]:
    """What is wrong with a scan that looked at nothing, whatever was told of it."""
    reasons: list[str] = []
    if Part.VULNERABILITIES in scan.parts:
        reasons += [] if scan.sources else ["nobody was asked for vulnerabilities"]
        reasons += [] if _any_packages(scan) else ["no packages were found to look up"]
    if not scan.targets:
        reasons.append("nothing was scanned")
    if Part.COMPLIANCE in scan.parts and not scan.controls:
        reasons.append("no service was there to be held against the benchmark")
    return reasons


def _any_packages(scan: Scan) -> bool:
    return any(target.packages for target in scan.targets)


def _aged(scan: Scan, policy: Policy, now: datetime) -> list[str]:
    if Part.VULNERABILITIES not in scan.parts or scan.as_of is None:
        return []
    if scan.as_of > now + _CLOCKS:
        return [f"the advisories are of {scan.as_of.date()}, which has not come yet: how old they are is not known"]
    if now - scan.as_of <= policy.max_age:
        return []
    return [f"the advisories end on {scan.as_of.date()}, {age(now - scan.as_of)} ago; at most {age(policy.max_age)} is allowed"]


def age(span: timedelta) -> str:
    """A span in the largest unit that fits: `3 days`, `5 hours`."""
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        number = span // length
        if number:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a minute"
