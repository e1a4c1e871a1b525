"""What one clause means, once its form is known. A form whose meaning does not hold together is no reading."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from trimtab.crew.instructions.grammar import Form, fits
from trimtab.crew.instructions.lexemes import Lexeme, Sense
from trimtab.crew.instructions.literals import mount_problem, option_kind, pattern_problem, standard_problem, topic_of_path
from trimtab.crew.instructions.model import Fate, Reach
from trimtab.crew.instructions.segments import Segment
from trimtab.crew.instructions.topics import Topic
from trimtab.crew.instructions.vocabulary import RUNTIMES, TOOLS
from trimtab.fleet.bases import read_reference

_ONLY_LOOKS = frozenset({Topic.VULNERABILITIES, Topic.SECRETS, Topic.COMPLIANCE})
"""Topics that a scan is about: who asks for the scan does not ask for upgrades."""
_ALLOWS = {
    "plus": "+", "improve": "~", "general": "~", "harden": "~", "speed": "~-", "fix": "-~", "minus": "-", "any": "+~",
    "look": "+~-n", "run": "+", "scan": "-+",
}  # fmt: skip
_GENERAL = frozenset({"general", "fix", "any", "look"})
"""Verbs that may have a whole area for their object: "optimize the builds". To tune or to plan one says too little."""
_SETS = frozenset({"plus", "improve", "general", "touch", "move"})
"""Verbs that put one base in the place of another."""
_IMPROVED = frozenset({"optimized", "improved", "hardened", "standardized", "streamlined", "enhanced"})
_NOBODY = frozenset({"anything", "something", "nothing", "it", "them", "this", "that", "everything", "others", "rest", "else"})


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
    reach: Reach = Reach()
    opens: str = ""
    """What a bare list of names continues: `reach`, `only`, `except`, `runtimes`, `patterns`."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The meaning of a clause."""

    fate: Fate
    asks: tuple[Ask, ...] = ()
    kept: tuple[Topic, ...] = ()
    reach: Reach = Reach()
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
NOT_UNDERSTOOD = Reading(Fate.NOT_UNDERSTOOD)


@dataclass(frozen=True)
class _Fit:
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


def read(segment: Segment, frame: Frame) -> Reading:
    """The first reading of a clause that holds together. Never raises."""
    if frame.kind == "exclude" or frame.opens == "patterns":
        # Among patterns, the word is the file.
        files = tuple(
            replace(each, tag="X", value=each.text) if each.text == "Dockerfile" else each for each in segment.lexemes
        )
        segment = replace(segment, lexemes=files)
    for form, match in fits(segment.tags).items():
        reading = _READERS[form](_Fit(segment, match, frame))
        if reading is not None:
            return reading
    return NOT_UNDERSTOOD


def _reach_of(lexemes: tuple[Lexeme, ...]) -> tuple[Reach, str | None]:
    """The places that are named, and the name that the fleet is called by."""
    only = tuple(each.value for each in lexemes if each.tag in "ZX")
    tools = tuple(each.value for each in lexemes if each.tag == "T")
    named = [RUNTIMES[each.value] for each in lexemes if each.tag == "G"]
    runtimes = tuple(dict.fromkeys(named + [TOOLS[tool] for tool in tools if TOOLS[tool]]))
    # A system's package manager is used on every runtime.
    runtimes = () if any(not TOOLS[tool] for tool in tools) and not named else runtimes
    project = next((each.value for each in lexemes if each.tag == "W"), None)
    return Reach(only=only, runtimes=runtimes, tools=tools), project


def _heads(lexemes: tuple[Lexeme, ...]) -> list[Lexeme]:
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


def _opens(segment: Segment) -> str:
    last = segment.lexemes[-1].tag
    if last in "ZX" and set(segment.tags) & set("PO"):
        return "reach"
    return "runtimes" if set(segment.tags[-2:]) & set("GT") else ""


