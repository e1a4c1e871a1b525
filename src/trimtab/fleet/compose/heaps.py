"""How much memory a service's runtime is told to use for its heap."""

import re
from collections.abc import Iterator

from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.model import Service
from trimtab.fleet.sizes import byte_size

BESIDE_HEAP = 1.3
"""What a runtime needs in relation to its heap: code, stacks, buffers and what libraries take by themselves."""
_HEAP = (
    re.compile(r"-Xmx(?P<size>\d+[kKmMgG]?)"),
    re.compile(r"--max[-_]old[-_]space[-_]size=(?P<mebibytes>\d+)"),
)


def heap_of(facts: ComposeFacts, service: Service) -> int:
    """Bytes of the largest heap that the runtime is told to use; 0 where it is not told.

    Read are the variables and the words that it is started with: the compose file's, and those of its image that the compose
    file does not replace.
    """
    found = (size for text in _texts(facts, service) for size in _heaps(text))
    return max(found, default=0)


def _texts(facts: ComposeFacts, service: Service) -> Iterator[str]:
    image = facts.image(service)
    variables = {**(image[1].end.env if image is not None else {}), **facts.environment(service)}
    yield from (value for value in variables.values() if value)
    for words in (service.entrypoint, service.command):
        yield words if isinstance(words, str) else " ".join(words or ())
    # An entry point of the compose file's own takes the image's command away, too.
    for keyword in ("ENTRYPOINT", "CMD")[: 1 if service.command else 2] if image is not None and not service.entrypoint else ():
        instruction = image[0].last(image[1], keyword) if image is not None else None
        if instruction is not None:
            yield " ".join(instruction.json) if instruction.json is not None else instruction.arguments


def _heaps(text: str) -> Iterator[int]:
    for pattern in _HEAP:
        for match in pattern.finditer(text):
            found = match.groupdict()
            yield byte_size(found["size"] if "size" in found else f"{found['mebibytes']}m") or 0
