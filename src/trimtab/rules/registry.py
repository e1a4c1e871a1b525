"""All rules, found by walking this package: a rule is added by adding its file."""

import importlib
import inspect
import pkgutil
from functools import cache

from trimtab.rules import context, dockerfile, inputs
from trimtab.rules.base import DockerfileRule, FleetRule, Rule

_PACKAGES = (dockerfile, context, inputs)


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every rule, ordered by code."""
    rules: list[Rule] = []
    for package in _PACKAGES:
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if issubclass(kind, DockerfileRule | FleetRule) and _defined_in(kind, module.name):
                    rules.append(kind())
    return tuple(sorted(rules, key=lambda rule: rule.code))


def _defined_in(kind: type, module: str) -> bool:
    return kind.__module__ == module and not kind.__name__.startswith("_")


def find_rule(wanted: str) -> Rule | None:
    """A rule by its code or its name, in any case."""
    key = wanted.strip().lower()
    return next((rule for rule in all_rules() if key in {rule.code.lower(), rule.name}), None)