def _asked(fit: _Fit, heads: list[Lexeme], verb: str, negated: bool) -> Reading | None:
    """The reading of a request about some nouns; None where one of them cannot be asked for like that."""
    asks: list[Ask] = []
    kept: list[Topic] = []
    for head in heads:
        outcome = _outcome(head, verb, negated)
        if outcome is None:
            return _of_latest(head, verb, negated)
        asks += [outcome] if isinstance(outcome, Ask) else []
        kept += [] if isinstance(outcome, Ask) else [outcome]
    if not heads or (asks and kept):
        return None
    places = fit.outside("patterns", "mount", "bases")
    reach, project = _reach_of(places)
    fate = Fate.KEPT if kept else Fate.UNDERSTOOD
    opens = _opens(fit.segment)
    return Reading(fate, tuple(asks), tuple(kept), reach, verb=verb, negated=negated, opens=opens, project=project)


def _of_latest(head: Lexeme, verb: str, negated: bool) -> Reading | None:
    latest = head.text.strip("\"'").lower() in {"latest", "latest tag"}
    if not latest or negated or verb not in {"plus", "any"}:
        return None
    reason = "`latest` is another image after every release, so no build could be repeated and none could be gone back to"
    return Reading(Fate.REFUSED, reason=reason)


def _outcome(head: Lexeme, verb: str, negated: bool) -> Ask | Topic | None:
    """What becomes of one noun: it is asked for, kept, or neither."""
    if negated:
        return _turned(head, verb)
    if verb == "keep":
        sense = head.allows("+") or head.allows("~")
        return sense.topic if sense else None
    for what in _ALLOWS.get(verb, ""):
        sense = _special(head, verb) or head.allows(what)
        if sense is not None and ("n" not in sense.allows or verb in _GENERAL):
            looks = verb in {"look", "scan"} or (what == "+" and sense.topic in _ONLY_LOOKS)
            return Ask(sense.topic, looks, general="+" not in sense.allows)
    return None


def _special(head: Lexeme, verb: str) -> Sense | None:
    """What verbs with a purpose of their own make of an area: who hardens containers does not ask for smaller ones."""
    topic = head.senses[0].topic
    if verb == "harden":
        known = {Topic.CONTAINERS, Topic.HARDENING, Topic.COMPOSE}
        return Sense("~" if topic in known else "n", Topic.HARDENING)
    return Sense("~", Topic.BUILD_TIME) if verb == "speed" and topic is Topic.BUILD_PROCESS else None


def _turned(head: Lexeme, verb: str) -> Ask | Topic | None:
    """A noun behind a negation. Not to have what is bad is a request; not to have what is good keeps it away."""
    bad = head.allows("-")
    if bad and verb in {"", "plus", "any", "keep", "run"}:
        # "No build time" says neither; nor does what is good and bad at once.
        return Ask(bad.topic) if len(head.senses) == 1 and bad.allows == "-" else None
    if verb in {"keep", "exclude"} or len({sense.topic for sense in head.senses}) > 1:
        return None
    return head.senses[0].topic


def _verbs(fit: _Fit) -> list[str] | None:
    """The verbs that count: "consider adding" adds; "review and improve" does both."""
    part = fit.part("verb")
    verbs: list[str] = []
    for at, lexeme in enumerate(part):
        if lexeme.tag != "V":
            continue
        if at and part[at - 1].tag == "V":
            if verbs[-1] != "any":
                return None
            verbs.pop()
        verbs.append(lexeme.verb)
    return verbs or (["plus"] if any(each.tag == "E" for each in part) else [])


def _request(fit: _Fit) -> Reading | None:
    verbs = _verbs(fit)
    readings = [_asked(fit, _heads(fit.part("object")), verb, False) for verb in verbs or []]
    if not readings or any(each is None or each.fate is not readings[-1].fate for each in readings if readings[-1]):
        return readings[-1] if len(readings) == 1 else None
    changes = [each for each in readings if each and not all(ask.looks for ask in each.asks)]
    reading = changes[-1] if changes else readings[-1]
    means = _heads(fit.part("with"))
    if reading is None or not means:
        return reading
    by = _asked(fit, means, "any", False)
    if by is None or by.kept or reading.kept:
        return None
    return replace(reading, asks=reading.asks + tuple(replace(ask, elaborates=True) for ask in by.asks))


