"""Every rule's own cases, and the laws that hold for each of them without its author writing anything."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dockerfile as go_parser
import pytest
from _pytest.mark import ParameterSet

from trimtab.fleet import Fleet, MemoryTree, discover
from trimtab.review import review
from trimtab.review.score import score_findings
from trimtab.rewrite import ChangeSet, rewrite
from trimtab.rules import Case, Finding, Rule, all_rules


def fleet_of(case: Case) -> Fleet:
    found = discover(MemoryTree({"Dockerfile": case.before, **case.files}, case.sizes))
    return replace(found, policy=case.policy, outside=case.outside)


def clean_cases() -> Iterator[ParameterSet]:
    for rule in all_rules():
        for number, case in enumerate(rule.clean):
            yield pytest.param(rule, case if isinstance(case, Case) else Case(case), id=f"{rule.code}-clean-{number}")


def flagged_cases(*, fixed: bool | None = None) -> Iterator[ParameterSet]:
    for rule in all_rules():
        for number, case in enumerate(rule.flagged):
            has_fix = case.after is not None or bool(case.after_files)
            if fixed is None or has_fix == fixed:
                yield pytest.param(rule, case, id=f"{rule.code}-{number}")


def findings_of(rule: Rule, fleet: Fleet) -> tuple[Finding, ...]:
    result = review(fleet, [rule])
    assert not result.crashes
    return result.findings


@pytest.mark.parametrize(("rule", "case"), list(clean_cases()))
def test_clean_is_clean(rule: Rule, case: Case) -> None:
    assert findings_of(rule, fleet_of(case)) == ()


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases()))
def test_flagged_is_flagged_inside_the_file(rule: Rule, case: Case) -> None:
    found = findings_of(rule, fleet_of(case))
    assert found
    for finding in found:
        text = {"Dockerfile": case.before, **case.files}[finding.path]
        assert finding.rule == rule.code
        assert 1 <= finding.line <= finding.end_line <= text.count("\n") + 1
        assert finding.fix is not None or finding.refusal is not None


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases(fixed=False)))
def test_refused_with_its_reason(rule: Rule, case: Case) -> None:
    reasons = [finding.refusal.reason for finding in findings_of(rule, fleet_of(case)) if finding.refusal]
    assert case.refused in reasons


def fixed(case: Case, rules: list[Rule]) -> tuple[Case, ChangeSet]:
    """The case as its fixes leave it."""
    changes = rewrite(fleet_of(case), unsafe=True, proof=True, only=[rule.code for rule in rules], rules=rules)
    assert not [change.bug for change in changes.bugs]
    files: dict[str, str | None] = {"Dockerfile": case.before, **case.files}
    files.update({change.path: change.after for change in changes.changed})
    kept = {path: text for path, text in files.items() if text is not None}
    before = kept.pop("Dockerfile")
    return replace(case, before=before, files=kept, after=None, after_files={}), changes


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases(fixed=True)))
def test_fix_reaches_after_and_is_then_clean(rule: Rule, case: Case) -> None:
    again, _ = fixed(case, [rule])
    assert again.before == (case.before if case.after is None else case.after)
    assert {path: again.files.get(path) for path in case.after_files} == dict(case.after_files)
    assert findings_of(rule, fleet_of(again)) == ()
    assert not fixed(again, [rule])[1].changed


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases(fixed=True)))
def test_fix_keeps_what_it_does_not_edit(rule: Rule, case: Case) -> None:
    """CRLF, a byte order mark and a missing final newline survive; the result parses by BuildKit's own parser."""
    plain = fixed(case, [rule])[0].before
    windows = replace(case, before="\ufeff" + case.before.replace("\n", "\r\n").removesuffix("\r\n"))
    after = fixed(windows, [rule])[0].before
    assert after.startswith("\ufeff")
    assert after.replace("\r\n", "").count("\n") == 0
    assert after.replace("\r\n", "\n").removeprefix("\ufeff").rstrip("\n") == plain.rstrip("\n")
    assert go_parser.parse_string(plain)


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases(fixed=True)))
def test_all_rules_together_converge_in_any_order(rule: Rule, case: Case) -> None:
    results: list[Case] = []
    rules = list(all_rules())
    for order in (rules, rules[::-1], rules[::2] + rules[1::2]):
        results.append(fixed(case, order)[0])
    assert all(each == results[0] for each in results)
    assert not fixed(results[0], rules)[1].changed


@pytest.mark.parametrize(("rule", "case"), list(flagged_cases(fixed=True)))
def test_fixing_never_lowers_a_score(rule: Rule, case: Case) -> None:
    before = review(fleet_of(case), [rule])
    after = review(fleet_of(fixed(case, [rule])[0]), [rule])
    assert after.score.overall > before.score.overall
    for category, value in before.score.categories.items():
        assert after.score.categories[category] >= value


def test_codes_and_names_are_unique_and_documented() -> None:
    rules = all_rules()
    assert len({rule.code for rule in rules}) == len({rule.name for rule in rules}) == len(rules)
    for rule in rules:
        assert rule.clean
        assert rule.flagged
        assert "## Why it matters" in rule.documentation
        assert "## Fix safety" in rule.documentation


def test_rewrite_names_no_rule() -> None:
    source = Path(__file__).parents[2] / "src" / "trimtab" / "rewrite"
    text = "".join(path.read_text() for path in source.glob("*.py"))
    assert not [rule.code for rule in all_rules() if rule.code in text or rule.name in text]


def test_a_finding_costs_something() -> None:
    rule = all_rules()[0]
    finding = findings_of(rule, fleet_of(rule.flagged[0]))[0]
    assert score_findings([]).overall == 100
    assert score_findings([finding]).overall < 100
