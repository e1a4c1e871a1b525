"""What a client is to see first of a list that is too long for it: the worst. Each order gives a key to sort by."""

from collections.abc import Callable, Mapping, Sequence

from trimtab.build import Outcome
from trimtab.fleet.plain import items, mapping, text
from trimtab.scan import LEVELS, Standing
from trimtab.verify import VerdictKind

Order = Callable[[Mapping[str, object]], tuple[float, ...]]


def as_it_is(_: Mapping[str, object]) -> tuple[float, ...]:
    """The command's own order, as of batches that come one after the other."""
    return ()


def severity(finding: Mapping[str, object]) -> tuple[float, ...]:
    """The most severe finding first."""
    return (_place(finding.get("severity"), LEVELS),)


def score(file: Mapping[str, object]) -> tuple[float, ...]:
    """The file with the lowest score first."""
    return (_number(file.get("score")),)


def size(context: Mapping[str, object]) -> tuple[float, ...]:
    """The largest first."""
    return (-_number(context.get("bytes")),)


def change(file: Mapping[str, object]) -> tuple[float, ...]:
    """A file with which we failed first, then those that change."""
    return (not file.get("bug"), file.get("changed") is not True)


def verdict(file: Mapping[str, object]) -> tuple[float, ...]:
    """What was rejected first, then what could not be decided."""
    return (_place(file.get("verdict"), (VerdictKind.REJECTED, VerdictKind.INCONCLUSIVE, VerdictKind.ACCEPTED)),)


def build(target: Mapping[str, object]) -> tuple[float, ...]:
    """What failed first, then what was not tried because of that, then what was not come to."""
    order = (Outcome.FAILED, Outcome.BLOCKED, Outcome.CANCELLED, Outcome.BUILT, Outcome.SKIPPED)
    return (_place(target.get("outcome"), order),)


def scanned(target: Mapping[str, object]) -> tuple[float, ...]:
    """The target with more of the worst first: its vulnerabilities and credentials, severity by severity."""
    counts = mapping(target.get("counts"))
    leaks = [text(mapping(each).get("severity")) for each in items(target.get("secrets"))]
    return tuple(-(_number(counts.get(level)) + leaks.count(level)) for level in LEVELS)


def control(result: Mapping[str, object]) -> tuple[float, ...]:
    """What fails first, then what could not be looked at."""
    return (_place(result.get("standing"), (Standing.FAIL, Standing.UNCHECKED, Standing.PASS, Standing.NOT_APPLICABLE)),)


def _place(value: object, order: Sequence[str]) -> int:
    return order.index(value) if isinstance(value, str) and value in order else len(order)


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