def _negated(fit: _Fit) -> Reading | None:
    verbs = _verbs(fit)
    if verbs is None or len(verbs) > 1:
        return None
    return _asked(fit, _heads(fit.part("object")), verbs[0] if verbs else "", True)


def _subject(fit: _Fit) -> Reading | None:
    """ "All services use …" says how it is; "must use", "need" and "ensure that … use" say how it has to be."""
    verb = fit.part("verb")[0]
    if not (fit.part("duty") or fit.part("modal") or verb.text.lower().rstrip("s") in {"need", "require"}):
        return None
    return _asked(fit, _heads(fit.part("object")), verb.verb, fit.negated)


def _run(fit: _Fit) -> Reading | None:
    scans = fit.part("verb")[0].text.lower().startswith("scan")
    before = fit.segment.lexemes[fit.match.start("object") - 1].text.lower()
    if before != ("for" if scans else "as"):
        return None
    return _asked(fit, _heads(fit.part("object")), "scan" if scans else "run", fit.negated)


def _run_object(fit: _Fit) -> Reading | None:
    scans = fit.part("verb")[0].text.lower().startswith("scan")
    heads = _heads(fit.part("object"))
    if scans and all(head.tag == "n" for head in heads):
        return _scan(fit)
    return _asked(fit, heads, "scan" if scans else "run", fit.negated)


def _scan(fit: _Fit) -> Reading | None:
    if not fit.part("verb")[0].text.lower().startswith("scan"):
        return None
    reach, project = _reach_of(fit.segment.lexemes)
    if fit.negated:
        return Reading(Fate.KEPT, kept=(Topic.VULNERABILITIES,), reach=reach, project=project)
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.VULNERABILITIES, looks=True),), reach=reach, verb="scan", project=project)


def _passive(fit: _Fit) -> Reading | None:
    if not (fit.part("duty") or fit.part("modal")):
        return None
    done = fit.part("done")[0]
    verb = done.verb or ("general" if done.text.lower() in _IMPROVED else "")
    negated = fit.negated or "N" in fit.segment.tags
    return _asked(fit, _heads(fit.part("object")), verb, negated) if verb else None


def _whole(fit: _Fit) -> Reading | None:
    verbs = _verbs(fit) or []
    if any(verb not in _GENERAL - {"any"} | {"harden"} for verb in verbs) or "V" not in fit.segment.tags:
        return None
    reach, project = _reach_of(fit.segment.lexemes)
    topics = {
        topic_of_path(each.value) if each.tag == "X" else Topic.CONTAINERS for each in fit.segment.lexemes if each.tag in "XZS"
    }
    if None in topics or len(topics) != 1:
        return None
    topics = {Topic.HARDENING} if "harden" in verbs else topics
    looks = all(verb == "look" for verb in verbs)
    asks = tuple(Ask(topic, looks, general=True) for topic in topics if topic)
    return Reading(Fate.UNDERSTOOD, asks, reach=reach, verb=verbs[-1], opens=_opens(fit.segment), project=project)


def _standard(fit: _Fit) -> Reading | None:
    verb = fit.part("verb")
    inherits = fit.frame.listed or fit.frame.verb in _SETS
    if (verb and verb[-1].verb not in _SETS) or (not verb and not inherits) or fit.frame.negated:
        return None
    return _with_bases(fit, verb[-1].verb if verb else fit.frame.verb)


def _standard_to(fit: _Fit) -> Reading | None:
    what = fit.part("what")
    heads = [head for head in _heads(what) if Topic.BASE_IMAGES not in {sense.topic for sense in head.senses}]
    if fit.part("verb")[-1].verb not in _SETS or any(head.tag != "n" for head in heads):
        return None
    return _with_bases(fit, fit.part("verb")[-1].verb)


def _standard_of(fit: _Fit) -> Reading | None:
    told = fit.part("duty") or fit.part("modal") or "P" in fit.segment.tags[: fit.match.start("verb")]
    return _with_bases(fit, "plus") if told and fit.part("verb")[-1].verb in _SETS else None


