"""A clause, what it inherits, and what it means."""

import re
from dataclasses import dataclass

from trimtab.crew.instructions.lexemes import Lexeme
from trimtab.crew.instructions.model import EVERYWHERE, Fate, Reach
from trimtab.crew.instructions.segments import Segment
from trimtab.crew.instructions.topics import Topic
from trimtab.crew.instructions.vocabulary import RUNTIMES, TOOLS


@dataclass(frozen=True, slots=True)
class Ask:
    """One topic of a clause."""

    topic: Topic
    looks: bool = False
    elaborates: bool = False
    """Whether it says by what means the others are to be reached: "with", "using"."""
    general: bool = False
    """Whether it is an area or a measure, which another one may say more of."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What a clause inherits from those before it in its sentence."""

    verb: str = ""
    negated: bool = False
    listed: bool = False
    """Whether it stands behind a colon."""
    kind: str = ""
    """`exclude` for patterns, `order` for steps of a build; empty otherwise."""
    reach: Reach = EVERYWHERE
    lost: bool = False
    """Whether a heading was not understood, so that nothing behind it can be."""
    opens: str = ""
    """What a bare list of names continues: `reach`, `only`, `except`, `runtimes`, `patterns`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of a clause."""

    fate: Fate
    asks: tuple[Ask, ...] = ()
    kept: tuple[Topic, ...] = ()
    reach: Reach = EVERYWHERE
    whole: Reach | None = None
    """What holds for the whole sentence."""
    standard: tuple[tuple[str, str], ...] = ()
    exclude: tuple[str, ...] = ()
    reason: str = ""
    verb: str = ""
    negated: bool = False
    opens: str = ""
    project: str | None = None
    falls_back: bool = False
    no_cache: bool = False
    """Whether it asks a package manager to keep no cache; what that is worth depends on the other clauses."""
    step: int | None = None


DEFEATED = "a package manager that keeps no cache leaves the cache mount empty, so everything is downloaded every time"
START = Frame()
NOT_UNDERSTOOD = Reading(Fate.NOT_UNDERSTOOD)


@dataclass(frozen=True)
class Fit:
    """A clause in one of its forms."""

    segment: Segment
    match: "re.Match[str]"
    frame: Frame

    def part(self, name: str) -> tuple[Lexeme, ...]:
        """The lexemes of a part of the form; none where the form has no such part here."""
        if name not in self.match.re.groupindex or self.match[name] is None:
            return ()
        return self.segment.lexemes[self.match.start(name) : self.match.end(name)]

    def outside(self, *names: str) -> tuple[Lexeme, ...]:
        """The lexemes that are in none of some parts."""
        inside = {id(each) for name in names for each in self.part(name)}
        return tuple(each for each in self.segment.lexemes if id(each) not in inside)

    @property
    def negated(self) -> bool:
        return bool(self.part("not") or self.part("no"))


def reach_of(lexemes: tuple[Lexeme, ...]) -> tuple[Reach, str | None]:
    """The places that are named, and the name that the fleet is called by."""
    only = tuple(each.value for each in lexemes if each.tag in "ZX")
    tools = tuple(each.value for each in lexemes if each.tag == "T")
    named = [RUNTIMES[each.value] for each in lexemes if each.tag == "G"]
    runtimes = tuple(dict.fromkeys(named + [TOOLS[tool] for tool in tools if TOOLS[tool]]))
    # A system's package manager is used on every runtime.
    runtimes = () if any(not TOOLS[tool] for tool in tools) and not named else runtimes
    return Reach(only=only + _lone(lexemes), runtimes=runtimes, tools=tools), _project(lexemes)


def _lone(lexemes: tuple[Lexeme, ...]) -> tuple[str, ...]:
    """Proper names that stand by themselves: "for Redis" means one service, if there is such a one."""
    named = {_project(lexemes)}
    return tuple(each.value for each in lexemes if each.tag == "W" and each.value not in named)


def _project(lexemes: tuple[Lexeme, ...]) -> str | None:
    """A proper name that belongs to all: "for the Acme services", "for Acme's platform"."""
    for at, lexeme in enumerate(lexemes[:-1]):
        following = lexemes[at + 1]
        if lexeme.tag == "W" and (following.tag == "H" or (following.tag == "S" and following.text.lower().endswith("s"))):
            return lexeme.value
    return None


def heads_of(lexemes: tuple[Lexeme, ...]) -> list[Lexeme]:
    """The nouns that a list of them is about: the last one of each member."""
    heads: list[Lexeme] = []
    fresh = True
    for lexeme in lexemes:
        if lexeme.tag in "tn":
            heads[len(heads) if fresh else -1 :] = [lexeme]
            fresh = False
        # "Python and Node base images" is one member: the noun is still to come.
        fresh = fresh or lexeme.tag == "J"
    return heads


def opened_by(segment: Segment) -> str:
    """What a bare list behind a clause would continue."""
    last = segment.lexemes[-1].tag
    if last in "ZX" and set(segment.tags) & set("PO"):
        return "reach"
    return "runtimes" if set(segment.tags[-2:]) & set("GT") else ""
