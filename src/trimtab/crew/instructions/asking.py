"""Requests about nouns: which verbs go with which, and what is asked for or left alone then."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from trimtab.crew.instructions.clause import Ask, Fit, Reading, heads_of, opened_by, reach_of
from trimtab.crew.instructions.grammar import Form
from trimtab.crew.instructions.lexemes import Lexeme, Sense
from trimtab.crew.instructions.literals import topic_of_path
from trimtab.crew.instructions.model import Fate
from trimtab.crew.instructions.topics import Topic

_ONLY_LOOKS = frozenset({Topic.VULNERABILITIES, Topic.SECRETS, Topic.COMPLIANCE})
"""Topics that a scan is about: who asks for the scan does not ask for upgrades."""
_ALLOWS = {
    "plus": "+", "improve": "~", "general": "~", "harden": "~", "speed": "~-", "fix": "-~", "minus": "-", "any": "+~",
    "look": "+~-n", "run": "+", "scan": "-+",
}  # fmt: skip
"""What has to be allowed to nouns behind each kind of verb, in the order of preference."""
_GENERAL = frozenset({"general", "fix", "any", "look"})
"""Verbs that may have a whole area for their object: "optimize the builds". To tune or to plan one says too little."""
_IMPROVED = frozenset({"optimized", "improved", "hardened", "standardized", "streamlined", "enhanced"})


def asked(fit: Fit, heads: list[Lexeme], verb: str, negated: bool) -> Reading | None:
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
    reach, project = reach_of(places)
    fate = Fate.KEPT if kept else Fate.UNDERSTOOD
    opens = opened_by(fit.segment)
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


def _verbs(fit: Fit) -> list[str] | None:
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


def _request(fit: Fit) -> Reading | None:
    verbs = _verbs(fit)
    readings = [asked(fit, heads_of(fit.part("object")), verb, False) for verb in verbs or []]
    if not readings or any(each is None or each.fate is not readings[-1].fate for each in readings if readings[-1]):
        return readings[-1] if len(readings) == 1 else None
    changes = [each for each in readings if each and not all(ask.looks for ask in each.asks)]
    reading = changes[-1] if changes else readings[-1]
    if reading is None or not (fit.part("with") or fit.part("to")):
        return reading
    return None if reading.kept else _elaborated(fit, reading)


def _elaborated(fit: Fit, reading: Reading) -> Reading | None:
    """A request with its means ("using cache mounts"), its direction ("for size") or its purpose ("to speed up builds").

    Means and directions are what is asked for; a purpose is not, it is only what the writer hopes for.
    """
    if fit.part("to"):
        hoped = fit.part("aim")[0].verb in {"minus", "speed", "general"} and not any(ask.general for ask in reading.asks)
        return reading if hoped and fit.part("to")[0].text.lower() == "to" else None
    word = fit.part("by")[0]
    if word.tag == "P" and (word.text.lower() != "for" or any(head.tag != "n" for head in heads_of(fit.part("object")))):
        return None
    by = asked(fit, heads_of(fit.part("with")), "any", False)
    if by is None or by.kept:
        return None
    return replace(reading, asks=reading.asks + tuple(replace(ask, elaborates=True) for ask in by.asks))


def _negated(fit: Fit) -> Reading | None:
    verbs = _verbs(fit)
    if verbs is None or len(verbs) > 1:
        return None
    return asked(fit, heads_of(fit.part("object")), verbs[0] if verbs else "", True)


def _subject(fit: Fit) -> Reading | None:
    """ "All services use …" says how it is; "must use", "need" and "ensure that … use" say how it has to be."""
    verb = fit.part("verb")[0]
    if not (fit.part("duty") or fit.part("modal") or verb.text.lower().rstrip("s") in {"need", "require"}):
        return None
    return asked(fit, heads_of(fit.part("object")), verb.verb, fit.negated)


def _run(fit: Fit) -> Reading | None:
    scans = fit.part("verb")[0].text.lower().startswith("scan")
    before = fit.segment.lexemes[fit.match.start("object") - 1].text.lower()
    if before != ("for" if scans else "as"):
        return None
    return asked(fit, heads_of(fit.part("object")), "scan" if scans else "run", fit.negated)


def _run_object(fit: Fit) -> Reading | None:
    scans = fit.part("verb")[0].text.lower().startswith("scan")
    heads = heads_of(fit.part("object"))
    if scans and all(head.tag == "n" for head in heads):
        return _scan(fit)
    return asked(fit, heads, "scan" if scans else "run", fit.negated)


def _scan(fit: Fit) -> Reading | None:
    if not fit.part("verb")[0].text.lower().startswith("scan"):
        return None
    reach, project = reach_of(fit.segment.lexemes)
    if fit.negated:
        return Reading(Fate.KEPT, kept=(Topic.VULNERABILITIES,), reach=reach, project=project)
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.VULNERABILITIES, looks=True),), reach=reach, verb="scan", project=project)


def _passive(fit: Fit) -> Reading | None:
    if not (fit.part("duty") or fit.part("modal")):
        return None
    done = fit.part("done")[0]
    verb = done.verb or ("general" if done.text.lower() in _IMPROVED else "")
    negated = fit.negated or "N" in fit.segment.tags
    return asked(fit, heads_of(fit.part("object")), verb, negated) if verb else None


def _whole(fit: Fit) -> Reading | None:
    verbs = _verbs(fit) or []
    if any(verb not in _GENERAL - {"any"} | {"harden"} for verb in verbs) or "V" not in fit.segment.tags:
        return None
    reach, project = reach_of(fit.segment.lexemes)
    topics = {
        topic_of_path(each.value) if each.tag == "X" else Topic.CONTAINERS for each in fit.segment.lexemes if each.tag in "XZS"
    }
    if None in topics or len(topics) != 1:
        return None
    topics = {Topic.HARDENING} if "harden" in verbs else topics
    looks = all(verb == "look" for verb in verbs)
    asks = tuple(Ask(topic, looks, general=True) for topic in topics if topic)
    return Reading(Fate.UNDERSTOOD, asks, reach=reach, verb=verbs[-1], opens=opened_by(fit.segment), project=project)


def _objects(fit: Fit) -> Reading | None:
    heads = heads_of(fit.part("object"))
    verb = fit.frame.verb or ("any" if fit.frame.listed else "")
    reading = asked(fit, heads, verb, fit.frame.negated) if verb or fit.frame.negated else None
    if reading is None and fit.segment.after == ":":
        # A heading without a verb names what its list is about, and asks for nothing by itself.
        label = asked(fit, heads, "look", False)
        reach, project = reach_of(fit.segment.lexemes)
        return replace(label, fate=Fate.FILLER, verb="", reach=reach, project=project) if label else None
    return reading


def _except_object(fit: Fit) -> Reading | None:
    return asked(fit, heads_of(fit.part("object")), "touch", True)


def _idiom(fit: Fit) -> Reading | None:
    sense: Sense = next(each for each in fit.segment.lexemes if each.tag == "I").senses[0]
    reach, project = reach_of(fit.segment.lexemes)
    if fit.negated:
        return Reading(Fate.KEPT, kept=(sense.topic,), reach=reach, project=project)
    return Reading(Fate.UNDERSTOOD, (Ask(sense.topic),), reach=reach, project=project, opens=opened_by(fit.segment))


def _quality(fit: Fit) -> Reading | None:
    return Reading(Fate.FILLER) if fit.frame.listed or fit.frame.verb else None


READERS: Mapping[Form, Callable[[Fit], Reading | None]] = {
    Form.IDIOM: _idiom, Form.REQUEST: _request, Form.NEGATED: _negated, Form.SUBJECT: _subject, Form.RUN: _run,
    Form.RUN_OBJECT: _run_object, Form.SCAN: _scan, Form.PASSIVE: _passive, Form.WHOLE: _whole, Form.OBJECTS: _objects,
    Form.QUALITY: _quality, Form.EXCEPT_OBJECT: _except_object,
}  # fmt: skip
