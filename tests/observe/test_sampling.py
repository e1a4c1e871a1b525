"""What two rounds say of the time between them, and what they must not say."""

from collections.abc import Mapping, Sequence

import anyio
import pytest
from telling import TellingEngine, container, stats

from trimtab.docker.api import Api
from trimtab.docker.command import Command
from trimtab.docker.containers import read_container, timestamp
from trimtab.docker.runner import Completed, ProcessRunner
from trimtab.observe.heard import Heard, listen, read_event
from trimtab.observe.sample import Happened, cores_of, read_reading
from trimtab.observe.sampler import Sampler, Seen, engine_clock

MIB = 1 << 20


def rounds(engine: TellingEngine, *steps: tuple[float, Mapping[str, Happened]]) -> list[list[Seen]]:
    """Rounds at these times; the engine may be changed by `on_get`."""

    async def all_of_them() -> list[list[Seen]]:
        sampler = Sampler(Api(engine), "shop")
        return [await sampler.round(now, heard) for now, heard in steps]

    return anyio.run(all_of_them)


def two(before: tuple[object, object], after: tuple[object, object], heard: Mapping[str, Happened] | None = None) -> list[Seen]:
    """What the second of two rounds says, of one container that is `before` and then `after`."""
    engine = TellingEngine()

    async def both() -> list[Seen]:
        sampler = Sampler(Api(engine), "shop")
        engine.put(*before)  # pyright: ignore[reportArgumentType]
        await sampler.round(2000.0, {})
        engine.put(*after)  # pyright: ignore[reportArgumentType]
        return await sampler.round(2010.0, heard or {})

    return anyio.run(both)


def test_a_round_is_one_process_once_the_containers_are_known() -> None:
    engine = TellingEngine()
    for name in ("api", "db", "web"):
        engine.put(container(name), stats(2000.0, 1.0))
    first, second = rounds(engine, (2000.0, {}), (2010.0, {}))
    assert engine.processes == 3
    assert (
        [each.reading.subject.service for each in first] == ["api", "db", "web"] == [s.reading.subject.service for s in second]
    )


def test_processor_and_traffic_are_differences_and_memory_is_the_working_set() -> None:
    one = stats(2000.0, 5.0, held={"periods": 10, "throttled_periods": 1})
    other = stats(
        2010.0, 7.5, usage=50 * MIB, cache=20 * MIB, held={"periods": 60, "throttled_periods": 21},
        networks={"eth0": {"rx_bytes": 700, "tx_bytes": 30}, "eth1": {"rx_bytes": 7}},
        blkio_stats={"io_service_bytes_recursive": [{"op": "Read", "value": 4096}, {"op": "write", "value": 512}, {"op": "Total", "value": 9}]},
    )  # fmt: skip
    (seen,) = two((container("api"), one), (container("api"), other))
    sample = seen.sample
    assert (sample.seconds, sample.cores, sample.cpu_limit) == (10.0, 0.25, 0.5)
    assert (sample.periods, sample.throttled) == (50, 20)
    assert (sample.memory, sample.memory_limit) == (30 * MIB, 64 * MIB)
    assert (sample.received, sample.sent, sample.bytes_read, sample.bytes_written) == (707, 30, 4096, 512)
    assert sample.uptime == 1000.0


def test_the_first_round_says_nothing_of_the_processor() -> None:
    engine = TellingEngine()
    engine.put(container("api"), stats(2000.0, 900.0))
    ((seen,),) = rounds(engine, (2000.0, {}))
    assert seen.sample.cores is None
    assert seen.sample.seconds == 0.0
    assert seen.sample.memory == 30 * MIB


def test_of_a_container_that_started_between_rounds_its_whole_life_counts() -> None:
    again = container("api", started=2004.0, RestartCount=1)
    (seen,) = two((container("api"), stats(2000.0, 900.0)), (again, stats(2010.0, 3.0)))
    assert seen.sample.cores == pytest.approx(0.5)
    assert seen.sample.seconds == pytest.approx(6.0)
    assert (seen.sample.uptime, seen.sample.restarts) == (0.0, 1)


def test_counters_that_run_backwards_are_no_negative_use() -> None:
    (seen,) = two((container("api"), stats(2000.0, 900.0)), (container("api"), stats(2010.0, 3.0)))
    assert seen.sample.cores is None
    assert seen.sample.memory == 30 * MIB


def test_a_container_that_keeps_crashing_has_restarts_and_no_figures() -> None:
    down = container("api", state={"Status": "restarting"}, RestartCount=4)
    (seen,) = two((container("api", RestartCount=1), stats(2000.0, 1.0)), (down, None))
    assert seen.sample.restarts == 3
    assert seen.sample.memory is None
    assert seen.sample.cores is None
    assert seen.sample.at == 2010.0


def test_an_out_of_memory_kill_is_counted_once_whether_it_is_heard_or_marked() -> None:
    marked = container("api", state={"OOMKilled": True})
    before, after = (container("api"), stats(2000.0, 1.0)), (marked, stats(2010.0, 2.0))
    assert two(before, after)[0].sample.ooms == 1
    assert two(before, after, {"id-api": Happened(ooms=3)})[0].sample.ooms == 3
    assert two((marked, stats(2000.0, 1.0)), after)[0].sample.ooms == 0
    assert two(before, (container("api"), stats(2010.0, 2.0)), {"id-api": Happened(ooms=1)})[0].sample.ooms == 1