def _with_bases(fit: _Fit, verb: str) -> Reading | None:
    bases = [each for each in fit.part("bases") if each.tag == "R"]
    joins = [each.text.lower() for each in fit.part("bases") if each.tag == "J"]
    reach, project = _reach_of(fit.outside("bases"))
    reach = reach.within(fit.frame.reach)
    if reach.tools:
        return None
    found: list[tuple[str, str]] = []
    for base in bases:
        own = read_reference(base.value).runtime
        runtimes = reach.runtimes or ((own,) if own else ())
        problem = standard_problem(base.value, runtimes)
        if problem:
            return Reading(Fate.REFUSED, reason=problem)
        found += [(runtime, base.value) for runtime in runtimes]
    names = [runtime for runtime, _ in found]
    alternatives = joins and all(join == "or" for join in joins)
    if not found or (len(set(names)) < len(names) and not alternatives):
        return None
    reach = replace(reach, runtimes=tuple(dict.fromkeys(names)))
    asks = (Ask(Topic.BASE_IMAGES),)
    return Reading(Fate.UNDERSTOOD, asks, reach=reach, standard=tuple(found), verb=verb, project=project)


def _keep_base(fit: _Fit) -> Reading | None:
    if fit.part("verb")[-1].verb != "keep":
        return None
    reach, project = _reach_of(fit.outside("bases"))
    return Reading(Fate.KEPT, kept=(Topic.BASE_IMAGES,), reach=reach, project=project)


def _fall_back(fit: _Fit) -> Reading | None:
    verb = next((each.verb for each in fit.segment.lexemes if each.tag == "V"), "plus")
    joined = set(fit.segment.tags) & set("fJO")
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.BASE_IMAGES),), falls_back=True) if joined and verb == "plus" else None


def _mount(fit: _Fit) -> Reading | None:
    option = fit.part("mount")[0].value
    kind = option_kind(option)
    heads = _heads(fit.part("object")) + [each for each in fit.segment.lexemes[fit.match.end("mount") :] if each.tag == "t"]
    about_mounts = all(sense.topic is Topic.CACHE_MOUNTS for head in heads for sense in head.senses)
    verb = fit.part("verb")[-1].verb if fit.part("verb") else fit.frame.verb or ("any" if fit.frame.listed else "")
    reach, _ = _reach_of(fit.outside("mount"))
    if kind is None or not about_mounts or reach.only or not verb:
        return None
    if kind == "no-cache" and heads and verb == "plus" and not fit.negated:
        return Reading(Fate.REFUSED, reason=DEFEATED)
    if kind == "no-cache":
        if fit.negated or verb == "minus":
            return Reading(Fate.UNDERSTOOD, (Ask(Topic.CACHE_MOUNTS),), reach=reach)
        return Reading(Fate.NOT_UNDERSTOOD, no_cache=True) if verb == "plus" else None
    if fit.negated or verb not in {"plus", "any"}:
        return None
    problem = mount_problem(option, reach)
    if problem:
        return Reading(Fate.REFUSED, reason=problem)
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.CACHE_MOUNTS),), reach=reach, verb=verb, opens=_opens(fit.segment))


def _exclude(fit: _Fit) -> Reading | None:
    verb = fit.part("verb")[0].verb
    values = [each.value for each in fit.part("patterns") if each.tag == "X"]
    # "Exclude services/ml" may mean the service as well as the files: only what cannot be a service's folder is taken.
    clear = fit.frame.kind == "exclude" or not any("/" in value.strip("/") and "*" not in value for value in values)
    if not clear or not (verb == "exclude" or (verb == "plus" and fit.frame.kind == "exclude")):
        return None
    return _with_patterns(fit)


