"""Asking the engine about all containers of a project at once, round after round."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trimtab.docker.api import Answer, Api, Request, container_path
from trimtab.docker.containers import read_container, timestamp
from trimtab.docker.labels import COMPOSE_PROJECT
from trimtab.errors import EngineRefused
from trimtab.fleet.plain import items, mapping
from trimtab.history.containers import Place
from trimtab.observe.sample import Happened, Reading, Sample, between, read_reading

_STATS = {"stream": "false", "one-shot": "true"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One container in one round: how it is, and what it used since the round before."""

    reading: Reading
    sample: Sample


class Sampler:
    """Rounds over one project. A round is one process, and one more when there are containers that were not there before."""

    def __init__(self, api: Api, project: str) -> None:
        self._api = api
        self._project = project
        self._known: tuple[str, ...] = ()
        self._before: Mapping[str, Reading] = {}
        self._since = 0.0

    async def round(self, now: float, heard: Mapping[str, Happened]) -> list[Seen]:
        """Every container of the project that is there, running or not, by service and number; and what was heard of one gone.

        Args:
            now: By the engine's clock, in seconds since 1970.
            heard: What was heard since the round before, by the container's id.

        Raises:
            EngineMissing: the engine does not answer; the next round then covers the time of this one.
            EngineRefused: it does not list its containers.
        """
        filters = json.dumps({"label": [f"{COMPOSE_PROJECT}={self._project}"]})
        listed, *answers = await self._api.all(
            [Request("GET", "/containers/json", {"all": "1", "filters": filters}), *_about(self._known)]
        )
        if listed.status >= 400:
            raise EngineRefused("GET /containers/json", listed.status, listed.message)
        present = tuple(str(mapping(each).get("Id")) for each in items(listed.json))
        fresh = tuple(each for each in present if each not in self._known)
        answers += await self._api.all(_about(fresh))
        readings = _readings(answers)
        seen = [
            Seen(each, between(self._before.get(each.id), each, self._since, heard.get(each.id, Happened()), now))
            for each in readings
        ]
        gone = [each for each in self._before.values() if each.id not in present and each.id in heard]
        seen += [Seen(each, between(each, replace(each, counters=None), self._since, heard[each.id], now)) for each in gone]
        self._known, self._before, self._since = present, {each.id: each for each in readings}, now
        return sorted(seen, key=lambda each: (each.reading.subject, each.reading.name))


def place_of(seen: Seen, now: float) -> Place:
    """How a container is, and what it has used since the round before."""
    reading, sample = seen.reading, seen.sample
    subject = reading.subject
    return Place(
        subject.project, subject.service, subject.number, subject.image, subject.config, now,
        reading.state, reading.health or "", sample.memory, reading.memory_limit, reading.cpu_limit,
        (sample.cores or 0.0) * sample.seconds, sample.periods, sample.throttled, sample.ooms, sample.restarts,
        sample.health_changes, sample.received, sample.sent, sample.bytes_read, sample.bytes_written,
    )  # fmt: skip


def _about(containers: Sequence[str]) -> list[Request]:
    """Two questions for each container."""
    return [
        request
        for each in containers
        for request in (
            Request("GET", container_path(each, "/json")), Request("GET", container_path(each, "/stats"), _STATS)
        )
    ]  # fmt: skip


def _readings(answers: Sequence[Answer]) -> list[Reading]:
    """A reading of each container that has not gone in between."""
    found: list[Reading] = []
    for inspected, stats in zip(answers[::2], answers[1::2], strict=True):
        if inspected.status < 400:
            reading = read_reading(read_container(inspected.json), stats.json if stats.status < 400 else {})
            found += [reading] if reading is not None else []
    return found


async def engine_clock(api: Api, now: float) -> float:
    """How far the engine's clock is ahead of ours, in seconds, to within the time that the question takes.

    Raises:
        EngineMissing: the engine does not answer.
    """
    answer = await api.ask(Request("GET", "/info"))
    return timestamp(str(mapping(answer.json).get("SystemTime"))) - now
