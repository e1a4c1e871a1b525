"""Asking compose what a project is, and the engine which images it has."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from trimtab.deploy.desired import Desired, read_desired
from trimtab.deploy.site import Watcher
from trimtab.deploy.together import together
from trimtab.docker.api import Api, Request
from trimtab.docker.command import Command, compose_config, compose_hashes, compose_services, pull
from trimtab.docker.runner import Completed, Runner
from trimtab.errors import UsageError
from trimtab.fleet.plain import mapping
from trimtab.syntax.data import read_json

_SECONDS = 120.0
PULL = 1800.0
"""Seconds that an image may take to come."""
_UNSET = re.compile(r'The \\?"(?P<name>[A-Za-z_]\w*)\\?" variable is not set')


async def ask_desired(runner: Runner, folder: Path, files: Sequence[str]) -> Desired:
    """The project that compose makes of these files.

    Args:
        runner: Starts the docker client.
        folder: Its folder, absolute.
        files: Its files, absolute, the first one first.

    Raises:
        UsageError: compose cannot read it; its own message is passed on.
    """
    questions = (compose_config(files, str(folder)), compose_hashes(files, str(folder)), compose_services(files, str(folder)))
    answers: dict[int, Completed] = {}

    async def ask(number: int, command: Command) -> None:
        answers[number] = await _asked(runner, command)

    await together(partial(ask, number, each) for number, each in enumerate(questions))
    config, hashes, every = (answers[number] for number in range(len(questions)))
    pairs = (line.split() for line in hashes.text.splitlines())
    digests = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    data = mapping(read_json(config.text))
    return read_desired(
        data, digests, folder=str(folder), files=tuple(files), warnings=_warnings(config.stderr), names=every.text.split()
    )


async def _asked(runner: Runner, command: Command) -> Completed:
    done = await runner.run(command, timeout=_SECONDS)
    if done.code != 0:
        said = " / ".join(line for line in done.stderr.splitlines() if line.strip())
        raise UsageError(f"Compose cannot read the project: {said or f'it ended with {done.code}'}")
    return done


def _warnings(stderr: str) -> tuple[str, ...]:
    """What compose said: each variable without a value once, and the rest as it is."""
    unset = [match["name"] for match in map(_UNSET.search, stderr.splitlines()) if match]
    return tuple(f"`{name}` has no value" for name in dict.fromkeys(unset))


def project_of(desired: Desired) -> dict[str, object]:
    """The project in compose's canonical form."""
    return {**desired.top, "services": {name: wanted.body for name, wanted in desired.services.items()}}


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the engine has."""

    id: str
    exposed: frozenset[int]
    """The TCP ports that it declares."""


async def ask_images(api: Api, references: Iterable[str]) -> Mapping[str, Image]:
    """Those images that the engine has, by their references."""
    wanted = list(dict.fromkeys(references))
    answers = await api.all([Request("GET", f"/images/{reference}/json") for reference in wanted])
    pairs = zip(wanted, answers, strict=True)
    return {reference: _image(mapping(answer.json)) for reference, answer in pairs if answer.status == 200}


def _image(data: Mapping[str, object]) -> Image:
    ports = [port.partition("/") for port in mapping(mapping(data.get("Config")).get("ExposedPorts"))]
    tcp = {int(number) for number, _, protocol in ports if number.isdecimal() and protocol in {"", "tcp"}}
    return Image(str(data.get("Id")), frozenset(tcp))


async def refresh(runner: Runner, desired: Desired, services: Iterable[str], watcher: Watcher) -> None:
    """Get the newest image of every service that is not built here.

    Raises:
        UsageError: one cannot be had; nothing that runs was touched.
    """
    images = dict.fromkeys(desired.services[name].image for name in services if not desired.services[name].built)
    for image in images:
        watcher.step("", f"pull {image}", "forward")
        done = await runner.run(pull(image), timeout=PULL)
        if done.code != 0:
            raise UsageError(f"`{image}` cannot be pulled: {' / '.join(done.stderr.split(chr(10))[-2:]).strip(' /')}")
