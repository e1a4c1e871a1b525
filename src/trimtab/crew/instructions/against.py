"""`against`: what of an instruction a fleet does not allow."""

import difflib
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from trimtab.crew.instructions.model import Instruction, Intent, Reach, Refused, named_by
from trimtab.crew.instructions.topics import Topic, codes_of
from trimtab.fleet import Fleet, FleetFile
from trimtab.fleet.bases import outside_base, read_reference
from trimtab.review import review
from trimtab.rules import Finding, find_rules

_BASES = "DF004"
"""The rule that moves services to the standard, and knows what they install."""
_PATTERNS = "CX113"
"""The rule that puts patterns into ignore files, and knows what builds ask for."""

_HOMES = {"DF": "Dockerfiles", "CX": "build contexts", "CM": "compose files", "SC": "scripts"}
"""What the rules of each kind look into, by the letters of their codes."""
_OF_ALL = "FL"


def against(instruction: Instruction, fleet: Fleet) -> tuple[Refused, ...]:
    """What of an instruction cannot be done in a fleet, and why: in the order of the text, then of the files.

    Asks nobody: what the package index said has to be in `fleet.outside`, gathered for a fleet whose policy has
    `instruction.standard`. What it did not say is refused as unknown, never taken for granted.
    """
    found = [
        *_unknown_names(instruction, fleet),
        *_pierced_patterns(instruction, fleet),
        *_missing_runtimes(instruction, fleet),
        *_out_of_place(instruction, fleet),
        *_unlikely_project(instruction, fleet),
    ]
    found += [*_impossible_bases(instruction, fleet), *_needed_files(instruction, fleet)]
    return tuple(dict.fromkeys(found))


def names_of(file: FleetFile) -> tuple[str, ...]:
    """What an image may be called by: its services, its Dockerfile, the Dockerfile's folder and that folder's own name."""
    folder = posixpath.dirname(file.path)
    return tuple(dict.fromkeys(name for name in (*file.service_names, file.path, folder, posixpath.basename(folder)) if name))


def runtimes_of(file: FleetFile) -> tuple[str, ...]:
    """The official images that a Dockerfile's stages start from, by name: `python`, `node`."""
    names = (read_reference(outside_base(file, stage).base).runtime for stage in file.stages)
    return tuple(dict.fromkeys(name for name in names if name))


def _reaches(instruction: Instruction) -> Iterator[tuple[str, Reach]]:
    """Every reach, with the words that have it; that of the whole instruction last."""
    for each in (*instruction.intents, *instruction.kept):
        yield each.said, each.reach
    yield instruction.text, instruction.reach


