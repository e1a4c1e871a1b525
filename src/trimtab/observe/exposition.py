"""Prometheus' text format, version 0.0.4. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/: a family's help and type come before its samples and once;
backslash and line feed are escaped in help, and the quotation mark, too, in values of labels.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
Value = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples: labels and value."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    values: Sequence[Value]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"`{self.name}` is no name for a {self.kind}")
        wrong = {label for labels, _ in self.values for label in labels if not _LABEL.fullmatch(label)}
        if wrong:
            raise ValueError(f"`{self.name}`: `{min(wrong)}` is no name for a label")
        keys = [tuple(sorted(labels.items())) for labels, _ in self.values]
        if len(set(keys)) < len(keys):
            raise ValueError(f"`{self.name}` has two values for the same labels")


def render(families: Iterable[Family]) -> str:
    """The families as text; one without samples is left out."""
    return "".join(line for family in families if family.values for line in _lines(family))


def _lines(family: Family) -> Iterable[str]:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    yield f"# HELP {family.name} {text}\n"
    yield f"# TYPE {family.name} {family.kind}\n"
    for labels, value in family.values:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{family.name}{{{inner}}} {_number(value)}\n" if inner else f"{family.name} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
