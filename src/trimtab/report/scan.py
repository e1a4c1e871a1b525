"""A scan as tables, data, and in the formats of other tools. No value of a credential is in any of them."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trimtab import __version__
from trimtab.report.data import Data
from trimtab.report.exchange import LEVELS as SARIF_LEVELS
from trimtab.report.exchange import cell, workflow_command
from trimtab.report.terminal import SEVERITY_STYLES, shown
from trimtab.report.words import printable
from trimtab.rules import Severity
from trimtab.scan import ControlResult, NotChecked, Pending, Scan, Standing, TargetScan, count_severities
from trimtab.scan.leaks import Leak, tell
from trimtab.scan.match import Vulnerability
from trimtab.scan.ranking import urgency
from trimtab.scan.verdict import Outcome, Policy, Verdict, counts, gaps

_STYLES = {Outcome.CLEAN: "bold green", Outcome.FINDINGS: "bold red", Outcome.INCOMPLETE: "bold yellow"}
_SHOWN = 12
"""Lines of one kind in a target's table; the rest is counted, and in the JSON."""


def scan_data(scan: Scan, verdict: Verdict) -> Data:
    """`trimtab scan --format json`."""
    return {
        "schema": "trimtab.scan/1",
        "started": scan.started.isoformat(timespec="seconds"),
        "outcome": str(verdict.outcome),
        "reasons": list(verdict.reasons),
        "parts": sorted(str(part) for part in scan.parts),
        "sources": list(scan.sources),
        "advisories_as_of": scan.as_of.isoformat(timespec="seconds") if scan.as_of else None,
        "counts": scan.counts(),
        "targets": [_target(each) for each in scan.targets],
        "controls": [_control(each) for each in scan.controls],
        "not_checked": [
            {"what": each.what, "reason": each.reason, "part": str(each.part), "services": list(each.services)}
            for each in scan.not_checked
        ],
        "gaps": gaps(scan),
        "scope": {"whole": scan.scope.whole, "revision": scan.scope.revision, "tree": scan.scope.tree},
        "notes": list(scan.notes),
        "accepted_until": scan.accepted_until.isoformat() if scan.accepted_until else None,
    }


def _target(target: TargetScan) -> Data:
    return {
        "name": target.name,
        "kind": target.kind,
        "image": target.image or None,
        "names": list(target.names),
        "services": list(target.services),
        "distro": str(target.distro) if target.distro else None,
        "packages": len(target.packages),
        "counts": count_severities(target.vulnerabilities),
        "vulnerabilities": [_vulnerability(each) for each in sorted(target.vulnerabilities, key=urgency, reverse=True)],
        "secrets": [_leak(each) for each in target.leaks],
        "setuid": None if target.setuid is None else list(target.setuid),
        "pending": None if target.pending is None else [_pending(each) for each in target.pending],
    }


def _vulnerability(found: Vulnerability) -> Data:
    return {
        "id": found.id,
        "ids": list(found.ids),
        "package": found.package.name,
        "version": found.package.version,
        "source_package": found.package.advised[0] if found.package.source else None,
        "purl": found.package.purl,
        "where": found.package.where,
        "also": list(found.also),
        "line": found.package.line or None,
        "layer": found.package.layer,
        "severity": None if found.severity is None else str(found.severity),
        "score": found.score,
        "answer": str(found.answer),
        "summary": found.summary,
        "fixed": list(found.fixed),
        "upgrade": found.upgrade,
        "ignored": found.ignored,
        "epss": found.epss,
        "exploited": found.exploited,
        "sources": list(found.sources),
        "url": found.url or None,
    }


def _leak(leak: Leak) -> Data:
    return {
        "kind": leak.kind,
        "where": leak.where,
        "line": leak.line or None,
        "identity": leak.identity,
        "severity": str(leak.severity),
        "layer": leak.layer,
        "made_by": leak.made_by or None,
        "hidden": leak.hidden,
    }


