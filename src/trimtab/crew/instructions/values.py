"""Clauses that name things: bases, cache mounts, patterns, the steps of a build."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from trimtab.crew.instructions.clause import DEFEATED, Ask, Fit, Reading, heads_of, opened_by, reach_of
from trimtab.crew.instructions.grammar import Form
from trimtab.crew.instructions.literals import mount_problem, option_kind, pattern_problem, standard_problem
from trimtab.crew.instructions.model import Fate
from trimtab.crew.instructions.topics import Topic
from trimtab.fleet.bases import read_reference

_SETS = frozenset({"plus", "improve", "general", "touch", "move"})
"""Verbs that put one base in the place of another."""
_TAKEN_OUT = frozenset(
    [("exclude", "from", "context"), ("exclude", "in", "context"), ("exclude", "in", "file"), ("exclude", "by", "file")]
    + [("minus", "from", "context"), ("plus", "to", "file"), ("plus", "in", "file")]
)
"""What is taken from the context is named in the ignore file; what is taken from the ignore file is not."""
_WRONG_ORDER = "what changes often has to stand below what changes seldom, or every edit runs the rest of the build again"


def _standard(fit: Fit) -> Reading | None:
    verb = fit.part("verb")
    inherits = fit.frame.listed or fit.frame.verb in _SETS
    if (verb and verb[-1].verb not in _SETS) or (not verb and not inherits) or fit.frame.negated:
        return None
    return _with_bases(fit, verb[-1].verb if verb else fit.frame.verb)


def _standard_to(fit: Fit) -> Reading | None:
    what = fit.part("what")
    heads = [head for head in heads_of(what) if Topic.BASE_IMAGES not in {sense.topic for sense in head.senses}]
    if fit.part("verb")[-1].verb not in _SETS or any(head.tag != "n" for head in heads):
        return None
    return _with_bases(fit, fit.part("verb")[-1].verb)


def _standard_of(fit: Fit) -> Reading | None:
    told = fit.part("duty") or fit.part("modal") or "P" in fit.segment.tags[: fit.match.start("verb")]
    return _with_bases(fit, "plus") if told and fit.part("verb")[-1].verb in _SETS else None


def _with_bases(fit: Fit, verb: str) -> Reading | None:
    bases = [each for each in fit.part("bases") if each.tag == "R"]
    joins = [each.text.lower() for each in fit.part("bases") if each.tag == "J"]
    reach, project = reach_of(fit.outside("bases"))
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


def _keep_base(fit: Fit) -> Reading | None:
    if fit.part("verb")[-1].verb != "keep":
        return None
    reach, project = reach_of(fit.outside("bases"))
    return Reading(Fate.KEPT, kept=(Topic.BASE_IMAGES,), reach=reach, project=project)


def _fall_back(fit: Fit) -> Reading | None:
    verb = next((each.verb for each in fit.segment.lexemes if each.tag == "V"), "plus")
    joined = set(fit.segment.tags) & set("fJO")
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.BASE_IMAGES),), falls_back=True) if joined and verb == "plus" else None


def _mount(fit: Fit) -> Reading | None:
    option = fit.part("mount")[0].value
    kind = option_kind(option)
    heads = heads_of(fit.part("object")) + [each for each in fit.segment.lexemes[fit.match.end("mount") :] if each.tag == "t"]
    about_mounts = all(sense.topic is Topic.CACHE_MOUNTS for head in heads for sense in head.senses)
    verb = fit.part("verb")[-1].verb if fit.part("verb") else fit.frame.verb or ("any" if fit.frame.listed else "")
    reach, _ = reach_of(fit.outside("mount"))
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
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.CACHE_MOUNTS),), reach=reach, verb=verb, opens=opened_by(fit.segment))


def _exclude(fit: Fit) -> Reading | None:
    verb = fit.part("verb")[0].verb
    values = [each.value for each in fit.part("patterns") if each.tag == "X"]
    # "Exclude services/ml" may mean the service as well as the files: only what cannot be a service's folder is taken.
    clear = fit.frame.kind == "exclude" or not any("/" in value.strip("/") and "*" not in value for value in values)
    # To ignore a file may also mean not to look at it.
    ignores = fit.part("verb")[0].text.lower().startswith("ignor") and fit.frame.kind != "exclude"
    if not clear or ignores or not (verb == "exclude" or (verb == "plus" and fit.frame.kind == "exclude")):
        return None
    return _with_patterns(fit)


def _exclude_from(fit: Fit) -> Reading | None:
    heads = heads_of(fit.part("object"))
    about = all(sense.topic is Topic.IGNORE_FILES for head in heads for sense in head.senses)
    place = fit.segment.lexemes[fit.match.start("object") - 1].text.lower()
    where = "context" if any("context" in head.text.lower() for head in heads) else "file"
    return _with_patterns(fit) if about and (fit.part("verb")[0].verb, place, where) in _TAKEN_OUT else None


def _exclusions_for(fit: Fit) -> Reading | None:
    about = any(sense.topic is Topic.IGNORE_FILES for head in heads_of(fit.part("object")) for sense in head.senses)
    return _with_patterns(fit) if about and fit.part("verb")[0].verb == "plus" else None


def _patterns(fit: Fit) -> Reading | None:
    context = [sense.topic for head in heads_of(fit.part("object")) for sense in head.senses]
    if any(topic is not Topic.IGNORE_FILES for topic in context):
        return None
    continues = fit.frame.opens == "patterns" or (fit.frame.kind == "exclude" and fit.frame.listed)
    return _with_patterns(fit) if continues and not fit.frame.negated else None


def _with_patterns(fit: Fit) -> Reading | None:
    part = fit.part("patterns") or fit.segment.lexemes
    patterns = tuple(each.value for each in part if each.tag in "XZ")
    for pattern in patterns:
        problem = pattern_problem(pattern)
        if problem:
            return Reading(Fate.REFUSED, reason=problem, opens="patterns")
    asks = (Ask(Topic.IGNORE_FILES),)
    return Reading(Fate.UNDERSTOOD, asks, exclude=patterns, verb="exclude", opens="patterns") if patterns else None


def _order(fit: Fit) -> Reading | None:
    one, other = (int(fit.part(name)[0].value) for name in ("one", "other"))
    before = fit.part("order")[0].text.lower() == "before"
    first, then = (one, other) if before else (other, one)
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.LAYER_ORDER),)) if first < then else Reading(Fate.REFUSED, reason=_WRONG_ORDER)


def _step(fit: Fit) -> Reading | None:
    if fit.frame.kind != "order" or not fit.frame.listed:
        return None
    step = next(int(each.value) for each in fit.segment.lexemes if each.tag == "D")
    return Reading(Fate.UNDERSTOOD, (Ask(Topic.LAYER_ORDER),), step=step, reason=_WRONG_ORDER)


READERS: Mapping[Form, Callable[[Fit], Reading | None]] = {
    Form.STANDARD: _standard, Form.STANDARD_TO: _standard_to, Form.STANDARD_OF: _standard_of, Form.FALL_BACK: _fall_back,
    Form.MOUNT: _mount, Form.EXCLUDE: _exclude, Form.EXCLUDE_FROM: _exclude_from, Form.EXCLUSIONS_FOR: _exclusions_for,
    Form.ORDER: _order, Form.STEP: _step, Form.KEEP_BASE: _keep_base, Form.PATTERNS: _patterns,
}  # fmt: skip
