"""A strict reader of Prometheus' text format: what it does not understand is an error."""

import re
from dataclasses import dataclass, field

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(?P<name>[a-zA-Z_]\w*)="(?P<value>(?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)')
_UNITS = ("milliseconds", "minutes", "hours", "days", "kilobytes", "megabytes", "percent", "millicores")


@dataclass
class Read:
    """One family as it was read."""

    help: str
    kind: str = ""
    values: dict[frozenset[tuple[str, str]], float] = field(default_factory=dict[frozenset[tuple[str, str]], float])

    def value(self, **labels: str) -> float:
        """The one sample that has these labels, whatever others it has."""
        (found,) = [value for key, value in self.values.items() if set(labels.items()) <= key]
        return found


def read_text(text: str) -> dict[str, Read]:
    """Every family by its name.

    Raises:
        AssertionError: the text is not as the format asks, or breaks a convention of names.
    """
    assert not text or text.endswith("\n")
    found: dict[str, Read] = {}
    current = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            current, _, told = line[7:].partition(" ")
            assert current not in found, f"{current} comes twice"
            assert told.strip()
            found[current] = Read(told)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == current
            assert not found[name].values
            assert kind in {"counter", "gauge"}
            assert (kind == "counter") == name.endswith("_total")
            assert not name.endswith(_UNITS)
            found[name].kind = kind
        else:
            _take_sample(line, current, found)
    assert all(each.values and each.kind for each in found.values())
    return found


def _take_sample(line: str, current: str, found: dict[str, Read]) -> None:
    match = _SAMPLE.fullmatch(line)
    assert match is not None, line
    assert match["name"] == current, f"{line} stands among samples of {current}"
    inner, labels = match["labels"] or "", list[tuple[str, str]]()
    place = 0
    while place < len(inner):
        label = _LABEL.match(inner, place)
        assert label is not None, line
        labels.append((label["name"], re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], label["value"])))
        place = label.end()
    key = frozenset(labels)
    assert len(key) == len(labels)
    assert key not in found[current].values, f"{line} is there twice"
    found[current].values[key] = float(match["value"])
