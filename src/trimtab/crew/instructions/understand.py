"""`understand`: what a text in plain words asks for."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from trimtab.crew.instructions.clause import DEFEATED, NOT_UNDERSTOOD, START, Frame, Reading
from trimtab.crew.instructions.lexemes import Lexeme
from trimtab.crew.instructions.model import EVERYWHERE, Clause, Fate, Instruction, Intent, Kept, Reach, Refused
from trimtab.crew.instructions.reading import read
from trimtab.crew.instructions.segments import Segment, Sentence, sentences_of
from trimtab.crew.instructions.tokens import Kind, Token, tokens_of
from trimtab.crew.instructions.topics import Topic
from trimtab.fleet.bases import read_reference

_REQUESTS_AS_QUESTIONS = ("can ", "could ", "would ", "will ", "please ")
_CONTRADICTED = "the words also ask to leave it as it is"
_ANOTHER_STANDARD = "another base is named for {} already, and there is one standard for a runtime"
_FIGURE = "what it gains is measured afterwards, never promised: leave the figure out"
_WHOLE = (Topic.CONTAINERS, Topic.BUILD_PROCESS, Topic.DEPLOYMENT)
"""Asked for together, they are everything."""


def understand(sentence: str, names: Collection[str] = ()) -> Instruction:
    """What a text asks for, clause by clause. Pure and deterministic; never raises.

    A clause is understood as a whole or not at all: one unknown word in it is enough for "not understood". Nothing is guessed.
    `names` are what the fleet's services and folders are called: where no other meaning is known, such a word is that name, as
    it is in quotes.
    """
    found = [_Sentence(sentence, each).read() for each in sentences_of(_tokens(sentence, names))]
    return _without_contradictions(_joined(sentence, found))


def _tokens(sentence: str, names: Collection[str]) -> list[Token]:
    tokens = tokens_of(sentence)
    return [replace(each, kind=Kind.QUOTED) if each.kind is Kind.WORD and each.text in names else each for each in tokens]


@dataclass(slots=True)
class _Read:
    """A clause with its reading."""

    segment: Segment
    reading: Reading
    reach: Reach = EVERYWHERE
    heading: bool = False


@dataclass(slots=True)
class _Sentence:
    """One sentence while it is read from left to right."""

    text: str
    segments: Sentence
    clauses: list[_Read] = field(default_factory=list["_Read"])
    frame: Frame = START
    outer: Frame | None = None
    """What holds for each item of the numbered list; a colon inside of one item does not reach the next."""
    step: int = -1

    def read(self) -> list[_Read]:
        if self._asks_a_question():
            return [_Read(segment, NOT_UNDERSTOOD) for segment in self.segments]
        for segment in self.segments:
            if segment.numbered:
                self.outer = self.outer or self.frame
                self.frame = replace(self.outer, opens="")
            self._take(segment, self._checked(segment, read(segment, self.frame)))
        return _spread(self.clauses)

    def _asks_a_question(self) -> bool:
        """Whether it wants an answer: "should we …?" is no request, "could you …?" is one."""
        first = self.text[self.segments[0].span.start :][:20].lower()
        return self.segments[-1].after == "?" and not first.startswith(_REQUESTS_AS_QUESTIONS)

    def _checked(self, segment: Segment, reading: Reading) -> Reading:
        """A reading that also fits what stands before it."""
        if self.frame.lost or self._may_be_negated(segment):
            return NOT_UNDERSTOOD
        if reading is NOT_UNDERSTOOD and "%" in segment.tags:
            without = replace(segment, lexemes=tuple(each for each in segment.lexemes if each.tag not in "%"))
            trimmed = replace(without, lexemes=_without_end(without))
            if trimmed.lexemes and read(trimmed, self.frame).fate is Fate.UNDERSTOOD:
                return Reading(Fate.REFUSED, reason=_FIGURE)
        if reading.step is not None:
            falls = reading.step < self.step
            self.step = max(self.step, reading.step)
            return replace(reading, fate=Fate.REFUSED, asks=()) if falls else replace(reading, reason="")
        narrows = reading.fate is Fate.NARROWED and reading.reach != EVERYWHERE and segment.after != ":"
        if narrows and not self.clauses and segment.after == ",":
            # "In a and b, add …": what follows is meant there.
            self.frame = replace(self.frame, reach=reading.reach)
        elif narrows and not self._narrow(reading.reach):
            return NOT_UNDERSTOOD
        return reading

    def _may_be_negated(self, segment: Segment) -> bool:
        """Whether a "not" in front of it may count for it as well: "do not change a and add b"."""
        before = self.clauses[-1] if self.clauses else None
        joined = segment.before == "" and segment.tags[0] == "J" and set(segment.tags) & set("VsEI") and "N" not in segment.tags
        return bool(before and joined and "N" in before.segment.tags)

    def _narrow(self, reach: Reach) -> bool:
        """Give a place to the clause that it stands behind, when that has room for it."""
        before = next((each for each in reversed(self.clauses) if each.reading.fate is not Fate.NARROWED), None)
        if before is None or not (before.reading.asks or before.reading.kept):
            return False
        old = before.reading.reach
        if before.reading.standard and reach.runtimes and set(reach.runtimes) != set(old.runtimes):
            return False
        joined = Reach(
            old.only + reach.only, old.except_, tuple(dict.fromkeys(old.runtimes + reach.runtimes)), old.tools + reach.tools
        )
        before.reading = replace(before.reading, reach=joined)
        return True

    def _take(self, segment: Segment, reading: Reading) -> None:
        self.clauses.append(_Read(segment, reading, self.frame.reach))
        if segment.bracketed:
            return
        if segment.after == ":" and reading.fate in {Fate.UNDERSTOOD, Fate.FILLER, Fate.NARROWED, Fate.KEPT}:
            self.clauses[-1].heading = True
            self.frame = self._listing(reading)
        elif reading.fate is Fate.NOT_UNDERSTOOD and segment.after == ":":
            self.frame = Frame(lost=True)
        elif reading.fate is Fate.NOT_UNDERSTOOD:
            # What follows may belong to what was not understood, unless a list says that it stands by itself.
            self.frame = replace(self.frame, opens="", verb=self.frame.verb if self.frame.listed else "")
        elif reading.verb and not self.frame.listed and not (reading.negated and reading.asks):
            self.frame = replace(self.frame, verb=reading.verb, negated=reading.negated, opens=reading.opens)
        else:
            self.frame = replace(self.frame, opens=reading.opens)

    def _listing(self, reading: Reading) -> Frame:
        topics = {ask.topic for ask in reading.asks} if not reading.negated else set[Topic]()
        kind = "exclude" if Topic.IGNORE_FILES in topics else "order" if Topic.LAYER_ORDER in topics else ""
        reach = reading.reach.within(self.frame.reach)
        opens = "only" if reading.opens == "only" else ""
        return Frame(reading.verb, reading.negated, listed=True, kind=kind, reach=reach, opens=opens)


def _without_end(segment: Segment) -> tuple[Lexeme, ...]:
    """The lexemes without a preposition that has lost its figure."""
    found = list(segment.lexemes)
    while found and found[-1].tag in "PMJ":
        found.pop()
    return tuple(found)


def _spread(clauses: Sequence[_Read]) -> list[_Read]:
    """What is said of the whole sentence, given to each of its clauses; where there is none, it stays for the instruction."""
    whole = _wholes(each.reading.whole for each in clauses)
    asking = [each for each in clauses if each.reading.asks or each.reading.kept]
    if not asking or whole == EVERYWHERE:
        return list(clauses)
    for each in asking:
        own = each.reading.reach
        only = own.only or whole.only
        each.reading = replace(each.reading, reach=replace(own, only=only, except_=own.except_ + whole.except_))
    for each in clauses:
        each.reading = replace(each.reading, whole=None)
    return list(clauses)


def _wholes(found: Iterable[Reach | None]) -> Reach:
    parts = [each for each in found if each]
    only = tuple(dict.fromkeys(name for each in parts for name in each.only))
    return Reach(only=only, except_=tuple(dict.fromkeys(name for each in parts for name in each.except_)))


@dataclass(slots=True)
class _Draft:
    """An instruction while its sentences are put together."""

    text: str
    clauses: list[Clause] = field(default_factory=list["Clause"])
    intents: list[Intent] = field(default_factory=list["Intent"])
    kept: list[Kept] = field(default_factory=list["Kept"])
    refused: list[Refused] = field(default_factory=list["Refused"])
    standard: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    exclude: dict[str, None] = field(default_factory=dict[str, None])

    def add(self, each: _Read, *, mounts: bool, heading: bool) -> None:
        reading, span = each.reading, each.segment.span
        said = self.text[span.start : span.end]
        fate, reason = reading.fate, reading.reason
        if reading.no_cache and mounts:
            fate, reason = Fate.REFUSED, DEFEATED
        problem = self._set_standard(reading)
        if problem:
            fate, reason = Fate.REFUSED, problem
        self.clauses.append(Clause(said, span, fate))
        if fate is Fate.REFUSED:
            self.refused.append(Refused(said, reason))
        if fate is Fate.UNDERSTOOD:
            reach = reading.reach.within(each.reach)
            means = any(ask.elaborates for ask in reading.asks)
            for ask in reading.asks:
                is_heading = heading or (means and ask.general and not ask.elaborates)
                self.intents.append(Intent(ask.topic, said, span, reach, ask.looks, is_heading))
            self.exclude.update(dict.fromkeys(reading.exclude))
        if fate is Fate.KEPT:
            self.kept += [Kept(topic, said, span, reading.reach.within(each.reach)) for topic in reading.kept]

    def _set_standard(self, reading: Reading) -> str | None:
        named: dict[str, tuple[str, ...]] = {}
        for runtime, base in reading.standard:
            named[runtime] = (*named.get(runtime, ()), base)
        taken = next((name for name, bases in named.items() if self.standard.get(name, bases) != bases), None)
        if taken:
            return _ANOTHER_STANDARD.format(taken)
        self.standard.update(named)
        if not reading.falls_back:
            return None
        alpine = {name: bases for name, bases in self.standard.items() if "alpine" in bases[-1]}
        if not alpine:
            return "there is no base on Alpine before it, from which to fall back"
        for name, bases in alpine.items():
            reference = read_reference(bases[-1])
            version = ".".join(str(part) for part in reference.version)
            self.standard[name] = (*bases, f"{reference.path}:{version}-slim")
        return None


def _joined(text: str, sentences: Sequence[Sequence[_Read]]) -> Instruction:
    every = [each for sentence in sentences for each in sentence]
    mounts = any(ask.topic in {Topic.CACHE_MOUNTS, Topic.BUILD_CACHING} for each in every for ask in each.reading.asks)
    draft = _Draft(text)
    for sentence in sentences:
        first = len(draft.intents)
        for at, each in enumerate(sentence):
            draft.add(each, mounts=mounts, heading=each.heading and _has_items(sentence[at + 1 :]))
        mine = draft.intents[first:]
        if {intent.topic for intent in mine if not (intent.heading or intent.looks)} >= set(_WHOLE):
            draft.intents.insert(first, replace(mine[0], topic=Topic.EVERYTHING))
    loose = _wholes(each.reading.whole for each in every)
    project = next((each.reading.project for each in every if each.reading.project), None)
    return Instruction(
        text, tuple(draft.clauses), tuple(draft.intents), tuple(draft.kept), draft.standard, tuple(draft.exclude),
        tuple(draft.refused), loose, project,
    )  # fmt: skip


def _has_items(behind: Sequence[_Read]) -> bool:
    return any(each.reading.asks or each.reading.fate is Fate.REFUSED for each in behind)


def _without_contradictions(found: Instruction) -> Instruction:
    """Refuse what is asked for and to be left alone at once."""
    kept = {each.topic for each in found.kept if not (each.reach.only or each.reach.runtimes)}
    spans = {intent.span: intent.said for intent in found.intents if intent.topic in kept and not intent.looks}
    if not spans:
        return found
    clauses = tuple(replace(each, fate=Fate.REFUSED) if each.span in spans else each for each in found.clauses)
    refused = found.refused + tuple(Refused(said, _CONTRADICTED) for said in spans.values())
    intents = tuple(each for each in found.intents if each.span not in spans)
    standard = dict[str, tuple[str, ...]]() if Topic.BASE_IMAGES in kept else found.standard
    exclude = () if Topic.IGNORE_FILES in kept else found.exclude
    return replace(found, clauses=clauses, intents=intents, refused=refused, standard=standard, exclude=exclude)
