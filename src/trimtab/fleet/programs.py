"""Which programs an image needs to start and to be checked, and where it looks for them."""

import posixpath
from collections.abc import Iterator, Sequence

from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import program_words
from trimtab.fleet.model import Service
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction
from trimtab.syntax.shell import parse_shell

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""What the engine sets where neither the base nor the file does (moby's `DefaultPathEnv`)."""


def effective_path(stage: Stage) -> tuple[str, ...]:
    """The folders in which the stage's programs are looked for, as far as this file shows."""
    return tuple(part for part in stage.end.env.get("PATH", DEFAULT_PATH).split(":") if part)


def needed_programs(facts: Facts, stage: Stage) -> dict[str, str]:
    """Programs that the image is started or checked with, by name, and what needs each."""
    found: dict[str, str] = {}
    for keyword in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        instruction = facts.last(stage, keyword)
        if instruction is not None:
            found.update(dict.fromkeys(_of_instruction(instruction), keyword))
    for service in facts.file.services:
        found.update(dict.fromkeys(_of_service(service), f"service {service.name}"))
    return found


def _of_instruction(instruction: Instruction) -> Iterator[str]:
    if instruction.json is not None:
        yield from _of_words(instruction.json)
        return
    text = instruction.arguments
    if instruction.keyword == "HEALTHCHECK":
        text = text.partition(" ")[2]
    yield from _of_shell(text)


def _of_service(service: Service) -> Iterator[str]:
    check = service.healthcheck
    if check and check.test:
        yield from _of_words(check.test[1:]) if check.test[0] == "CMD" else _of_shell(" ".join(check.test[1:]))
    for words in (service.entrypoint, service.command if service.entrypoint is not None else None):
        yield from _of_shell(words) if isinstance(words, str) else _of_words(words or ())


def _of_words(words: Sequence[str]) -> Iterator[str]:
    if len(words) > 2 and posixpath.basename(words[0]) in {"sh", "bash", "ash"} and words[1] == "-c":
        yield from _of_shell(words[2])
    elif words:
        yield posixpath.basename(words[0])


def _of_shell(text: str) -> Iterator[str]:
    for command in parse_shell(text).commands:
        words = program_words(command)
        if words and command.name not in {"exit", "test", "[", "true", "exec", "cd", "set"}:
            yield posixpath.basename(command.words[0])
