"""Every gate, and what it says of what was measured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from trimtab.gate.limits import GatePolicy, Limits
from trimtab.gate.measured import Measured, ScanSeen, ServiceSeen
from trimtab.review import Score
from trimtab.rules import Category


class State(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNCHECKED = "not checked"
    """Fails, unless it is allowed by name."""
    ALLOWED = "allowed"
    """Not checked, and allowed by name."""
    NOTHING = "nothing to check"


@dataclass(frozen=True, slots=True)
class Check:
    """One gate for one subject."""

    gate: str
    subject: str
    """A service, a file, or `fleet`."""
    state: State
    measured: str
    limit: str
    where: str = ""
    hint: str = ""
    """What to do."""
    within: str = ""
    """The gate whose measurement it goes by: where that may be missing, so may this."""

    @property
    def holds(self) -> bool:
        return self.state not in {State.FAILED, State.UNCHECKED}


FLEET = "fleet"


def evaluate(measured: Measured, policy: GatePolicy, now: datetime | None = None) -> tuple[Check, ...]:
    """Every check, in the order of the gates. Pure: the same values give the same checks."""
    moment = now or datetime.now(UTC)
    found = [
        *_readable(measured),
        *_named(measured, policy),
        *_scores(measured, policy),
        *_scan(measured, policy, moment),
        *_vulnerabilities(measured, policy),
        *_secrets(measured),
        *_budgets(measured, policy),
        *_proofs(measured),
        *_generated(measured),
        *_ratchet(measured),
    ]
    return tuple(_allowed(check, policy) for check in found)


def _allowed(check: Check, policy: GatePolicy) -> Check:
    names = (check.gate, check.within) if check.within else (check.gate,)
    allowed = check.state is State.UNCHECKED and any(policy.allows(name, check.subject) for name in names)
    return replace(check, state=State.ALLOWED) if allowed else check


def _readable(measured: Measured) -> Iterator[Check]:
    for path, reason in measured.unread.items():
        yield Check("readable", path, State.UNCHECKED, reason, "every file is read", path, "make the file readable")
    if not measured.services:
        yield Check("readable", FLEET, State.UNCHECKED, "no service was found", "at least one", ".", "name the right folder")


def _named(measured: Measured, policy: GatePolicy) -> Iterator[Check]:
    """A name or a pattern of the configuration that hits nothing asks nothing of anybody."""
    names = {name for service in measured.services for name in (service.name, service.service)}
    for name in sorted(policy.critical - names):
        yield Check(
            "policy", name, State.UNCHECKED, "no service has this name", "critical services exist", hint="mend `critical`"
        )
    for each in policy.paths:
        if not any(each.covers(service.path) for service in measured.services):
            yield Check(
                "policy", each.match, State.UNCHECKED, "no service is made there", "patterns match", hint="mend `match`"
            )


def _scores(measured: Measured, policy: GatePolicy) -> Iterator[Check]:
    limits = policy.limits
    yield from _score("overall", FLEET, measured.score.overall, limits.overall, 100, ".")
    for service in measured.services:
        asked = policy.for_service(service.name, service.path, service.service)
        categories = service.score.categories
        yield from _score("overall", service.name, service.score.overall, asked.overall, 100, service.path)
        for category, least in ((Category.SECURITY, asked.security), (Category.MAINTAINABILITY, asked.maintainability)):
            yield from _score(str(category), service.name, categories[category], least, 10, service.path)


def _score(gate: str, subject: str, value: float, least: float | None, most: int, where: str) -> Iterator[Check]:
    if least is not None:
        # Compared as it is shown: 69.96 reads as 70.0 and would seem to fail for no reason.
        state = State.PASSED if round(value, 1) >= least else State.FAILED
        hint = "" if state is State.PASSED else "`trimtab score` says what costs how much"
        yield Check(gate, subject, state, f"{value:.1f} of {most}", f"≥ {least:g}", where, hint)


_SCAN_HINT = "run `trimtab scan`"


def _scan(measured: Measured, policy: GatePolicy, now: datetime) -> Iterator[Check]:
    limit = f"at most {policy.scan_days:g} days old, of everything"
    scan = measured.scan
    if scan is None:
        yield Check("scan", FLEET, State.UNCHECKED, measured.no_scan, limit, hint=_SCAN_HINT)
        return
    for what, moment in (("scan", scan.started), ("advisories", scan.as_of)):
        if moment is not None:
            yield _age(what, now - moment, policy, limit)
    for what, reason, services in dict.fromkeys(scan.not_checked):  # what several parts miss is one thing
        subject = services[0] if services else FLEET
        yield Check("scan", subject, State.UNCHECKED, f"{what}: {reason}", limit, what, "scan again when it can be looked at")
    if scan.accepted_until is not None and now.date() > scan.accepted_until:
        text = f"something that it accepts was accepted until {scan.accepted_until} only"
        yield Check("scan", "ignore file", State.UNCHECKED, text, limit, hint=_SCAN_HINT)
    yield from _moved(measured, scan)
    yield from _partial(measured, scan)
    missing = {"vulns", "secrets"} - scan.parts
    if missing:
        text = f"the last scan did not look for {' and '.join(sorted(missing))}"
        yield Check("scan", FLEET, State.UNCHECKED, text, limit, hint=_SCAN_HINT)


_CLOCKS = timedelta(days=1)
"""How far in the future something may be dated: stores take advisories by the same measure."""


def _age(what: str, age: timedelta, policy: GatePolicy, limit: str) -> Check:
    """Of what comes from a time that is still to be, nobody knows how old it is: one of two clocks is, or was, wrong."""
    if age < -_CLOCKS:
        text = f"{-age / timedelta(days=1):.1f} days in the future"
        return Check("scan", what, State.UNCHECKED, text, limit, hint=f"mend the clock, and {_SCAN_HINT}")
    days = max(age / timedelta(days=1), 0.0)
    if days <= policy.scan_days:
        return Check("scan", what, State.PASSED, f"{days:.1f} days old", limit)
    hint = _SCAN_HINT if what == "scan" else "bring newer advisories, and scan again"
    return Check("scan", what, State.UNCHECKED, f"{days:.1f} days old", limit, hint=hint)


def _vulnerabilities(measured: Measured, policy: GatePolicy) -> Iterator[Check]:
    scan = measured.scan
    if scan is None or "vulns" not in scan.parts:
        if policy.limits.max_critical is not None or policy.limits.max_high is not None:
            text = "no scan says how many there are"
            yield Check("vulnerabilities", FLEET, State.UNCHECKED, text, "scanned", hint=_SCAN_HINT, within="scan")
        return
    if "" in scan.counts:
        yield from _severe("source tree", scan, "", policy.limits, ".")
    for service in measured.services:
        asked = policy.for_service(service.name, service.path, service.service)
        if service.service in scan.counts:
            yield from _severe(service.name, scan, service.service, asked, service.path)
        elif asked.max_critical is not None or asked.max_high is not None:
            text = "its image was not scanned"
            yield Check("vulnerabilities", service.name, State.UNCHECKED, text, "scanned", service.path, _SCAN_HINT)


def _moved(measured: Measured, scan: ScanSeen) -> Iterator[Check]:
    """A scan says nothing of an image that was built after it."""
    for name, scanned in scan.images.items():
        now = measured.images.get(name)
        text = (
            f"{scanned[7:19]} was scanned, {now[7:19]} is there now" if now else "the engine cannot say whether it is the same"
        )
        if now != scanned:
            yield Check("scan", name, State.UNCHECKED, text, "the scanned image is the one that is there", name, _SCAN_HINT)


def _partial(measured: Measured, scan: ScanSeen) -> Iterator[Check]:
    """A scan of a part, or of other files, says nothing of the whole as it is."""
    whole = "of the whole fleet, as it is"
    for gap in scan.gaps:
        yield Check("scan", FLEET, State.UNCHECKED, gap, whole, hint=_SCAN_HINT)
    if not scan.whole:
        text = "the last scan was of a part of the fleet only"
        yield Check(
            "scan", "scope", State.UNCHECKED, text, whole, hint="run `trimtab scan` over the whole fleet, images included"
        )
    if scan.tree != measured.tree:
        yield Check("scan", "tree", State.UNCHECKED, "files have changed since", whole, ".", _SCAN_HINT)


def _severe(subject: str, scan: ScanSeen, name: str, asked: Limits, where: str) -> Iterator[Check]:
    numbers = scan.counts[name]
    whole = scan.unasked is not None and name not in scan.unasked
    for level, most in (("critical", asked.max_critical), ("high", asked.max_high)):
        if most is None:
            continue
        found, unknown = numbers.get(level, 0), numbers.get("unknown", 0)
        hint = "`trimtab scan` lists them, with the version that clears each"
        if found > most:
            yield Check("vulnerabilities", subject, State.FAILED, f"{found} {level}", f"≤ {most}", where, hint)
        elif found + unknown > most:
            text = f"{found} {level}, and {unknown} of which nobody says how severe they are"
            yield Check("vulnerabilities", subject, State.UNCHECKED, text, f"≤ {most}", where, hint)
        elif not whole:
            text = f"{found} {level} of what could be looked up, which was not everything"
            yield Check("vulnerabilities", subject, State.UNCHECKED, text, f"≤ {most}", where, _SCAN_HINT)
        else:
            yield Check("vulnerabilities", subject, State.PASSED, f"{found} {level}", f"≤ {most}", where)


def _secrets(measured: Measured) -> Iterator[Check]:
    if measured.scan is None or "secrets" not in measured.scan.parts:
        text = "no scan says how many there are"
        yield Check("secrets", FLEET, State.UNCHECKED, text, "0", hint=_SCAN_HINT, within="scan")
        return
    number, places = measured.scan.secrets, measured.scan.places
    shown = f": {', '.join(places[:_PLACES])}{' …' if len(places) > _PLACES else ''}" if places else ""
    hint = "replace them, take them out, or accept them in the ignore file with a reason and a date"
    state = State.FAILED if number else State.PASSED
    if not number and measured.scan.unsearched:
        state, hint, shown = State.UNCHECKED, _SCAN_HINT, " in what could be searched, which was not everything"
    # A file of the repository, where one is among them: what images hold has no place there.
    where = next((place for place in places if ": " not in place), ".")
    yield Check(
        "secrets", FLEET, state, f"{number} credentials{shown}", "0", where, hint if state is not State.PASSED else "", "scan"
    )


_PLACES = 4
"""How many are named."""


def _budgets(measured: Measured, policy: GatePolicy) -> Iterator[Check]:
    hint = "`trimtab build` notes both"
    for service in measured.services:
        asked = policy.for_service(service.name, service.path, service.service)
        if asked.image_bytes is not None:
            yield _budget("image-size", service, service.image_bytes, asked.image_bytes, "MB", 1e6, hint)
        if asked.build_seconds is not None:
            yield _budget("build-time", service, service.build_seconds, asked.build_seconds, "s", 1, hint)


def _budget(gate: str, service: ServiceSeen, value: float | None, most: float, unit: str, scale: float, hint: str) -> Check:
    limit = f"≤ {most / scale:.4g} {unit}"
    if value is None:
        return Check(gate, service.name, State.UNCHECKED, "the ledger has no build of it", limit, service.path, hint)
    state = State.PASSED if value <= most else State.FAILED
    return Check(gate, service.name, state, f"{value / scale:.4g} {unit}", limit, service.path)


def _proofs(measured: Measured) -> Iterator[Check]:
    if not measured.verdicts:
        yield Check("proofs", FLEET, State.NOTHING, "no run of `trimtab optimize` is recorded", "no change was rejected")
    for path, (kind, reason) in measured.verdicts.items():
        state = State.FAILED if kind == "rejected" else State.PASSED
        yield Check("proofs", path, state, f"{kind}: {reason}", "not rejected", path)


def _generated(measured: Measured) -> Iterator[Check]:
    if not measured.generated:
        yield Check("generated", FLEET, State.NOTHING, "no generated file is there", "lint and types are clean")
    for each in measured.generated:
        limit = f"clean by {each.tool}"
        if each.missing:
            text, hint = f"{each.tool} is not on PATH", f"install {each.tool}"
            yield Check("generated", each.path, State.UNCHECKED, text, limit, each.path, hint)
        else:
            state = State.FAILED if each.problem else State.PASSED
            yield Check("generated", each.path, state, each.problem or "clean", limit, each.path)


def _ratchet(measured: Measured) -> Iterator[Check]:
    """Never worse than the branch it will be merged into."""
    before = measured.before
    if before is None:
        return
    limit = f"as good as {before.revision[:12]}"
    now = [(FLEET, measured.score, "."), *((each.name, each.score, each.path) for each in measured.services)]
    for name, score, where in now:
        old = before.scores.get("" if name == FLEET else name)
        if old is not None:
            state = State.PASSED if round(score.overall, 1) >= round(old.overall, 1) else State.FAILED
            yield Check("ratchet", name, state, f"{score.overall:.1f}, was {old.overall:.1f}", limit, where)
            yield from _lower(name, score, old, limit, where)
    yield from _new(measured.findings.items(), before.findings, limit)


def _lower(name: str, score: Score, old: Score, limit: str, where: str) -> Iterator[Check]:
    """The categories that are worse, which what is better elsewhere does not make up for."""
    for category, value in score.categories.items():
        before = old.categories[category]
        if round(value, 1) < round(before, 1):
            text = f"{category} {value:.1f}, was {before:.1f}"
            yield Check("ratchet", name, State.FAILED, text, limit, where, "`trimtab score` says what costs how much")


def _new(findings: Iterable[tuple[str, str]], known: frozenset[str], limit: str) -> Iterator[Check]:
    fresh = [text for name, text in findings if name not in known]
    for text in fresh:
        where, _, message = text.partition(" ")
        yield Check("ratchet", where, State.FAILED, message, limit, where, "a finding of high severity that was not there")
    if not fresh:
        yield Check("ratchet", FLEET, State.PASSED, "no new finding of high severity", limit)
