"""Proposals for a project: where each size comes from, and that it is written in the spelling that is there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from traces import MIB, TRACES, Trace, flat
from traces import given as limits

from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.compose.apply import settle
from trimtab.fleet.compose.facts import ComposeFacts
from trimtab.fleet.compose.told import heap_of, workers_of
from trimtab.history.usage import Subject, Usage
from trimtab.observe.proposals import Sized, sized, told_length
from trimtab.observe.sizing import Given

BUSY = Trace("busy", flat(250), given=limits(256, 0.25))


def rows_of(**traces: Trace) -> list[tuple[Subject, Usage]]:
    found = [(replace(subject, service=name), usage) for name, trace in traces.items() for subject, usage in trace.rows()]
    return sorted(found, key=lambda row: row[1].start)


def proposals(compose: str, rows: list[tuple[Subject, Usage]], host: int | None = None) -> Mapping[str, Sized]:
    fleet = discover(MemoryTree({"compose.yaml": compose}))
    return {each.service.name: each for each in sized(ComposeFacts(fleet, fleet.projects[0]), rows, host)}


def written(compose: str, rows: list[tuple[Subject, Usage]]) -> str:
    """The file with everything that is wanted put in."""
    fleet = discover(MemoryTree({"compose.yaml": compose}))
    wants = [want for each in sized(ComposeFacts(fleet, fleet.projects[0]), rows) for want in each.wants]
    settled = settle(fleet, fleet.projects[0], wants)
    assert not settled.refused, settled.refused
    return settled.texts.get("compose.yaml", compose)


def test_without_anything_seen_it_is_the_default_and_is_called_that() -> None:
    compose = "services: {api: {image: 'python:3.12', mem_limit: 300m}}\n"
    (api,) = proposals(compose, []).values()
    assert api.basis == "default for python"
    assert api.after == Given(300 * MIB, 96 * MIB, 0.5)
    assert [want.path for want in api.wants] == [("cpus",), ("mem_reservation",)]
    short = proposals(compose, rows_of(api=Trace("short", flat(80), minutes=90)))["api"]
    assert short.basis == "default for python; seen for 90 minutes only"
    assert short.wants == api.wants


def test_what_was_seen_changes_a_limit_that_is_there_and_leaves_the_rest_of_the_file() -> None:
    compose = """services:
  api: # busy
    image: python:3.12
    mem_limit: 256m   # too small
    cpus: 0.25
    mem_reservation: 250m
  other:
    image: nginx
    deploy:
      resources:
        limits: {memory: 64M, cpus: '0.25'}
        reservations: {memory: 16M}
"""
    text = written(compose, rows_of(api=BUSY))
    assert text == compose.replace("mem_limit: 256m ", "mem_limit: 336M ")


def test_the_long_spelling_is_kept_too() -> None:
    compose = """services:
  api:
    image: python:3.12
    deploy:
      resources:
        limits:
          memory: 256M # old
          cpus: "0.25"
        reservations:
          memory: 256M