def _exclude_from(fit: _Fit) -> Reading | None:
    about = any(sense.topic is Topic.IGNORE_FILES for head in _heads(fit.part("object")) for sense in head.senses)
    place = fit.segment.lexemes[fit.match.start("object") - 1].text.lower()
    fitting = {"exclude": {"from", "in"}, "minus": {"from"}, "plus": {"to", "in"}}.get(fit.part("verb")[0].verb, set[str]())
    if not about or place not in fitting:
        return None
    # What is taken from the context is named in the ignore file; what is taken from the ignore file is not.
    context = any(head.text.lower().endswith(("context", "context size")) for head in _heads(fit.part("object")))
    if context == (fit.part("verb")[0].verb == "plus") or (not context and place == "from"):
        return None
    return _with_patterns(fit)


def _exclusions_for(fit: _Fit) -> Reading | None:
    about = any(sense.topic is Topic.IGNORE_FILES for head in _heads(fit.part("object")) for sense in head.senses)
    return _with_patterns(fit) if about and fit.part("verb")[0].verb == "plus" else None


def _patterns(fit: _Fit) -> Reading | None:
    context = [sense.topic for head in _heads(fit.part("object")) for sense in head.senses]
    if any(topic is not Topic.IGNORE_FILES for topic in context):
        return None
    continues = fit.frame.opens == "patterns" or (fit.frame.kind == "exclude" and fit.frame.listed)
    return _with_patterns(fit) if continues and not fit.frame.negated else None


def _with_patterns(fit: _Fit) -> Reading | None:
    part = fit.part("patterns") or fit.segment.lexemes
    patterns = tuple(each.value for each in part if each.tag in "XZ")
    for pattern in patterns:
        problem = pattern_problem(pattern)
        if problem:
            return Reading(Fate.REFUSED, reason=problem, opens="patterns")
    asks = (Ask(Topic.IGNORE_FILES),)
    return Reading(Fate.UNDERSTOOD, asks, exclude=patterns, verb="exclude", opens="patterns") if patterns else None


def _names(fit: _Fit) -> tuple[str, ...]:
    return tuple(each.value or each.text for each in fit.part("names") if each.tag in "ZXW?")


def _names_nobody(fit: _Fit) -> bool:
    return any(name.lower() in _NOBODY for name in _names(fit))


def _only(fit: _Fit) -> Reading | None:
    verbs = [each.verb for each in fit.segment.lexemes if each.tag == "V"]
    if _names_nobody(fit) or any(verb in {"keep", "exclude", "minus", "look"} for verb in verbs):
        return None
    return Reading(Fate.NARROWED, whole=Reach(only=_names(fit)), opens="only")


def _except(fit: _Fit) -> Reading | None:
    return None if _names_nobody(fit) else Reading(Fate.NARROWED, whole=Reach(except_=_names(fit)), opens="except")


def _leave(fit: _Fit) -> Reading | None:
    verb = fit.part("verb")[0].verb
    return _except(fit) if verb in {"touch", "improve", "general", "fix", "any"} else None


def _leave_as_it_is(fit: _Fit) -> Reading | None:
    return _except(fit) if fit.part("verb")[0].verb == "keep" else None


def _order(fit: _Fit) -> Reading | None:
    one, other = (int(fit.part(name)[0].value) for name in ("one", "other"))
    before = fit.part("order")[0].text.lower() == "before"
    first, then = (one, other) if before else (other, one)
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.LAYER_ORDER),)) if first < then else Reading(Fate.REFUSED, reason=_WRONG_ORDER)


_WRONG_ORDER = "what changes often has to stand below what changes seldom, or every edit runs the rest of the build again"


def _step(fit: _Fit) -> Reading | None:
    if fit.frame.kind != "order" or not fit.frame.listed:
        return None
    step = next(int(each.value) for each in fit.segment.lexemes if each.tag == "D")
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.LAYER_ORDER),), step=step, reason=_WRONG_ORDER)


def _objects(fit: _Fit) -> Reading | None:
    heads = _heads(fit.part("object"))
    verb = fit.frame.verb or ("any" if fit.frame.listed else "")
    reading = _asked(fit, heads, verb, fit.frame.negated) if verb or fit.frame.negated else None
    if reading is None and fit.segment.after == ":":
        # A heading without a verb names what its list is about, and asks for nothing by itself.
        label = _asked(fit, heads, "look", False)
        reach, project = _reach_of(fit.segment.lexemes)
        return replace(label, fate=Fate.FILLER, verb="", reach=reach, project=project) if label else None
    return reading


