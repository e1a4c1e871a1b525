"""A holder's HAProxy under load: switches, holding, a bad version, a crash, and another HAProxy that takes over.

Needs the program `haproxy` and no engine. Every request of every caller counts.
"""

import asyncio
import logging
import signal
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Literal

import pytest
from holder_lab import ADDRESS, Lab, free_ports, haproxy, live_slot, told
from holder_load import Tally, answer

from trimtab.deploy.holder.configuration import CONFIGURATION_FILE, HOLD_FILE, HOLD_LUA, Settings, haproxy_cfg
from trimtab.deploy.holder.layout import Entry, Held, Slot, SlotName
from trimtab.deploy.holder.runtime import SHOW_INFO, SHOW_STAT, Disobeyed, check_answer, information, servers
from trimtab.deploy.holder.switch import Resolved, Step, hold_back, let_on, other, retreat, start_first
from trimtab.deploy.holder.trial import since
from trimtab.deploy.holder.upgrade import check, start

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.xdist_group("holder")]

LOG = logging.getLogger(__name__)
HTTP = {"close", "declared http", "slow", "http/2", "keep-alive", "websocket"}
KINDS = {"close", "declared http", "slow", "lines", "greeting", "http/2", "keep-alive", "websocket"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def program() -> str:
    return haproxy()


def none_failed(tallies: dict[str, Tally]) -> None:
    LOG.info(told(tallies))
    assert {kind for kind, tally in tallies.items() if tally.answers} == KINDS
    assert not [kind for kind, tally in tallies.items() if tally.failures], told(tallies)


async def test_a_switch_loses_no_request(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        lab.load.start()
        slot: SlotName = "a"
        for number in (2, 3, 4):
            await lab.served("close", 15)
            await lab.up(number)
            new = other(slot)
            steps = start_first(lab.held(), new, lab.host(number), [lab.address(number)], trial_seconds=0.3, drain_seconds=4)
            await lab.take(steps)
            assert live_slot(await lab.stats(), lab.held()) == new
            await lab.down(number - 1)
            slot = new
            for kind in KINDS - {"websocket"}:
                await lab.served(kind, 3, f"v{number}")  # connections from before are led to the new one, too
        tallies = await lab.load.stop()
        none_failed(tallies)
        assert tallies["keep-alive"].reconnects == tallies["http/2"].reconnects == 0
        assert tallies["websocket"].reconnects == 6  # two of them, each at the limit of three drains
        assert set(tallies["websocket"].answers) == {"v1", "v2", "v3", "v4"}
        assert lab.resident() < 16_384  # measured: 4.3 MiB with 2.6.12, 9.1 MiB with 3.2.26


async def test_a_websocket_lives_until_the_drain_ends(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        lab.load.start()
        await lab.served("websocket", 4, "v1")
        await lab.up(2)
        steps = start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=0, drain_seconds=60)
        draining = asyncio.create_task(lab.take(steps))
        await lab.served("close", 30, "v2")
        await lab.served("websocket", 10, "v1")
        assert lab.load.tally("websocket").reconnects == 0
        assert not draining.done()
        none_failed(await lab.load.stop())  # the callers leave, and with them the last session of the old version
        await asyncio.wait_for(draining, 10)


async def test_callers_wait_while_a_single_writer_is_replaced(tmp_path: Path) -> None:
    async with Lab(tmp_path, hold=30) as lab:
        lab.load.start()
        slot: SlotName = "a"
        for number in (2, 3):
            await lab.served("close", 15)
            await lab.take(hold_back(lab.held(), slot, drain_seconds=4))
            await lab.down(number - 1)
            await asyncio.sleep(2)  # how long the version takes to start
            await lab.up(number)
            slot = other(slot)
            await lab.take(let_on(lab.held(), slot, lab.host(number), [lab.address(number)]))
            for kind in KINDS:
                await lab.served(kind, 3, f"v{number}")
        tallies = await lab.load.stop()
        none_failed(tallies)
        # Nothing but a drain of 4 s, 2 s of start, and a name to resolve; 3 s more where the request itself is slow.
        assert 2 < tallies["close"].longest < 12
        assert 2 < tallies["greeting"].longest < 12


async def test_holding_ends_with_the_old_version_again(tmp_path: Path) -> None:
    async with Lab(tmp_path, hold=30) as lab:
        lab.load.start()
        await lab.served("close", 15)
        await lab.take(hold_back(lab.held(), "a", drain_seconds=4))
        await lab.down(1)
        await asyncio.sleep(1)  # the new version is tried, and does not start
        await lab.up(1)
        await lab.take(let_on(lab.held(), "a", lab.host(1), [lab.address(1)]))
        for kind in KINDS:
            await lab.served(kind, 3)
        none_failed(await lab.load.stop())


async def test_without_a_hold_a_service_that_is_away_is_told_at_once(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        await lab.take(hold_back(lab.held(), "a", drain_seconds=1))
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(ADDRESS, lab.http_port)
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert time.monotonic() - begun < 1


async def test_a_hold_ends_after_its_seconds(tmp_path: Path) -> None:
    async with Lab(tmp_path, hold=2) as lab:
        await lab.take(hold_back(lab.held(), "a", drain_seconds=1))
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(ADDRESS, lab.http_port)
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        assert 1 <= time.monotonic() - begun < 6


async def test_a_version_that_refuses_costs_no_request(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        version = information(await lab.ask(SHOW_INFO))["Version"]
        lab.load.start()
        lab.names.names["web-r9"] = lab.address(9)
        for _ in range(2):
            await lab.served("close", 10)
            before = await lab.counted("b")
            steps = start_first(lab.held(), "b", "web-r9", [lab.address(9)], trial_seconds=1.5, drain_seconds=4)
            await lab.take(steps[:2])
            seen = (await lab.counted("b")).since(before)
            assert seen.passed_on > 20
            assert seen.server_errors == seen.client_aborts == 0
            await lab.take(retreat(lab.held(), "a", drain_seconds=4))
            assert live_slot(await lab.stats(), lab.held()) == "a"
        tallies = await lab.load.stop()
        if not version.startswith("2."):  # HTTP/2 without TLS: haproxy/haproxy#2751
            tallies["http/2"].failures.clear()
        none_failed(tallies)
        assert {name for tally in tallies.values() for name in tally.answers} == {"v1"}


@pytest.mark.parametrize("fails", ["cut", "error"])
async def test_a_version_that_fails_on_trial_costs_no_safe_request(tmp_path: Path, fails: Literal["cut", "error"]) -> None:
    async with Lab(tmp_path) as lab:
        await lab.up(2)
        for each in lab.versions[2]:
            each.fails = fails
        lab.load.start()
        await lab.served("close", 10)
        first = await lab.stats()
        steps = start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=2, drain_seconds=4)
        await lab.take(steps[:2])
        seen = since(first, await lab.stats(), lab.held(), "b")
        assert seen.is_decided
        assert seen.new.passed_on > 20
        await lab.take(retreat(lab.held(), "a", drain_seconds=4))
        tallies = await lab.load.stop()
        none_failed(tallies)
        assert {name for kind in HTTP for name in tallies[kind].answers} == {"v1"}


async def test_what_a_version_may_have_done_is_asked_once(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        await lab.up(2)
        for each in lab.versions[2]:
            each.fails = "cut"
        await lab.take(
            start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=0, drain_seconds=4)[:2],
        )
        answers: list[bytes] = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection(ADDRESS, lab.http_port)
            writer.write(b"POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            answers.append((await reader.readline()).split()[1])
            writer.close()
        assert set(answers) == {b"200", b"502"}
        assert sum(each.asked for number in (1, 2) for each in lab.versions[number]) == len(answers)


async def test_another_haproxy_takes_over(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        lab.load.start()
        for process in ("p2", "p3", "p4"):
            await lab.served("slow", 3)
            await lab.upgrade(process)
            for kind in KINDS:
                await lab.served(kind, 5)
        tallies = await lab.load.stop()
        none_failed(tallies)
        assert tallies["websocket"].reconnects == 0  # those of the first are still with the first
        ends = [await asyncio.wait_for(each.wait(), 20) for each in lab.processes[:-1]]
        assert set(ends) <= {0, -signal.SIGSEGV}  # the latter after the last connection: haproxy/haproxy#2114
        assert information(await lab.ask(SHOW_INFO))["description"] == "p4"


async def test_a_rollout_counts_a_haproxy_that_leaves_as_a_session_of_the_old_version(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        lab.load.start()
        reader, writer = await asyncio.open_connection(ADDRESS, lab.port)
        for _ in range(2):  # the first answer makes it a kept connection
            writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
            assert await answer(reader) == (False, "v1")
        leaving = lab.process
        await lab.upgrade("p2")
        await lab.up(2)
        await lab.take(start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=0, drain_seconds=4))
        assert leaving.returncode is None
        writer.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        assert await answer(reader) == (True, "v1")
        writer.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(leaving.wait(), 4)  # websockets from before keep it
        leaving.terminate()
        await leaving.wait()
        await lab.down(1)
        for kind in KINDS:
            await lab.served(kind, 3, "v2")
        none_failed(await lab.load.stop())


async def test_a_haproxy_that_was_killed_comes_back_to_the_live_version(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        await lab.up(2)
        await lab.take(start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=0, drain_seconds=4))
        await lab.down(1)
        lab.names.names["localhost"] = lab.address(2)
        lab.write(lab.held("b", lab.address(2)))
        lab.load.start()
        await lab.served("slow", 3)
        for _ in range(3):
            lab.process.send_signal(signal.SIGKILL)
            await lab.process.wait()
            took = await lab.launch(start(lab.settings))
            LOG.info("back after %.3f s", took)
            for kind in KINDS:
                await lab.served(kind, 5, "v2")
        back = time.monotonic()
        await lab.served("slow", 6)
        tallies = await lab.load.stop()
        LOG.info(told(tallies))
        assert live_slot(await lab.stats(), lab.held()) == "b"
        late = [each for tally in tallies.values() for each in tally.failures if float(each.split()[0]) > back - lab.load.begun]
        assert not late


async def test_a_version_that_has_another_address_is_found(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        await lab.up(2)
        await lab.take(start_first(lab.held(), "b", lab.host(2), [lab.address(2)], trial_seconds=0, drain_seconds=4))
        lab.load.start()
        await lab.served("slow", 3)
        await lab.up(3)
        lab.names.names["web-r2"] = lab.address(3)
        begun = time.monotonic()
        await lab.until(Step("point", (), Resolved("b", (lab.address(3),)), 10, "give up"))
        LOG.info("found after %.2f s", time.monotonic() - begun)
        await lab.down(2)
        for kind in KINDS:
            await lab.served(kind, 5, "v3")
        none_failed(await lab.load.stop())


OPENINGS = {
    "PostgreSQL": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "TLS": b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    "Redis": b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
    "memcached": b"get k\r\n",
    "MQTT": b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
    "AMQP": b"AMQP\x00\x00\x09\x01",
    "IRC": b"NICK a\r\nUSER a b c :d\r\n",
}


@pytest.mark.parametrize("protocol", OPENINGS)
async def test_what_is_not_http_is_passed_on_as_it_is_and_at_once(tmp_path: Path, protocol: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        writer.close()

    async with Lab(tmp_path) as lab:
        await lab.down(1)
        took = list[float]()
        async with await asyncio.start_server(echo, lab.address(1), lab.port):
            for _ in range(3):  # the best of three, for machines that have other work
                begun = time.monotonic()
                reader, writer = await asyncio.open_connection(ADDRESS, lab.port)
                writer.write(OPENINGS[protocol])
                assert await reader.read() == OPENINGS[protocol]
                writer.close()
                took.append(time.monotonic() - begun)
        assert min(took) < 0.4  # less than a port waits for a client to speak


async def test_answers_of_a_real_haproxy_are_understood(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        assert live_slot(await lab.stats(), lab.held()) == "a"
        assert information(await lab.ask(SHOW_INFO))["description"] == "p1"
        for wrong in (
            "set server web.1.http/a state ready",
            f"set server web.{lab.port}.http/c state ready",
            f"set server web.{lab.port}.http/a state asleep",
            f"set server web.{lab.port}.http/a fqdn",
            "frobnicate",
        ):
            answer = await lab.ask(wrong)
            with pytest.raises(Disobeyed, match="HAProxy answered"):
                check_answer(wrong, answer)
        with pytest.raises(Disobeyed):
            servers(await lab.ask(SHOW_STAT.replace("stat", "nothing")))


LOOPBACK = ("127.0.0.0/8", "::1/128")
SHAPES = {
    "of every protocol": [
        Held(
            "web", (Entry(8000, (20001, 20002), LOOPBACK), Entry(8001, (), LOOPBACK, "http"), Entry(22, (), LOOPBACK)), live="a"
        )
    ],
    "with odd names": [Held("My_web.v2-x", (Entry(80, (), ("10.0.0.0/8",)),), (Slot("a"), Slot("b", "web-r7")), "b")],
    "held": [
        Held("store", (Entry(9000, (), LOOPBACK), Entry(5432, (), LOOPBACK, "tcp")), hold_seconds=30),
        Held("web", (Entry(8000, (), LOOPBACK, "http"),), hold_seconds=0.2),
    ],
    "without networks or doors": [Held("web", (Entry(8000),))],
    "forty services": [
        Held(f"s{n}", (Entry(8000 + n, (20001 + n,), LOOPBACK),), (Slot("a", "localhost"), Slot("b")), "a", 30.0 * (n % 2))
        for n in range(40)
    ],
    "nothing": [],
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_haproxy_takes_a_lane(tmp_path: Path, shape: str) -> None:
    settings = Settings("p1", str(tmp_path), 20000)
    (tmp_path / CONFIGURATION_FILE).write_text(haproxy_cfg(SHAPES[shape], settings))
    (tmp_path / HOLD_FILE).write_text(HOLD_LUA)
    process = await asyncio.create_subprocess_exec(
        haproxy(), *check(settings)[1:], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert not [line for line in said.splitlines() if "[WARNING]" in line and "could not resolve" not in line], said


async def test_forty_services_need_little_memory(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        ports = free_ports(40)
        more = [
            Held(f"s{n}", (Entry(port, (), LOOPBACK[:1]),), (Slot("a", "localhost"), Slot("b")), "a", 30)
            for n, port in enumerate(ports)
        ]
        await lab.upgrade("p2", more)  # which is also how a lane gets further services
        LOG.info("%d KiB", lab.resident())
        assert len(servers(await lab.ask(SHOW_STAT))) == 2 * (3 + 2 + 1 + 40 * 3)
        assert lab.resident() < 32_768


async def test_callers_from_other_networks_are_refused_at_the_port_and_let_in_by_the_door(tmp_path: Path) -> None:
    async with Lab(tmp_path) as lab:
        held = lab.held()
        foreign = [type(each)(each.port, each.doors, ("192.0.2.0/24", "2001:db8::/32"), each.protocol) for each in held.entries]
        lab.write(type(held)("web", tuple(foreign), held.slots, "a"), "p2")
        lab.process.kill()
        await lab.process.wait()
        await lab.launch(start(lab.settings))

        async def get(port: int) -> bytes:
            with suppress(ConnectionError):
                reader, writer = await asyncio.open_connection(ADDRESS, port)
                writer.write(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
                with closing(writer):
                    return await reader.read()
            return b""

        assert await get(lab.port) == b""
        assert await get(lab.http_port) == b""
        assert (await get(lab.door)).endswith(b"v1")
