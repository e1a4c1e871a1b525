"""What was understood of an instruction. All spans are character offsets into the sentence as it was given."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trimtab.crew.instructions.topics import Topic, codes_of
from trimtab.syntax.ignore import IgnoreFile, PatternError
from trimtab.text import Span


class Fate(StrEnum):
    """What became of a clause; each has exactly one."""

    UNDERSTOOD = "understood"
    """It asks for something: it has intents."""
    KEPT = "kept"
    """It asks that something is left as it is."""
    NARROWED = "narrowed"
    """It says what is meant, or is not: services, paths, a condition."""
    FILLER = "filler"
    """It carries no request."""
    REFUSED = "refused"
    NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of the text that is judged as a whole. Clauses follow each other and never overlap."""

    said: str
    span: Span
    fate: Fate


@dataclass(frozen=True, slots=True)
class Reach:
    """Where something is asked for. Names are those of services, or paths; nothing named means everywhere."""

    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    """`python`, `node`, …: the services on these alone."""
    tools: tuple[str, ...] = ()
    """Package managers that were named; where there are some, no others are meant."""

    def covers(self, names: Collection[str], runtimes: Collection[str] = ()) -> bool:
        """Whether a service is meant, by everything it is called by (name, paths) and the runtimes that it is on."""
        inside = not self.only or any(_is_named(name, self.only) for name in names)
        outside = any(_is_named(name, self.except_) for name in names)
        return inside and not outside and (not self.runtimes or bool(set(runtimes) & set(self.runtimes)))

    def within(self, outer: "Reach") -> "Reach":
        """This one inside another: what either leaves out is left out.

        Where both name services, runtimes or tools, the inner ones count: it was said closer to what is asked.
        """
        return Reach(
            self.only or outer.only, tuple(dict.fromkeys(self.except_ + outer.except_)),
            self.runtimes or outer.runtimes, self.tools or outer.tools,
        )  # fmt: skip


EVERYWHERE = Reach()


def _is_named(name: str, names: Collection[str]) -> bool:
    plain = name.strip("/").removeprefix("./")
    return any(named_by(other, plain) for other in names)


def named_by(name: str, path: str) -> bool:
    """Whether a name, which may have wildcards, means a service or path, or a folder that the path is in."""
    plain = name.strip("/").removeprefix("./")
    try:
        return IgnoreFile.of([plain]).ignores(path)
    except PatternError:
        return path == plain


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that is asked for."""

    topic: Topic
    said: str
    span: Span
    reach: Reach = EVERYWHERE
    looks: bool = False
    """Whether it is to be looked at and reported, not changed."""
    heading: bool = False
    """Whether a list behind it says what of it is meant; it then selects no rules itself."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that is to be left as it is."""

    topic: Topic
    said: str
    span: Span
    reach: Reach = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that was understood and will not be done, and why."""

    said: str
    reason: str
    path: str | None = None
    line: int | None = None
    services: tuple[str, ...] = ()
    unguarded: bool = False
    """Whether it is what something was to be kept from: done without it, the rest would reach too far."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """Everything that was made of a sentence. Nothing is in it that was not said."""

    text: str
    clauses: tuple[Clause, ...] = ()
    intents: tuple[Intent, ...] = ()
    """In the order of the text."""
    kept: tuple[Kept, ...] = ()
    standard: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Runtimes to the bases to be tried in order, as `standard` in the configuration has them."""
    exclude: tuple[str, ...] = ()
    """Patterns for ignore files, as `exclude` in the configuration has them."""
    refused: tuple[Refused, ...] = ()
    """What can be refused from the words alone."""
    reach: Reach = EVERYWHERE
    """What holds for all of it; an intent's own reach is narrower."""
    project: str | None = None
    """A name that the fleet as a whole seems to be called by: "for the Acme services"."""

    @property
    def scope(self) -> tuple[str, ...]:
        """The services and paths that alone are meant by all of it; empty for no such limit."""
        return self.reach.only

    @property
    def except_(self) -> tuple[str, ...]:
        """The services and paths that nothing is asked for."""
        return self.reach.except_

    @property
    def not_understood(self) -> tuple[str, ...]:
        """The clauses that nothing is known of, as written. Where there is one, nothing may be done."""
        return tuple(clause.said for clause in self.clauses if clause.fate is Fate.NOT_UNDERSTOOD)

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What is asked for, each once, in the order of the text."""
        return tuple(dict.fromkeys(intent.topic for intent in self.intents))

    @property
    def rules(self) -> tuple[str, ...]:
        """The codes that are selected for any service at all, sorted; what is kept everywhere is not among them."""
        wanted = codes_of(intent.topic for intent in self.intents if not intent.heading)
        return tuple(sorted(wanted - codes_of(each.topic for each in self.kept if each.reach == EVERYWHERE)))

    def rules_for(self, names: Collection[str], runtimes: Collection[str] = (), *, looks: bool = True) -> tuple[str, ...]:
        """The codes that are selected for one service, by everything it is called by and its runtimes, sorted.

        Without `looks` only what is asked to be changed counts.
        """
        if not self.reach.covers(names, runtimes):
            return ()
        meant = [each for each in self.intents if not each.heading and each.reach.covers(names, runtimes)]
        wanted = codes_of(each.topic for each in meant if looks or not each.looks)
        return tuple(sorted(wanted - codes_of(each.topic for each in self.kept if each.reach.covers(names, runtimes))))
