"""What images make those do that start from them: `ONBUILD`, of the fleet's own and of those from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from trimtab.build.target import Link, Target
from trimtab.docker import Runner
from trimtab.docker.images import read_triggers
from trimtab.fleet import Fleet
from trimtab.fleet.needed import normal_reference
from trimtab.syntax.dockerfile import Instruction, parse
from trimtab.text import Source

_UNKNOWN = ("COPY . .",)
"""What an image may do that nobody here can look at and whose name says that it does something: read everything."""


async def asked_for_triggers(runner: Runner, fleet: Fleet) -> Fleet:
    """The fleet, knowing what the engine's images make those do that start from them. Without an engine it knows nothing."""
    bases = {stage.base for _, _, stage in fleet.starts if stage.base and "$" not in stage.base} - {"scratch"}
    known = {normal_reference(name): texts for name, texts in (await read_triggers(runner, sorted(bases))).items()}
    return replace(fleet, outside=replace(fleet.outside, triggers=known)) if known else fleet


def with_triggers(
    targets: Mapping[str, Target], links: Sequence[Link], known: Mapping[str, tuple[str, ...]]
) -> dict[str, Target]:
    """The targets with what the images that they start from make them do. `known` are those from outside, by their names."""
    found = dict(targets)
    for name, target in targets.items():
        bases = {normal_reference(stage.base): stage.base for stage in target.stages if stage.parent is None and stage.base}
        own = {normal_reference(link.context): link.provider for link in links if link.consumer == name}
        left: list[Instruction] = []
        for normal, base in bases.items():
            left += targets[own[normal]].left_to_do if normal in own else _of_outside(base, known.get(normal))
        if left:
            found[name] = replace(target, triggers=tuple(left))
    return found


def _of_outside(base: str, texts: tuple[str, ...] | None) -> list[Instruction]:
    """By convention the images that put something off until somebody starts from them say so in their name."""
    put_off = texts if texts is not None else _UNKNOWN if "onbuild" in base.lower() else ()
    read = parse(Source(base, "".join(["FROM scratch\n", *(f"ONBUILD {text}\n" for text in put_off)])))
    return [each.trigger for each in read.instructions if each.trigger is not None]
