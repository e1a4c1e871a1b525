"""Operations: what a scan finds, whether the gates are passed, and what rings when it breaks."""

from trimtab.crew.conclude import Claims, claim_generated, conclude
from trimtab.crew.instructions import Topic
from trimtab.crew.model import Brief, Do, Done, Left, Report, Role, Standing, Step
from trimtab.crew.roles.analyst import SEVERITIES
from trimtab.fleet.plain import items, mapping

_PASSED = "passed"
_FAILED = "failed"
_OPEN = (_FAILED, "not checked")
ALERTS = (Topic.MONITORING, Topic.DEPLOYMENT)
"""What asks for alert rules."""


async def ops(brief: Brief, do: Do) -> Report:
    """Scans the built images and the tree, holds everything against the gates, and generates the alert rules on a branch."""
    tree = str(brief.tree)
    scan = await do(Step("scan", ("scan", tree, "--type", "all", *brief.settings), environment=brief.images))
    gate = await do(Step("gate", ("gate", tree, *brief.settings), environment=brief.images))
    claims = Claims(brief, Role.OPS)
    # Where nobody could be asked about all of it, a count is no answer.
    for severity in SEVERITIES if _was_asked(scan) else ():
        claims.add(scan, f"vulnerabilities: {severity}", "counts", severity)
    claims.add(scan, "advisories are of", "advisories_as_of")
    claims.add(scan, "controls that are met", "controls", only=("standing", "pass"), counted=True)
    claims.add(scan, "controls that are not", "controls", only=("standing", "fail"), counted=True)
    claims.add(gate, "gates", "checks", counted=True)
    claims.add(gate, "gates passed", "checks", only=("state", _PASSED), counted=True)
    steps, left = [scan, gate], [*_not_checked(scan), *_not_passed(gate)]
    if brief.branch and brief.asks(*ALERTS):
        alerts = await do(Step("alerts", ("alerts", tree, "--output-dir", str(brief.tree / "monitoring"), *brief.settings)))
        claim_generated(claims, alerts, left)
        steps.append(alerts)
        await brief.commit("Generate alert rules, a dashboard and Prometheus' configuration")
    standing, said = _verdict(gate)
    return conclude(Role.OPS, said, steps, standing=standing, claims=claims.found, left=left)


def _verdict(gate: Done) -> tuple[Standing, str]:
    """What the gates say: one that nobody could look at is not passed, and has not failed either."""
    data = mapping(gate.data)
    if data.get("passed") is True:
        return Standing.DONE, "every gate is passed"
    states = {str(mapping(each).get("state")) for each in items(data.get("checks"))}
    if states and _FAILED not in states:
        return Standing.UNKNOWN, "no gate that was looked at failed, and not all could be looked at"
    return Standing.FAILED, "the gates are not passed"


def _was_asked(scan: Done) -> bool:
    """Whether all vulnerabilities were looked for."""
    data = mapping(scan.data)
    missed = (mapping(each).get("part") for each in items(data.get("not_checked")))
    return not items(data.get("gaps")) and "vulns" not in missed


def _not_checked(scan: Done) -> list[Left]:
    found = (mapping(each) for each in items(mapping(scan.data).get("not_checked")))
    return [Left(f"scan of {each.get('what')}", f"not checked: {each.get('reason')}") for each in found]


def _not_passed(gate: Done) -> list[Left]:
    """A line for each gate with what it does not pass for; services with the same reason share it."""
    grouped: dict[tuple[str, str], list[str]] = {}
    hints: dict[tuple[str, str], str] = {}
    for each in map(mapping, items(mapping(gate.data).get("checks"))):
        if each.get("state") in _OPEN:
            key = (str(each.get("gate")), f"{each.get('state')}: {each.get('measured')}, limit {each.get('limit')}")
            grouped.setdefault(key, []).append(str(each.get("subject")))
            hints[key] = str(each.get("hint") or "")
    return [Left(f"gate {gate} of {', '.join(names)}", why, hints[gate, why]) for (gate, why), names in grouped.items()]
