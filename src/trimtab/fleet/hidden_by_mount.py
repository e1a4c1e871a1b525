"""What an image has, or gets, in a folder that a cache mount would cover."""

import posixpath
from collections.abc import Sequence

from trimtab.fleet.copies import copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.mounted_paths import names_what_is_missing
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Copy, Run, Stage, mount_target


def hidden(facts: Facts, stage: Stage, run: Run, targets: Sequence[str]) -> str | None:
    """What lies in the folders that a mount in a RUN would cover, or is looked for there by another RUN."""
    return _copied(facts, stage, run, targets) or _mounted(run, targets) or _named_by_others(facts, stage, run, targets)


def _copied(facts: Facts, stage: Stage, run: Run, targets: Sequence[str]) -> str | None:
    for one in facts.lineage(stage):
        for copy in one.copies:
            if (one is not stage or copy.index < run.index) and any(_brings(facts, copy, target) for target in targets):
                return f"line {copy.instruction.start_line} copies into the cache's folder, and the mount would hide that"
    return None


def _brings(facts: Facts, copy: Copy, target: str) -> bool:
    """Whether a COPY puts something into a folder, or may."""
    if is_within(copy.destination, target):
        return True
    if not is_within(target, copy.destination):
        return False
    brought = [path for context in facts.contexts for path in copied_files(copy, context)]
    unpacks = copy.instruction.keyword == "ADD" and any(".t" in source for source in copy.sources)
    return unpacks or not brought or any(is_within(path, target) for path in brought)


def _mounted(run: Run, targets: Sequence[str]) -> str | None:
    for mount in run.instruction.mounts():
        place = posixpath.join(run.state.workdir, mount_target(mount))
        related = (is_within(target, place) or is_within(place, target) for target in targets)
        if mount.get("type", "bind") != "cache" and mount_target(mount) and any(related):
            return f"`{mount_target(mount)}` is mounted already, and the cache would be in it or over it"
    return None


def _named_by_others(facts: Facts, stage: Stage, run: Run, targets: Sequence[str]) -> str | None:
    family = dict.fromkeys(one.index for one in (*facts.lineage(stage), *facts.descendants(stage)))
    for other in (each for index in family for each in facts.stages[index].runs if each.instruction is not run.instruction):
        reason = names_what_is_missing(other, targets)
        if reason:
            return reason
    return None
