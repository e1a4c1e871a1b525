"""What several versions of buildx really print, recorded by `scripts/record-progress`."""

from pathlib import Path

import pytest

from trimtab.docker import BuildLog, GroupReader, read_progress

RECORDS = Path(__file__).parent / "records"
VERSIONS = sorted(folder.name for folder in RECORDS.iterdir())


def lines(version: str, name: str) -> list[str]:
    return (RECORDS / version / f"{name}.jsonl").read_text().splitlines()


def read(version: str, name: str) -> BuildLog:
    return read_progress(lines(version, name))


def test_there_are_several() -> None:
    assert len(VERSIONS) > 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_build_anew(version: str) -> None:
    log = read(version, "anew")
    assert (log.cached_steps, log.cacheable_steps) == (0, 4)
    assert log.context_bytes > 100_000
    assert log.first_missed is not None
    assert log.first_missed.label.startswith("WORKDIR /web-")
    assert 0.3 < next(step.seconds for step in log.steps if step.keyword == "RUN") < 30
    assert log.worked >= 0.3
    assert log.error == ""


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_from_the_cache(version: str) -> None:
    log = read(version, "cached")
    assert (log.cached_steps, log.cacheable_steps, log.first_missed) == (4, 4, None)
    assert log.context_bytes < 1000


@pytest.mark.parametrize("version", VERSIONS)
def test_a_failing_step(version: str) -> None:
    log = read(version, "failed")
    assert "exit code: 3" in log.error
    assert "said before" in log.log


@pytest.mark.parametrize("version", VERSIONS)
def test_two_targets_of_bake(version: str) -> None:
    reader = GroupReader(["web", "api"])
    for line in lines(version, "bake"):
        reader.take(line)
    web, api = reader.log("web"), reader.log("api")
    assert (web.cached_steps, web.cacheable_steps) == (4, 4)
    assert api.cacheable_steps == 4
    assert {step.label for step in api.steps if step.keyword == "RUN"} == {"RUN sleep 0.3 && date > made"}
