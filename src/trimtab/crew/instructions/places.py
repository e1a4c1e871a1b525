"""Clauses that say where something is meant, or nothing at all."""

from collections.abc import Callable, Mapping

from trimtab.crew.instructions.clause import Fit, Reading, reach_of
from trimtab.crew.instructions.grammar import Form
from trimtab.crew.instructions.model import Fate, Reach

_NOBODY = frozenset({"anything", "something", "nothing", "it", "them", "this", "that", "everything", "others", "rest", "else"})
_INTRODUCES = frozenset({"plus", "improve", "general", "any", "look", "fix"})
"""Verbs that a list behind a colon may inherit."""


def _names(fit: Fit) -> tuple[str, ...]:
    return tuple(each.value or each.text for each in fit.part("names") if each.tag in "ZXW?")


def _names_nobody(fit: Fit) -> bool:
    return any(name.lower() in _NOBODY for name in _names(fit))


def _only(fit: Fit) -> Reading | None:
    verbs = [each.verb for each in fit.segment.lexemes if each.tag == "V"]
    if _names_nobody(fit) or any(verb in {"keep", "exclude", "minus", "look"} for verb in verbs):
        return None
    return Reading(Fate.NARROWED, whole=Reach(only=_names(fit)), opens="only")


def _except(fit: Fit) -> Reading | None:
    return None if _names_nobody(fit) else Reading(Fate.NARROWED, whole=Reach(except_=_names(fit)), opens="except")


def _leave(fit: Fit) -> Reading | None:
    verb = fit.part("verb")[0].verb
    return _except(fit) if verb in {"touch", "improve", "general", "fix", "any"} else None


def _leave_as_it_is(fit: Fit) -> Reading | None:
    return _except(fit) if fit.part("verb")[0].verb == "keep" else None


def _where(fit: Fit) -> Reading | None:
    reach, project = reach_of(fit.segment.lexemes)
    return Reading(Fate.NARROWED, reach=reach, project=project, opens="reach")


def _bare_names(fit: Fit) -> Reading | None:
    names = _names(fit)
    if fit.frame.opens in {"reach", "only"} or (fit.segment.after == ":" and not fit.frame.opens):
        # Behind "for", the names belong to the clause before; behind "only", to the sentence.
        reach = Reach(only=names)
        whole = reach if fit.frame.opens == "only" else None
        return Reading(Fate.NARROWED, reach=Reach() if whole else reach, whole=whole, opens=fit.frame.opens or "reach")
    if fit.frame.opens == "except":
        return Reading(Fate.NARROWED, whole=Reach(except_=names), opens="except")
    return None


def _runtimes(fit: Fit) -> Reading | None:
    if fit.frame.opens != "runtimes" and fit.segment.after != ":":
        return None
    return Reading(Fate.NARROWED, reach=reach_of(fit.segment.lexemes)[0], opens="runtimes")


def _frame(fit: Fit) -> Reading | None:
    if fit.segment.after != ":":
        return None
    verbs = [each.verb for each in fit.segment.lexemes if each.tag == "V"]
    reach, project = reach_of(fit.segment.lexemes)
    only = fit.segment.tags == "O"
    if any(verb not in _INTRODUCES for verb in verbs):
        return None
    verb = verbs[-1] if verbs else "plus" if "E" in fit.segment.tags else ""
    return Reading(Fate.FILLER, reach=reach, verb=verb, opens="only" if only else "", project=project)


def _filler(fit: Fit) -> Reading | None:
    return Reading(Fate.FILLER)


def _condition(fit: Fit) -> Reading | None:
    return Reading(Fate.NARROWED, opens=fit.frame.opens)


READERS: Mapping[Form, Callable[[Fit], Reading | None]] = {
    Form.FILLER: _filler, Form.ONLY: _only, Form.EXCEPT: _except, Form.LEAVE: _leave, Form.LEAVE_AS_IT_IS: _leave_as_it_is,
    Form.CONDITION: _condition, Form.WHERE: _where, Form.NAMES: _bare_names, Form.RUNTIMES: _runtimes, Form.FRAME: _frame,
}  # fmt: skip