def _quality(fit: _Fit) -> Reading | None:
    return Reading(Fate.FILLER) if fit.frame.listed or fit.frame.verb else None


def _where(fit: _Fit) -> Reading | None:
    reach, project = _reach_of(fit.segment.lexemes)
    return Reading(Fate.NARROWED, reach=reach, project=project, opens="reach")


def _bare_names(fit: _Fit) -> Reading | None:
    names = _names(fit)
    if fit.frame.opens in {"reach", "only"} or (fit.segment.after == ":" and not fit.frame.opens):
        # Behind "for", the names belong to the clause before; behind "only", to the sentence.
        reach = Reach(only=names)
        whole = reach if fit.frame.opens == "only" else None
        return Reading(Fate.NARROWED, reach=Reach() if whole else reach, whole=whole, opens=fit.frame.opens or "reach")
    if fit.frame.opens == "except":
        return Reading(Fate.NARROWED, whole=Reach(except_=names), opens="except")
    return None


def _runtimes(fit: _Fit) -> Reading | None:
    if fit.frame.opens != "runtimes" and fit.segment.after != ":":
        return None
    return Reading(Fate.NARROWED, reach=_reach_of(fit.segment.lexemes)[0], opens="runtimes")


def _frame(fit: _Fit) -> Reading | None:
    if fit.segment.after != ":":
        return None
    verbs = [each.verb for each in fit.segment.lexemes if each.tag == "V"]
    reach, project = _reach_of(fit.segment.lexemes)
    only = fit.segment.tags == "O"
    if any(verb not in {"plus", "improve", "general", "any", "look", "fix"} for verb in verbs):
        return None
    verb = verbs[-1] if verbs else "plus" if "E" in fit.segment.tags else ""
    return Reading(Fate.FILLER, reach=reach, verb=verb, opens="only" if only else "", project=project)


def _filler(fit: _Fit) -> Reading | None:
    return Reading(Fate.FILLER)


def _idiom(fit: _Fit) -> Reading | None:
    sense: Sense = next(each for each in fit.segment.lexemes if each.tag == "I").senses[0]
    reach, project = _reach_of(fit.segment.lexemes)
    if fit.negated:
        return Reading(Fate.KEPT, kept=(sense.topic,), reach=reach, project=project)
    return Reading(Fate.UNDERSTOOD, (Ask(sense.topic),), reach=reach, project=project, opens=_opens(fit.segment))


def _condition(fit: _Fit) -> Reading | None:
    return Reading(Fate.NARROWED, opens=fit.frame.opens)


_READERS: Mapping[Form, Callable[[_Fit], Reading | None]] = {
    Form.FILLER: _filler, Form.IDIOM: _idiom, Form.REQUEST: _request, Form.NEGATED: _negated, Form.SUBJECT: _subject,
    Form.RUN: _run, Form.RUN_OBJECT: _run_object, Form.SCAN: _scan, Form.PASSIVE: _passive, Form.WHOLE: _whole,
    Form.STANDARD: _standard, Form.STANDARD_TO: _standard_to, Form.STANDARD_OF: _standard_of, Form.FALL_BACK: _fall_back,
    Form.MOUNT: _mount, Form.EXCLUDE: _exclude, Form.EXCLUDE_FROM: _exclude_from, Form.EXCLUSIONS_FOR: _exclusions_for,
    Form.ONLY: _only, Form.EXCEPT: _except, Form.LEAVE: _leave, Form.LEAVE_AS_IT_IS: _leave_as_it_is, Form.ORDER: _order,
    Form.STEP: _step, Form.KEEP_BASE: _keep_base, Form.PATTERNS: _patterns, Form.OBJECTS: _objects, Form.QUALITY: _quality,
    Form.CONDITION: _condition, Form.WHERE: _where, Form.NAMES: _bare_names, Form.RUNTIMES: _runtimes, Form.FRAME: _frame,
}  # fmt: skip
