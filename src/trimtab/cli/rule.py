"""`trimtab rule`."""

import difflib

from rich.console import RenderableType

from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, show
from trimtab.errors import UsageError
from trimtab.report.data import rule_data
from trimtab.report.terminal import rule_view, rules_view
from trimtab.rules import all_rules, find_rule


def rule(name: str | None = None, /, *, common: Common | None = None) -> int:
    """Explain a rule by its code or name, or list them all."""
    common = common or Common()
    if name is None:
        listed = all_rules()
        show(
            common,
            lambda: {"schema": "trimtab.rules/1", "rules": [rule_data(each) for each in listed]},
            lambda: rules_view(listed),
        )
        return CLEAN
    found = find_rule(name)
    if found is None:
        known = [each.code for each in all_rules()] + [each.name for each in all_rules()]
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.3)
        hint = f" Did you mean `{near[0]}`?" if near else ""
        raise UsageError(f"There is no rule `{name}`.{hint} `trimtab rule` lists all.")

    def page() -> RenderableType:
        return rule_view(found)

    show(common, lambda: {"schema": "trimtab.rule/1", **rule_data(found)}, page)
    return CLEAN