def test_what_is_heard_of_a_container_that_has_gone_is_kept() -> None:
    engine = TellingEngine()

    async def both() -> list[Seen]:
        sampler = Sampler(Api(engine), "shop")
        engine.put(container("api"), stats(2000.0, 1.0))
        await sampler.round(2000.0, {})
        engine.containers.clear()
        return await sampler.round(2010.0, {"id-api": Happened(ooms=1)})

    (seen,) = anyio.run(both)
    assert (seen.reading.subject.service, seen.sample.ooms, seen.sample.memory) == ("api", 1, None)


@pytest.mark.parametrize(
    "labels", [{"com.docker.compose.oneoff": "True"}, {"io.trimtab.role": "proxy"}, {"com.docker.compose.service": ""}]
)
def test_one_off_runs_and_our_own_machinery_are_no_services(labels: Mapping[str, str]) -> None:
    assert read_reading(read_container(container("api", labels=labels)), {}) is None


def test_both_versions_of_control_groups_are_read() -> None:
    second = {
        "read": "2026-01-01T00:00:00.123456789Z",
        "memory_stats": {"usage": 100, "stats": {"inactive_file": 40, "anon": 7}},
    }
    reading = read_reading(read_container(container("api")), second)
    assert reading is not None
    assert reading.counters is not None
    assert (reading.counters.memory, reading.counters.cached) == (60, 40)
    odd = {**second, "memory_stats": {"usage": 100, "stats": {"inactive_file": 140}}}
    strange = read_reading(read_container(container("api")), odd)
    assert strange is not None
    assert strange.counters is not None
    assert strange.counters.memory == 100


def test_times_and_quotas_in_all_spellings() -> None:
    assert timestamp("1970-01-01T00:01:00.5Z") == 60.5
    assert timestamp("0001-01-01T00:00:00Z") == timestamp("") == 0.0
    assert cores_of({"CpuQuota": 150_000, "CpuPeriod": 100_000}) == 1.5
    assert cores_of({"CpuQuota": -1}) is None
    assert cores_of({}) is None


def test_the_engines_clock_is_told_from_ours() -> None:
    assert anyio.run(engine_clock, Api(TellingEngine()), 4990.0) == 10.0


OOM = '{"Type":"container","Action":"oom","Actor":{"ID":"a1"},"timeNano":1700000000500000000}'
SICK = '{"Type":"container","Action":"health_status: unhealthy","Actor":{"ID":"b2"},"timeNano":1700000001000000000}'


def test_a_container_that_has_ended_is_no_longer_unhealthy() -> None:
    sick = {"Health": {"Status": "unhealthy"}}
    states = [("running", "unhealthy"), ("exited", None), ("restarting", "unhealthy")]
    found = [read_reading(read_container(container("api", state={"Status": state, **sick})), {}) for state, _ in states]
    assert [(each.state, each.health) for each in found if each] == states


def test_events_are_put_together_from_any_chunks_and_given_away_once() -> None:
    text = f"{OOM}\n{SICK}\nnot json\n{OOM.replace('00500000000', '01600000000')}\n".encode()
    for size in (1, 7, len(text)):
        heard = Heard(0.0)
        for start in range(0, len(text), size):
            heard.chunk(text[start : start + size])
        assert heard.taken() == {"a1": Happened(ooms=2), "b2": Happened(health_changes=1)}
        assert heard.taken() == {}
    assert read_event('{"Action":"start","Actor":{"ID":"a1"},"timeNano":1}') is None


def test_what_the_engine_tells_many_times_of_one_kill_counts_once() -> None:
    heard = Heard(0.0)
    # As it came from an engine on cgroups of version 1: one process was killed each time.
    for after in (0, 11_299_000, 47_090_000, 162_834_000, 8_305_695_000, 8_321_849_000):
        heard.chunk(OOM.replace("1700000000500000000", str(1_700_000_000_500_000_000 + after)).encode() + b"\n")
    heard.chunk(OOM.replace("a1", "c3").encode() + b"\n")
    assert heard.taken() == {"a1": Happened(ooms=2), "c3": Happened(ooms=1)}


class Breaking(ProcessRunner):
    """An event stream that tells one thing and ends, and the next time tells it once more with another one."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self.commands: list[Sequence[str]] = []
        self.scope = scope

    async def stream(self, command: Command, sink: object) -> Completed:
        assert callable(sink)
        self.commands.append(command.argv)
        sink(f"{OOM}\n".encode() + (f"{SICK}\n".encode() if len(self.commands) == 2 else b""))
        if len(self.commands) == 2:
            self.scope.cancel()
            await anyio.sleep_forever()
        return Completed(command.argv, 1, b"", "the engine has gone away")


def test_a_stream_that_breaks_is_taken_up_where_it_broke_and_nothing_counts_twice() -> None:
    async def scenario() -> tuple[dict[str, Happened], list[Sequence[str]]]:
        heard = Heard(100.0)
        scope = anyio.CancelScope()
        runner = Breaking(scope)
        with scope:
            await listen(runner, "shop", heard, pause=0)
        return heard.taken(), runner.commands

    found, (first, second) = anyio.run(scenario)
    assert found == {"a1": Happened(ooms=1), "b2": Happened(health_changes=1)}
    assert first[first.index("--since") + 1] == "100.000"
    assert second[second.index("--since") + 1] == "1700000000.500"
