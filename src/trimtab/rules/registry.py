"""All rules, found by walking this package: a rule is added by adding its file."""

import importlib
import inspect
import pkgutil
import re
from functools import cache

from trimtab.rules import compose, context, dockerfile, fleet, inputs, script
from trimtab.rules.base import DockerfileRule, FleetRule, Rule

_PACKAGES = (dockerfile, context, compose, script, fleet, inputs)
_PREFIX = re.compile(r"[a-z]{2}\d{0,2}")


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


@cache
def default_rules() -> tuple[Rule, ...]:
    """The rules that run without being asked for."""
    return tuple(rule for rule in all_rules() if rule.default)


def find_rules(wanted: str) -> tuple[Rule, ...]:
    """The rules that a code, a name, another tool's name for it, or the beginning of codes (`DF1`) stands for."""
    key = wanted.strip().lower()
    named = tuple(rule for rule in all_rules() if key in rule.names)
    if named or not _PREFIX.fullmatch(key):
        return named
    return tuple(rule for rule in all_rules() if rule.code.lower().startswith(key))
