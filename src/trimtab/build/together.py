"""Targets of which nothing is known to have changed, checked by BuildKit in one call.

Starting the client costs more than a build in which everything comes from the cache: nine such builds took 3.5 s one by one,
and bake 0.6 s for all (two cores). What is likely to be such a build is therefore asked about in one go. BuildKit still
decides: a step whose base or cache has gone is done anew there, and a call that fails settles nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trimtab.build.graph import Graph
from trimtab.build.redact import take_facts
from trimtab.build.seen import Seen, look
from trimtab.build.settings import Settings
from trimtab.build.target import Target
from trimtab.docker import BuildLog, GroupReader, ImageConfig, Runner
from trimtab.docker.building import TargetCall, group_build
from trimtab.docker.images import read_configs
from trimtab.fleet.plain import mapping


@dataclass(frozen=True)
class Checked:
    """One target that a call has settled."""

    log: BuildLog
    image: ImageConfig
    facts: Mapping[str, object]


def may_be_asked_together(settings: Settings) -> bool:
    """Whether a run wants nothing but images in the engine, which is what one call for all can do."""
    builder = settings.builders[0] if len(settings.builders) == 1 else None
    plain = Settings(
        settings.builders, settings.jobs, settings.fail_fast, settings.retries, engine_folder=settings.engine_folder
    )
    return builder is not None and builder.in_engine and settings == plain


def likely_unchanged(root: Path, graph: Graph, before: Mapping[str, Seen]) -> tuple[str, ...]:
    """The targets whose files, instructions and arguments are those of the build before, with all that they are built from."""
    found = {
        name for name, seen in before.items() if _is_simple(graph.targets[name]) and _is_as(root, graph.targets[name], seen)
    }
    while gone := {name for name in found if not graph.needs[name] <= found}:
        found -= gone
    return tuple(name for name in before if name in found) if len(found) > 1 else ()


def _is_simple(target: Target) -> bool:
    """Whether the call can be put into a bake file without loss: secrets and the like are left to calls of their own."""
    options = target.options
    given = (options.secrets, options.ssh, options.entitlements, options.cache_to, options.ulimits, options.inline)
    return target.file is not None and target.build.context is not None and not any(given) and not options.no_cache


def _is_as(root: Path, target: Target, before: Seen) -> bool:
    return look(root, target, before.bases, before.builder, before).fingerprint == before.fingerprint


async def check_together(
    runner: Runner, root: Path, graph: Graph, calls: Mapping[str, TargetCall], folder: Path, before: Mapping[str, Seen]
) -> Mapping[str, Checked]:
    """What one call of bake says of the targets; nothing when it fails.

    What is built on another target is asked about with that one's image as it is in the engine. If that then turns out to be
    another one, nothing is settled about what is built on it.

    Raises:
        OSError: the folder cannot be written.
    """
    values: dict[str, str] = {}
    described = {name: _described(call, f"TRIMTAB_{number}", values) for number, (name, call) in enumerate(calls.items())}
    file, facts_file = folder / "together.json", folder / "together-metadata.json"
    found: dict[str, object] = {"target": described}
    if values:
        found["variable"] = {name: {"default": ""} for name in values}
    file.write_text(json.dumps(found), encoding="utf-8")
    reader = GroupReader(calls)
    done = await runner.run(group_build(str(file), tuple(calls), str(facts_file), str(root), values), on_line=reader.take)
    if done.code != 0:
        return {}
    facts = take_facts(facts_file)
    images = await read_configs(runner, [call.tags[0] for call in calls.values()])
    pairs = zip(calls, images, strict=True)
    checked = {name: Checked(reader.log(name), image, mapping(facts.get(name))) for name, image in pairs}
    return {name: each for name, each in checked.items() if _stands(name, graph, checked, before)}


def _stands(name: str, graph: Graph, checked: Mapping[str, Checked], before: Mapping[str, Seen]) -> bool:
    """Whether everything that a target is built on is what it was built on."""
    return all(
        str(checked[link.provider].facts.get("containerimage.digest")) == before[name].bases.get(link.context)
        and _stands(link.provider, graph, checked, before)
        for link in graph.links_of(name)
    )


def _described(call: TargetCall, prefix: str, values: dict[str, str]) -> dict[str, object]:
    """A call as a bake target; values of arguments go by the environment, as everywhere."""
    arguments: dict[str, str] = {}
    for number, (key, value) in enumerate(sorted(call.args.items())):
        values[f"{prefix}_{number}"] = value
        arguments[key] = f"${{{prefix}_{number}}}"
    described: dict[str, object] = {
        "context": call.context,
        "dockerfile": call.dockerfile,
        "target": call.target,
        "args": arguments,
        "contexts": dict(call.contexts),
        "labels": dict(call.labels),
        "tags": list(call.tags),
        "platforms": list(call.platforms),
        "network": call.network,
        "extra-hosts": dict(host.split(":", 1) for host in call.hosts),
        "shm-size": call.shm_size,
        "cache-from": list(call.cache_from),
        "output": list(call.outputs),
    }
    return {key: value for key, value in described.items() if value}