def _pending(each: Pending) -> Data:
    return {
        "package": each.package, "installed": each.installed, "offered": each.offered, "security": each.security,
        "ids": list(each.ids),
    }  # fmt: skip


def _control(each: ControlResult) -> Data:
    return {
        "control": each.control, "title": each.title, "service": each.service, "standing": str(each.standing),
        "reason": each.reason, "where": each.where or None,
    }  # fmt: skip


def scan_view(scan: Scan, verdict: Verdict, policy: Policy) -> RenderableType:
    """Target by target what was found, the most pressing first, then what was not looked at, then the verdict."""
    parts: list[RenderableType] = []
    # Reasons beside what was not checked are about everything: old advisories, and nobody who could be asked.
    doubted = len(verdict.reasons) > bool(scan.not_checked)
    for target in scan.targets:
        whole = not doubted and not any(_concerns(each, target) for each in scan.not_checked)
        parts += [_heading(target), *_tables(target, policy, whole=whole), ""]
    if scan.controls:
        parts += [_benchmark(scan.controls), ""]
    if scan.not_checked:
        parts += [Text("not checked", "bold yellow"), _unchecked(scan), ""]
    parts += [shown(note, "dim") for note in scan.notes]
    parts.append(_verdict(scan, verdict))
    return Group(*parts)


def _concerns(missing: NotChecked, target: TargetScan) -> bool:
    """Whether something may have been found in a target that was not looked at: what belongs to no service may be anybody's."""
    return not missing.services or target.name in missing.what or not set(missing.services).isdisjoint(target.services)


def _heading(target: TargetScan) -> Text:
    services = f"  {', '.join(target.services)}" if target.services and list(target.services) != [target.name] else ""
    about = [str(target.distro)] if target.distro else []
    about.append(f"{len(target.packages)} packages")
    return Text.assemble(shown(target.name, "bold underline"), shown(services, "dim"), ("  " + ", ".join(about), "dim"))


def _tables(target: TargetScan, policy: Policy, *, whole: bool) -> list[RenderableType]:
    shown: list[RenderableType] = []
    ordered = sorted(target.vulnerabilities, key=urgency, reverse=True)
    ignored = sum(each.ignored is not None for each in ordered)
    failing = [each for each in ordered if each.ignored is None]
    if failing:
        shown.append(_grid([_vulnerability_row(each, policy) for each in failing[:_SHOWN]]))
    if len(failing) > _SHOWN:
        shown.append(Text(f"        and {len(failing) - _SHOWN} more: --format json has all", "dim"))
    if ignored:
        shown.append(Text(f"        {ignored} ignored, with their reasons in the JSON", "dim"))
    if target.leaks:
        shown.append(_grid([_leak_row(each) for each in target.leaks[:_SHOWN]]))
    if len(target.leaks) > _SHOWN:
        shown.append(Text(f"        and {len(target.leaks) - _SHOWN} more credentials", "dim"))
    if target.pending:
        security = sum(each.security for each in target.pending)
        names = ", ".join(dict.fromkeys(identifier for each in target.pending for identifier in each.ids))
        text = f"{len(target.pending)} updates wait, {security} of them from the security archive"
        shown.append(Text(f"        {text}{': ' if names else ''}{names[:300]}", "yellow"))
    nothing = Text("        nothing found", "green") if whole else Text("        nothing found in what was looked at", "yellow")
    return shown or [nothing]


