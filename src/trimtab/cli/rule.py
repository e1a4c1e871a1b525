"""`trimtab rule`."""

from rich.console import RenderableType

from trimtab.cli.app import CLEAN
from trimtab.cli.options import Common, near_rule, show
from trimtab.errors import UsageError
from trimtab.report.data import rule_data
from trimtab.report.terminal import rule_view, rules_view
from trimtab.rules import all_rules, find_rules


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
    named = find_rules(name)
    if len(named) != 1:
        listed = f" {len(named)} rules begin with it." if named else near_rule(name)
        raise UsageError(f"There is no rule `{name}`.{listed} `trimtab rule` lists all.")
    found = named[0]

    def page() -> RenderableType:
        return rule_view(found)

    show(common, lambda: {"schema": "trimtab.rule/1", **rule_data(found)}, page)
    return CLEAN