"""
    assert written(compose, rows_of(api=BUSY)) == compose.replace("memory: 256M # old", "memory: 336M # old")


@pytest.mark.parametrize(("before", "after"), [("256m", "336M"), ("300m", "336M"), ("-1", "-1"), ("1g", "1g")])
def test_swap_stays_off_and_never_below_the_memory(before: str, after: str) -> None:
    compose = f"services:\n  api:\n    image: python:3.12\n    mem_limit: 256m\n    cpus: 0.25\n    mem_reservation: 250m\n    memswap_limit: {before}\n"
    assert f"memswap_limit: {after}\n" in written(compose, rows_of(api=BUSY))


def test_a_heap_in_the_command_counts() -> None:
    compose = "services:\n  api:\n    image: eclipse-temurin:21\n    command: java -Xmx512m -jar a.jar\n    mem_limit: 512m\n    cpus: 0.25\n"
    found = proposals(compose, rows_of(api=Trace("jvm", flat(400), given=limits(512, 0.25))))["api"]
    assert found.after.memory == 672 * MIB
    assert found.advice is not None
    assert "512 MiB for its heap" in found.advice.reasons[0]


JVM = "FROM eclipse-temurin:21\n"
TOLD = {
    "in the image's command": ('CMD ["java", "-Xmx512m", "-jar", "a.jar"]\n', "", 512),
    "in the image's entry point, as a shell's": ("ENTRYPOINT exec java -Xmx512m -jar a.jar\n", "", 512),
    "in the image's environment": ('ENV JAVA_TOOL_OPTIONS="-Xmx512m"\nCMD ["java", "-jar", "a.jar"]\n', "", 512),
    "by compose instead of the image": ('CMD ["java", "-Xmx512m", "-jar", "a.jar"]\n', "command: java -Xmx256m -jar a.jar", 256),
    "by an entry point of compose, which takes the command away": (
        'CMD ["-Xmx512m", "-jar", "a.jar"]\n', "entrypoint: [java, -Xmx128m, -jar, a.jar]", 128,
    ),
    "in the environment, by compose instead of the image": (
        "ENV JAVA_OPTS=-Xmx512m\n", "environment: {JAVA_OPTS: -Xmx64m}", 64,
    ),
    "nowhere": ('CMD ["java", "-jar", "a.jar"]\n', "", 0),
}  # fmt: skip


@pytest.mark.parametrize(("file", "compose", "heap"), TOLD.values(), ids=TOLD)
def test_a_heap_counts_wherever_it_is_told(file: str, compose: str, heap: int) -> None:
    text = f"services:\n  api:\n    build: .\n    mem_limit: 512m\n    cpus: 0.25\n    {compose}\n"
    fleet = discover(MemoryTree({"compose.yaml": text, "Dockerfile": JVM + file}))
    facts = ComposeFacts(fleet, fleet.projects[0])
    assert heap_of(facts, fleet.projects[0].services[0]) == heap * MIB
    (found,) = sized(facts, rows_of(api=Trace("jvm", flat(200), given=limits(512, 0.25))))
    assert found.advice is not None
    assert any("sizes its heap by the limit" in each for each in found.advice.held) == (heap == 0)


WORKERS = {
    'CMD ["gunicorn", "--workers", "4", "app:app"]': 4,
    'CMD ["gunicorn", "-b", ":8000", "-w=3", "app:app"]': 3,
    "CMD exec gunicorn -w 5 app:app": 5,
    'CMD ["uvicorn", "app:app", "--workers", "2"]': 2,
    'ENV WEB_CONCURRENCY=6\nCMD ["gunicorn", "app:app"]': 6,
    'ENV WEB_CONCURRENCY=6\nCMD ["gunicorn", "-w", "2", "app:app"]': 2,
    'ENV WEB_CONCURRENCY=6\nCMD ["python", "app.py"]': 1,
    'CMD ["celery", "-A", "app", "worker", "--concurrency=8"]': 8,
    'CMD ["celery", "-A", "app", "worker", "-c", "3"]': 3,
    'CMD ["gunicorn", "-w", "$N", "app:app"]': 1,
    'CMD ["python", "-w", "4", "app.py"]': 1,
}


@pytest.mark.parametrize("file", WORKERS)
def test_a_server_s_workers_are_counted(file: str) -> None:
    compose = "services: {api: {build: ., mem_limit: 512m, cpus: 0.25}}\n"
    fleet = discover(MemoryTree({"compose.yaml": compose, "Dockerfile": f"FROM python:3.12\n{file}\n"}))
    assert workers_of(ComposeFacts(fleet, fleet.projects[0]), fleet.projects[0].services[0]) == WORKERS[file]


def test_a_service_that_is_heavy_at_its_start_gets_a_weight_and_no_limit() -> None:
    model = next(trace for trace in TRACES if trace.shares)
    compose = "services:\n  api:\n    image: python:3.12\n    mem_limit: 1728m\n    mem_reservation: 432m\n"
    text = written(compose, rows_of(api=replace(model, given=limits(1728))))
    assert text == f"{compose}    cpu_shares: 154\n"


def test_settling_twice_changes_nothing_more() -> None:
    compose = "services:\n  api:\n    image: python:3.12\n    mem_limit: 256m\n    cpus: 0.25\n"
    rows = rows_of(api=BUSY)
    once = written(compose, rows)
    raised = [(subject, replace(usage, memory_limit=336 * MIB)) for subject, usage in rows]
    assert once != compose
    assert written(once, raised) == once


def test_several_versions_and_containers_of_a_service_count_together() -> None:
    small = [(replace(s, service="api"), replace(u, memory_max=50 * MIB)) for s, u in BUSY.rows()]
    large = [(replace(s, service="api", number=2, image="sha256:two"), u) for s, u in BUSY.rows()]
    rows = sorted([*small, *large], key=lambda row: row[1].start)
    (found,) = proposals("services: {api: {image: python, mem_limit: 256m, cpus: 0.25}}\n", rows).values()
    assert found.evidence is not None
    assert found.evidence.versions == 2
    assert found.evidence.memory_max == 251 * MIB
    assert found.evidence.covered == 7 * 86400


def test_a_host_that_is_too_small_takes_from_headroom_only() -> None:
    compose = "services:\n  api: {image: python, mem_limit: 256m, cpus: 0.25}\n  web: {image: nginx, mem_limit: 64m}\n"
    roomy = proposals(compose, rows_of(api=BUSY), 1024 * MIB)["api"]
    tight = proposals(compose, rows_of(api=BUSY), 352 * MIB)
    assert roomy.after.memory == 336 * MIB
    assert tight["api"].after.memory == 288 * MIB
    assert tight["web"].after.memory == 64 * MIB
    assert tight["api"].advice is not None
    assert any("all fit into the host" in each for each in tight["api"].advice.reasons)
    assert proposals(compose, rows_of(api=BUSY), 100 * MIB)["api"].after.memory == 272 * MIB


@pytest.mark.parametrize("several", ["scale: 2", "deploy: {replicas: 2}"])
def test_every_container_of_a_service_counts_against_the_host(several: str) -> None:
    compose = f"services:\n  api: {{image: python, mem_limit: 256m, cpus: 0.25, {several}}}\n  web: {{image: nginx, mem_limit: 64m, {several}}}\n"
    assert proposals(compose, rows_of(api=BUSY), 800 * MIB)["api"].after.memory == 336 * MIB
    found = proposals(compose, rows_of(api=BUSY), 704 * MIB)
    assert found["api"].after.memory == 288 * MIB
    assert [each.together for each in found.values()] == [576 * MIB, 128 * MIB]


def test_lengths_are_told_in_the_unit_that_fits() -> None:
    assert [told_length(each) for each in (2400, 7200, 43_200, 172_800)] == ["40 minutes", "2 hours", "12 hours", "2 days"]


SPELLINGS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "mem_limit: 64m": (["cpus"], ["mem_reservation"]),
    "cpus: 0.1": (["mem_limit"], ["mem_reservation"]),
    "pids_limit: 10": (["mem_limit", "cpus"], ["mem_reservation"]),
    "deploy: {replicas: 1}": (["limits.memory", "limits.cpus"], ["reservations.memory"]),
    "deploy: {resources: {limits: {pids: 10}}}": (["limits.memory", "limits.cpus"], ["reservations.memory"]),
    "mem_reservation: 16m": (["limits.memory", "limits.cpus"], []),
}


@pytest.mark.parametrize("there", SPELLINGS)
def test_what_is_missing_is_written_so_that_compose_still_reads_the_file(there: str) -> None:
    compose = f"services:\n  api:\n    image: python:3.12\n    {there}\n"
    (api,) = proposals(compose, []).values()
    found = [".".join(str(part) for part in (want.path[-2:] if len(want.path) > 1 else want.path)) for want in api.wants]
    limits_there, reserved = SPELLINGS[there]
    assert found == [*limits_there, *reserved]


def test_a_limit_that_is_there_in_both_spellings_stays_the_same_in_both() -> None:
    compose = "services:\n  api:\n    image: python:3.12\n    mem_limit: 256M\n    mem_reservation: 250M\n    deploy:\n      resources:\n        limits:\n          memory: 256M\n          cpus: '0.25'\n"
    text = written(compose, rows_of(api=BUSY))
    assert text == compose.replace("256M", "336M")