def _grid(rows: Iterable[Sequence[Text]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=8, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    for row in rows:
        table.add_row(*row)
    return table


def _vulnerability_row(found: Vulnerability, policy: Policy) -> list[Text]:
    level = "unknown" if found.severity is None else str(found.severity)
    style = SEVERITY_STYLES[found.severity] if found.severity is not None else "magenta"
    text = shown(found.summary[:100], "default" if counts(found, policy) else "dim")
    none = f"fixed in {found.fixed[0]}, which may have others" if found.fixed else "no fixed version"
    upgrade = f"→ {found.upgrade}" if found.upgrade else none
    if found.exploited:
        text = Text.assemble(("exploited ", "bold red"), text)
    if found.epss is not None:
        text.append(f"  EPSS {100 * found.epss:.1f} %", "dim")
    return [Text(level, style), shown(found.id), shown(f"{found.package.name} {found.package.version} {upgrade}"), text]


def _leak_row(leak: Leak) -> list[Text]:
    where = f"{leak.where}:{leak.line}" if leak.line else leak.where
    return [Text(str(leak.severity), SEVERITY_STYLES[leak.severity]), Text("secret"), shown(where), shown(tell(leak))]


def _benchmark(controls: Sequence[ControlResult]) -> RenderableType:
    """Each control with how many services pass and fail, and the first that fails."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("CIS", "pass", "fail", "not checked"):
        table.add_column(name, justify="left" if name == "CIS" else "right")
    table.add_column("control", overflow="fold")
    table.add_column("first failure", overflow="fold", ratio=1)
    for control in dict.fromkeys(each.control for each in controls):
        mine = [each for each in controls if each.control == control]
        failed = [each for each in mine if each.standing is Standing.FAIL]
        numbers = [sum(each.standing is standing for each in mine) for standing in (Standing.PASS, Standing.UNCHECKED)]
        reason = next((each.reason for each in mine if each.standing is Standing.UNCHECKED), "")
        first = shown(f"{failed[0].service}: {failed[0].reason}") if failed else Text(reason, "dim")
        table.add_row(
            control, Text(str(numbers[0]), "green" if numbers[0] else "dim"),
            Text(str(len(failed)), "red" if failed else "dim"), Text(str(numbers[1]), "yellow" if numbers[1] else "dim"),
            mine[0].title, first,
        )  # fmt: skip
    return table


def _unchecked(scan: Scan) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", ratio=1)
    # What concerns several parts is one line for people.
    pairs = list(dict.fromkeys((each.what, each.reason) for each in scan.not_checked))
    for what, reason in pairs[: 4 * _SHOWN]:
        table.add_row(shown(what), shown(reason, "yellow"))
    rest = len(pairs) - 4 * _SHOWN
    if rest > 0:
        table.add_row(f"and {rest} more", "")
    return table


def _verdict(scan: Scan, verdict: Verdict) -> Text:
    levels = ", ".join(f"{number} {level}" for level, number in scan.counts().items() if number)
    parts = [f"{verdict.vulnerabilities} vulnerabilities{f' ({levels} in all)' if levels else ''}"]
    # What `--fail-on` leaves out stands above, and nobody is to read that there is none.
    leaks = len(scan.leaks)
    parts += [f"{verdict.leaks} credentials{f' ({leaks} in all)' if leaks > verdict.leaks else ''}"]
    parts += [f"{verdict.controls} failed controls"]
    parts += [f"{verdict.updates} security updates that wait"] if verdict.updates else []
    text = Text.assemble((str(verdict.outcome), _STYLES[verdict.outcome]), f": {', '.join(parts)}")
    for reason in verdict.reasons:
        text.append(f"\n{printable(reason)}", "yellow")
    if scan.sources:
        text.append(f"\nasked: {', '.join(scan.sources)}", "dim")
        text.append(f", newest advisory of {scan.as_of.date()}" if scan.as_of else "", "dim")
    return text


def _sayings(scan: Scan) -> Iterable[tuple[str, str, Severity, str, str, int, str]]:
    """Every finding as id, title, severity, message, path, line and identity."""
    for target, each in scan.vulnerabilities:
        if each.counts:
            path = each.package.where if target.kind == "sources" else target.name
            none = f"it is fixed in {each.fixed[0]}, which may have others" if each.fixed else "no version is named as fixed"
            upgrade = f"upgrade to {each.upgrade}" if each.upgrade else none
            message = f"{each.package} in {target.name}: {each.summary or each.id}; {upgrade}"
            severity = Severity.MEDIUM if each.severity is None else each.severity
            yield (
                each.id,
                each.summary or each.id,
                severity,
                message,
                path,
                each.package.line or 1,
                f"{each.id} {each.package.purl}",
            )
    for target, leak in scan.leaks:
        path = leak.where if target.kind == "sources" else target.name
        message = f"credential in {target.name}, {leak.where}: {tell(leak)}"
        yield "credential", "Credential", leak.severity, message, path, leak.line or 1, f"{leak.identity} {leak.where}"
    for each in scan.failed_controls:
        path, _, line = each.where.rpartition(":")
        path, line = (path, line) if line.isdigit() else (each.where, "1")
        message = f"CIS {each.control} {each.title}: {each.service}: {each.reason}"
        identity = f"CIS-{each.control} {each.service}"
        yield f"CIS-{each.control}", each.title, Severity.MEDIUM, message, path, int(line or 1), identity


def scan_sarif(scan: Scan, verdict: Verdict) -> Data:
    """A SARIF 2.1.0 log; what was not checked, or asked of old advisories, stands among its notifications, and makes the run
    unsuccessful.
    """
    sayings = list(_sayings(scan))
    rules = {identifier: title for identifier, title, *_ in sayings}
    results = [
        {
            "ruleId": identifier,
            "level": SARIF_LEVELS[severity],
            "message": {"text": message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(path or ".", errors="replace"), "uriBaseId": "ROOT"},
                        "region": {"startLine": line},
                    }
                }
            ],
            "partialFingerprints": {"trimtab/v1": identity},
        }
        for identifier, _, severity, message, path, line, identity in sayings
    ]
    gone = [f"not checked: {each.what}: {each.reason}" for each in scan.not_checked]
    gone += verdict.reasons
    notes = [{"level": "error", "message": {"text": text}} for text in gone]
    driver = {
        "name": "trimtab", "version": __version__,
        "rules": [{"id": name, "shortDescription": {"text": title[:1000]}} for name, title in rules.items()],
    }  # fmt: skip
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "originalUriBaseIds": {"ROOT": {"description": {"text": "the folder that was scanned"}}},
                "invocations": [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}],
                "results": results,
            }
        ],
    }


def scan_github(scan: Scan, verdict: Verdict) -> str:
    """One workflow command a finding, and one for each thing that was not checked."""
    lines = [
        workflow_command(severity, path, line, identifier, message)
        for identifier, _, severity, message, path, line, _ in _sayings(scan)
    ]
    lines += [workflow_command(Severity.HIGH, "", 0, "not checked", f"{n.what}: {n.reason}") for n in scan.not_checked]
    lines += [workflow_command(Severity.HIGH, "", 0, "not checked", reason) for reason in verdict.reasons]
    return "".join(line + "\n" for line in lines)


def scan_markdown(scan: Scan, verdict: Verdict) -> str:
    """A report for a pull request."""
    levels = list(scan.counts())
    parts = [f"### trimtab scan: {verdict.outcome}", "", *(f"- {reason}" for reason in verdict.reasons)]
    parts += [
        "",
        "| target | packages | " + " | ".join(levels) + " | credentials |",
        "|---|---:|" + "---:|" * (len(levels) + 1),
    ]
    for target in scan.targets:
        numbers = count_severities(target.vulnerabilities)
        row = [target.name, str(len(target.packages)), *(str(numbers[level]) for level in levels), str(len(target.leaks))]
        parts.append("| " + " | ".join(cell(each) for each in row) + " |")
    parts += ["", "| severity | finding | where |", "|---|---|---|"]
    for _, _, severity, message, path, line, _ in sorted(_sayings(scan), key=lambda each: -each[2])[:100]:
        parts.append(f"| {severity} | {cell(message)} | {cell(f'{path}:{line}')} |")
    parts += ["", *(f"- not checked: {cell(each.what)}: {cell(each.reason)}" for each in scan.not_checked)]
    return "\n".join(parts).rstrip() + "\n"