def _unknown_names(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    known = called_in(fleet)
    guarded = {name for each in instruction.kept for name in each.reach.only}
    seen: set[str] = set()
    for said, reach in _reaches(instruction):
        for name in (*reach.only, *reach.except_):
            if name in seen or _is_there(name, fleet):
                continue
            seen.add(name)
            plain = name.strip("/").removeprefix("./")
            near = difflib.get_close_matches(plain, sorted(known), n=1)
            hint = f"; the nearest is `{near[0]}`" if near else ""
            reason = f"no service, file or folder is called `{name}`{hint}"
            yield Refused(said, reason, unguarded=name in reach.except_ or name in guarded)


def _pierced_patterns(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    """Exceptions from patterns: an ignore file is for a whole build, and a rule for it cannot be left out for one file."""
    builds = called_in(fleet)
    for each in instruction.intents:
        if each.topic is not Topic.IGNORE_FILES or each.heading or each.looks:
            continue
        for name in each.reach.except_:
            if _is_there(name, fleet) and not any(named_by(name, build) for build in builds):
                reason = (
                    f"`{name}` is no build of its own: to bring it back, put `!` and its path into the ignore file yourself"
                )
                yield Refused(each.said, reason, unguarded=True)


def called_in(fleet: Fleet) -> set[str]:
    """What the fleet's services and images are called by."""
    return {service.name for service in fleet.services} | {name for file in fleet.files for name in names_of(file)}


def _is_there(name: str, fleet: Fleet) -> bool:
    plain = name.strip("/").removeprefix("./")
    return plain in called_in(fleet) or plain in fleet.tree.entries or _matches(plain, fleet)


def _matches(name: str, fleet: Fleet) -> bool:
    return any(each in name for each in "*?") and any(named_by(name, path) for path in fleet.tree.entries)


def _missing_runtimes(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    there = {runtime for file in fleet.files for runtime in runtimes_of(file)}
    seen: set[str] = set()
    for said, reach in _reaches(instruction):
        missing = [runtime for runtime in reach.runtimes if runtime not in there and runtime not in seen]
        # "For pip and npm" names tools: one that is not used does no harm as long as the other is.
        if reach.tools and len(missing) < len(reach.runtimes):
            continue
        seen.update(missing)
        for runtime in missing:
            yield Refused(said, f"no image of the fleet is built on {runtime}")


def _out_of_place(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    """What is asked for where nothing of its kind can be: cache mounts in a compose file."""
    for each in instruction.intents:
        names = each.reach.within(instruction.reach).only
        kinds = {code[:2] for code in codes_of((each.topic,))} - {_OF_ALL}
        there = {kind for name in names for kind in _kinds_in(name, fleet)}
        if each.heading or not kinds or kinds & there or not all(_is_there(name, fleet) for name in names) or not names:
            continue
        wanted = ", ".join(sorted({_HOMES[kind] for kind in kinds}))
        yield Refused(each.said, f"it is about {wanted}, and nothing of that is in {', '.join(f'`{name}`' for name in names)}")


def _kinds_in(name: str, fleet: Fleet) -> Iterator[str]:
    """The kinds of rules that can find something in what a name means."""
    if any(named_by(name, other) for file in fleet.files for other in names_of(file)):
        yield from ("DF", "CX")
    if any(named_by(name, each.name) for each in fleet.services) or any(named_by(name, path) for path in fleet.compose_files):
        yield "CM"
    if any(named_by(name, part.path) for part in fleet.scripts):
        yield "SC"


def _unlikely_project(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    """A name that was taken for the fleet's own and is one of its services'."""
    name = (instruction.project or "").lower()
    names = (service.name for service in fleet.services)
    service = next((each for each in names if name and name in re.split(r"[-_.]", each.lower())), None)
    if service:
        yield Refused(instruction.text, f"`{service}` is one service of the fleet: to mean it alone, write `only: {service}`")


def _covered(intents: list[Intent], instruction: Instruction, file: FleetFile) -> Intent | None:
    """The first of some intents that means a file."""
    names, runtimes = names_of(file), runtimes_of(file)
    if not instruction.reach.covers(names, runtimes):
        return None
    return next((intent for intent in intents if intent.reach.covers(names, runtimes)), None)


def _impossible_bases(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    if not instruction.standard:
        return
    intents = [each for each in instruction.intents if each.topic is Topic.BASE_IMAGES and not each.heading]
    following = replace(fleet, policy=replace(fleet.policy, standard=instruction.standard))
    for finding in _refusals(following, _BASES):
        file = fleet.file(finding.path)
        intent = _covered(intents, instruction, file) if file else None
        if intent is not None:
            yield _refused(intent.said, finding)


def _needed_files(instruction: Instruction, fleet: Fleet) -> Iterator[Refused]:
    intents = [each for each in instruction.intents if each.topic is Topic.IGNORE_FILES and not each.heading]
    for pattern in instruction.exclude:
        said = next((each.said for each in intents if pattern in each.said), pattern)
        following = replace(fleet, policy=replace(fleet.policy, exclude=(pattern,)))
        for finding in _refusals(following, _PATTERNS):
            yield _refused(said, finding)


def _refusals(fleet: Fleet, code: str) -> Iterator[Finding]:
    """What a rule does not fix; of several findings in one file with the same reason the first."""
    result = review(fleet, find_rules(code))
    if result.crashes:
        raise result.crashes[0].error
    seen: set[tuple[str, str]] = set()
    for finding in result.findings:
        if finding.refusal is not None and (finding.path, finding.refusal.reason) not in seen:
            seen.add((finding.path, finding.refusal.reason))
            yield finding


def _refused(said: str, finding: Finding) -> Refused:
    reason = finding.refusal.reason if finding.refusal else ""
    return Refused(said, reason, finding.path, finding.line, finding.services)
