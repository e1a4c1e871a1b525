"""SC125."""

import re
from collections.abc import Iterator
from itertools import pairwise

from trimtab.fleet import Fleet
from trimtab.fleet.plain import mapping
from trimtab.fleet.scripts import EngineCall, ScriptPart
from trimtab.rules.base import Category, Confidence, Finding, Refusal, ScriptRule, Severity, script_case

_WHICH = "which one is meant is not known"


class UnknownVolume(ScriptRule):
    """Script that names a volume which no compose file makes.

    ## What it does
    Compares the volumes that scripts name in `docker volume rm` and `inspect`, and in `docker run -v NAME:/path`, with those of
    the fleet: under their `name`, or behind the project's name and `_`. Scripts that create the volume are left out, and so are
    fleets without named volumes.

    ## Why it matters
    `docker run -v` makes an empty volume of that name, so a backup saves nothing and says that all is well.

    ## Fix safety
    Not fixed: which volume is meant is not known.
    """

    code = "SC125"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        script_case("#!/bin/bash\nset -e\ndocker run --rm -v shop_data:/d:ro -v $PWD:/b -v ./x:/x a tar c /d\n",
                    compose="services: {a: {image: a, volumes: ['data:/d']}}\nvolumes: {data: {}}\n"),
        script_case("#!/bin/bash\nset -e\ndocker volume create cache\ndocker run -v cache:/c a\n",
                    compose="services: {a: {image: a, volumes: ['data:/d']}}\nvolumes: {data: {name: kept}}\n"),
    ]  # fmt: skip
    flagged = [
        script_case("#!/bin/bash\nset -e\ndocker run --rm -v shop_date:/d:ro a tar c /d\n",
                    compose="services: {a: {image: a, volumes: ['data:/d']}}\nvolumes: {data: {}}\n", refused=_WHICH),
        script_case("#!/bin/bash\nset -e\ndocker volume inspect data-old\n",
                    compose="services: {a: {image: a, volumes: ['data:/d']}}\nvolumes: {data: {name: kept}}\n", refused=_WHICH),
    ]  # fmt: skip

    def judge(self, part: ScriptPart, fleet: Fleet) -> Iterator[Finding]:
        keys, names = _volumes(fleet)
        made = {call.operands[-1] for call in part.calls if call.verb == "volume" and call.operands[:1] == ("create",)}
        for call in part.calls if keys or names else ():
            for name in _volumes_of(call):
                known = name in names | keys | made or any(name.endswith(f"_{key}") for key in keys)
                if not known:
                    message = f"names the volume `{name}`, which no compose file makes"
                    yield self.at(part, call.command.span.start, message, Refusal(_WHICH), name)


_VOLUME = re.compile(r"[A-Za-z0-9][\w.-]+")


def _volumes(fleet: Fleet) -> tuple[set[str], set[str]]:
    """The keys of the fleet's volumes, which stand behind a project's name, and the names that some are given."""
    keys: set[str] = set()
    names: set[str] = set()
    for project in fleet.projects:
        for key, body in project.volumes.items():
            name = mapping(body).get("name")
            (names if name else keys).add(str(name or key))
    return keys, names


def _volumes_of(call: EngineCall) -> Iterator[str]:
    """The named volumes of one call, as far as they are literal."""
    if call.verb == "volume" and call.operands[:1] in {("rm",), ("inspect",), ("remove",)}:
        yield from (word for word in call.operands[1:] if _VOLUME.fullmatch(word))
    elif not call.is_compose and call.verb in {"run", "create"}:
        words = call.command.words
        for option, value in pairwise(words):
            name, colon, _ = value.partition(":")
            if option in {"-v", "--volume"} and colon and len(name) > 1 and _VOLUME.fullmatch(name):
                yield name
