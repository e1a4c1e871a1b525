"""A HAProxy as a process on loopback, with versions of a service behind it and callers in front of it."""

import asyncio
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pytest
from holder_load import Load, Tally
from holder_servers import NameServer, Version

from trimtab.deploy.holder.configuration import CONFIGURATION_FILE, HOLD_FILE, HOLD_LUA, Settings, haproxy_cfg
from trimtab.deploy.holder.layout import Entry, Held, Slot, SlotName
from trimtab.deploy.holder.runtime import SHOW_INFO, SHOW_STAT, Counters, ServerStat, check_answer, counted, of_slot, servers
from trimtab.deploy.holder.switch import Elapsed, Step, reached
from trimtab.deploy.holder.upgrade import LEAVE, is_from, start, take_over

ADDRESS = "127.0.9.1"
"""Where HAProxy listens; versions listen on the same ports of other addresses of loopback."""
PATIENCE = 20.0


def haproxy() -> str:
    """The program. Without it the test fails: one that did not run has shown nothing."""
    found = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.fail("no haproxy on PATH; run `make test`, or deselect with -m 'not engine'")
    return found


def live_slot(stats: Sequence[ServerStat], held: Held) -> SlotName | None:
    """The slot that is ready in every backend; None when neither is, or both are."""
    slots: tuple[SlotName, SlotName] = ("a", "b")
    found: list[SlotName] = [slot for slot in slots if all(each.is_ready for each in of_slot(stats, held, slot))]
    return found[0] if len(found) == 1 else None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at any address, below those that the kernel gives to callers."""
    found = list[int]()
    while len(found) < count:
        port = random.randint(11_000, 31_000)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
        found += [port] if port not in found else []
    return found


class Lab:
    """One service `web` whose first version runs as `localhost`; further ones as `web-rN`, known to the name server."""

    def __init__(self, folder: Path, *, hold: float = 0.0) -> None:
        self.folder, self.hold, self.live = folder, hold, "a"
        self.names = NameServer()
        self.admin, self.port, self.http_port, self.greeting_port, self.door, self.spare = free_ports(6)
        self.versions: dict[int, list[Version]] = {}
        self.processes: list[asyncio.subprocess.Process] = []
        self.settings = Settings("p1", str(folder), self.admin, listen=ADDRESS)
        self.load = Load(ADDRESS, self.port, self.greeting_port, self.http_port)

    def held(self, live: SlotName | None = "a", host: str = "localhost") -> Held:
        loopback = ("127.0.0.0/8",)
        entries = (
            Entry(self.port, (self.door,), loopback),
            Entry(self.http_port, (), loopback, "http"),
            Entry(self.greeting_port, (), loopback, "tcp"),
        )
        slots = (Slot("a", host if live == "a" else None), Slot("b", host if live == "b" else None))
        return Held("web", entries, slots, live, self.hold)

    async def __aenter__(self) -> "Lab":
        self.nameserver = f"127.0.0.1:{await self.names.start()}"
        try:
            await self.up(1)
            self.write(self.held())
            await self.launch(start(self.settings))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        for number in list(self.versions):
            await self.down(number)
        self.names.stop()
        await asyncio.sleep(0)  # transports close their sockets in the loop's next turn

    @property
    def process(self) -> asyncio.subprocess.Process:
        return self.processes[-1]

    def write(self, held: Held, process: str = "p1", more: Sequence[Held] = ()) -> None:
        self.settings = Settings(process, str(self.folder), self.admin, self.nameserver, ADDRESS, connections=400)
        (self.folder / CONFIGURATION_FILE).write_text(haproxy_cfg([held, *more], self.settings))
        (self.folder / HOLD_FILE).write_text(HOLD_LUA)

    async def launch(self, argv: Sequence[str]) -> float:
        """Starts HAProxy; seconds until it answers as itself."""
        begun = time.monotonic()
        with (self.folder / "log").open("ab") as log:
            self.processes.append(await asyncio.create_subprocess_exec(haproxy(), *argv[1:], stdout=log, stderr=log))
        while not is_from(await self.ask(SHOW_INFO, patient=True), self.settings):
            await asyncio.sleep(0.01)
        return time.monotonic() - begun

    async def upgrade(self, process: str, more: Sequence[Held] = ()) -> None:
        """A second HAProxy takes over and the first one is told to leave; it hears no command when this returns."""
        old = self.process
        self.write(self.held(), process, more)
        await self.launch(take_over(self.settings))
        old.send_signal(signal.Signals[LEAVE])
        deadline = time.monotonic() + PATIENCE
        while old.returncode is None and f"({old.pid}) : Proxy GLOBAL stopped" not in (self.folder / "log").read_text():
            assert time.monotonic() < deadline, "the first HAProxy goes on accepting"
            await asyncio.sleep(0.01)

    def address(self, number: int) -> str:
        return f"127.0.{number // 200}.{number % 200}"

    def host(self, number: int) -> str:
        return "localhost" if number == 1 else f"web-r{number}"

    async def up(self, number: int) -> None:
        address = self.address(number)
        first = Version(f"v{number}", address, self.port, self.greeting_port)
        second = Version(f"v{number}", address, self.http_port, self.spare)
        self.versions[number] = [await first.start(), await second.start()]
        self.names.names[self.host(number)] = address

    async def down(self, number: int) -> None:
        await asyncio.gather(*(version.stop() for version in self.versions.pop(number)))
        self.names.names.pop(self.host(number), None)

    async def ask(self, command: str, *, patient: bool = False) -> str:
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.process.returncode is not None:
                pytest.fail(f"haproxy ended with {self.process.returncode}: {(self.folder / 'log').read_text()[-2000:]}")
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.admin)
            except OSError:
                if not patient or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.01)
                continue
            writer.write(f"{command}\n".encode())
            answer = await reader.read()
            writer.close()
            return answer.decode()

    async def stats(self) -> tuple[ServerStat, ...]:
        return servers(await self.ask(SHOW_STAT))

    async def counted(self, slot: SlotName) -> Counters:
        return counted(await self.stats(), self.held(), slot)

    async def take(self, steps: Sequence[Step]) -> None:
        for step in steps:
            for command in step.commands:
                check_answer(command, await self.ask(command))
            await self.until(step)

    async def until(self, step: Step) -> None:
        if isinstance(step.until, Elapsed):
            await asyncio.sleep(step.seconds)  # the time of a trial is what is asked for
            return
        deadline = time.monotonic() + step.seconds
        while step.until is not None and not reached(step.until, await self.stats(), self.held()):
            if time.monotonic() > deadline:
                assert step.at_limit == "go on", f"{step.name} was not reached in {step.seconds} s"
                return
            await asyncio.sleep(0.02)

    async def served(self, kind: str, count: int, name: str | None = None) -> None:
        """Ends when so many more requests of a kind have been answered, by one version or by any."""
        tally = self.load.tally(kind)

        def answers() -> int:
            return tally.answers[name] if name else sum(tally.answers.values())

        wanted, deadline = answers() + count, time.monotonic() + PATIENCE
        while answers() < wanted:
            assert time.monotonic() < deadline, f"{kind} is not answered:\n{told(self.load.tallies)}"
            await asyncio.sleep(0.02)

    def resident(self) -> int:
        """KiB of memory that HAProxy's process has for itself alone."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def told(tallies: dict[str, Tally]) -> str:
    """What became of all requests, a kind a line."""
    return "\n".join(
        f"{kind:14} {tally.total:5} requests, {len(tally.failures):3} failed, longest {tally.longest:5.2f} s, "
        f"{tally.reconnects:3} reconnects, {dict(tally.answers)} {tally.failures[:3]}"
        for kind, tally in sorted(tallies.items())
    )
