"""Reading a compose project so that no setting goes missing unnoticed."""

import re
from collections.abc import Iterator, Mapping, Sequence

from trimtab.deploy.targets.loss import Loss, LossKind
from trimtab.fleet.plain import items, mapping, text

Reasons = Mapping[str, tuple[LossKind, str, str]]
"""By key: what becomes of a setting that was not used, why, and what to do. `*` stands for one name in between."""


class Reading:
    """A mapping of a compose project that knows which of its keys were used.

    Whoever uses a key takes it. What nobody has taken in the end is reported as lost, nested keys and keys that trimtab
    has never heard of included, so that a forgotten setting shows itself.
    """

    def __init__(self, owner: str, data: object, path: str = "", losses: list[Loss] | None = None) -> None:
        self.owner, self.data, self.path = owner, mapping(data), path
        self.losses: list[Loss] = [] if losses is None else losses
        self._taken: set[str] = set()
        self._parts: dict[str, Reading] = {}

    def has(self, key: str) -> bool:
        """Whether a key says something; what compose prints for nothing (`null`, `{}`) is nothing."""
        return self.data.get(key) not in (None, "", {}, [])

    def take(self, key: str) -> object:
        """A key's value, which counts as used."""
        self._taken.add(key)
        return self.data.get(key)

    def text(self, key: str) -> str | None:
        return text(self.take(key))

    def texts(self, key: str) -> list[str]:
        return [str(item) for item in items(self.take(key))]

    def number(self, key: str) -> int | None:
        """A whole number; None for none, and for what is not one, which is then reported."""
        value = str(self.data.get(key))
        return int(value) if re.fullmatch(r"-?\d+", value) and self.take(key) is not None else None

    def under(self, key: str) -> "Reading":
        """What stands below a key."""
        return self._part(key, self.take(key))

    def each(self, key: str) -> "Sequence[Reading]":
        """The items of a list of mappings."""
        return [self._part(f"{key}[{number}]", item) for number, item in enumerate(items(self.take(key)))]

    def named(self, key: str) -> "Mapping[str, Reading]":
        """The parts of a mapping by names of the user's."""
        return {name: self._part(f"{key}.{name}", body) for name, body in mapping(self.take(key)).items()}

    def lost(self, key: str, reason: str, advice: str = "") -> None:
        self.note(key, LossKind.LOST, reason, advice)

    def approximated(self, key: str, reason: str, advice: str = "") -> None:
        self.note(key, LossKind.APPROXIMATED, reason, advice)

    def note(self, key: str, kind: LossKind, reason: str, advice: str = "") -> None:
        """Say what became of a key, or of this mapping as a whole; it counts as used."""
        self._taken.add(key)
        self.losses.append(Loss(self.owner, ".".join(part for part in (self.path, key) if part), kind, reason, advice))

    def report_unread(self, reasons: Reasons) -> None:
        """Report every setting that nobody took."""
        for path in self._unread():
            kind, reason, advice = _reason(path, reasons)
            self.losses.append(Loss(self.owner, path, kind, reason, advice))

    def _part(self, name: str, data: object) -> "Reading":
        if name not in self._parts:
            path = f"{self.path}.{name}" if self.path else name
            self._parts[name] = Reading(self.owner, data, path, self.losses)
        return self._parts[name]

    def _unread(self) -> Iterator[str]:
        for key in self.data:
            if key not in self._taken and self.has(key):
                yield f"{self.path}.{key}" if self.path else key
        for part in self._parts.values():
            yield from part._unread()


def _reason(path: str, reasons: Reasons) -> tuple[LossKind, str, str]:
    plain = re.sub(r"\[\d+\]", "", path)
    first, _, rest = plain.partition(".")
    for name in (plain, f"{first}.*.{rest.rpartition('.')[2]}", plain.rpartition(".")[0], first):
        if name in reasons:
            return reasons[name]
    if first.startswith("x-"):
        return LossKind.MOOT, "An extension of the file's author; compose does nothing with it.", ""
    return LossKind.LOST, "trimtab does not know how to say this there.", "Look up what it does and say it by hand."
