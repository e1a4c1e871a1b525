"""The digests that base images have now, from the local engine or from their registry."""

import re
from collections.abc import Mapping

from trimtab.docker import Runner
from trimtab.docker import command as argv
from trimtab.errors import ToolError
from trimtab.fleet import Fleet

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIMEOUT = 30
"""Seconds that one image may take; a registry that does not answer is unknown."""


async def find_digests(runner: Runner, fleet: Fleet, *, offline: bool) -> Mapping[str, str]:
    """Reference to digest for every outside base that has a tag and can be resolved; a digest that it is pinned to left out.

    The registry is asked first, because the engine's copy may be old; offline, the engine's copy has to do. What a pinned tag
    is by now only a registry knows.
    """
    stages = (stage for file in fleet.files for stage in file.stages if stage.parent is None)
    bases = dict.fromkeys(stage.base for stage in stages if stage.base and stage.base != "scratch")
    found: dict[str, str] = {}
    for base in (each.partition("@")[0] for each in bases if "@" not in each or ":" in each.partition("@")[0]):
        local = [argv.image_digest(base)] if base in bases else []
        for command in local if offline else [argv.registry_digest(base), *local]:
            digest = await _ask(runner, command)
            if digest:
                found[base] = digest
                break
    return found


async def _ask(runner: Runner, command: argv.Command) -> str | None:
    try:
        result = await runner.run(command, timeout=_TIMEOUT)
    except ToolError:
        return None
    match = _DIGEST.search(result.text) if result.code == 0 else None
    return match[0] if match else None
