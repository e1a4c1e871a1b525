"""One lane of the holder at work: its two containers, their configuration, and what is said to HAProxy.

The anchor only sleeps: it owns the published ports, the names and the addresses, and lives as long as the lane. HAProxy
shares its network and can be replaced by another one, which gets the listening sockets from it. Configuration and control
socket lie in a volume of the anchor's own, so that both of them have it.
"""

import io
import secrets
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anyio

from trimtab.deploy import names
from trimtab.deploy.holder.configuration import CONFIGURATION_FILE, HOLD_FILE, HOLD_LUA, Settings, haproxy_cfg
from trimtab.deploy.holder.holding import Holding, Track, held, letter_of, standing
from trimtab.deploy.holder.layout import Held, SlotName
from trimtab.deploy.holder.runtime import SHOW_INFO, SHOW_STAT, ServerStat, check_answer, servers
from trimtab.deploy.holder.speech import HolderFailed, speak
from trimtab.deploy.holder.switch import Step, reached
from trimtab.deploy.holder.trial import Trial, since
from trimtab.deploy.holder.upgrade import LEAVE, is_from, start, take_over
from trimtab.deploy.observed import Instance, Observed
from trimtab.deploy.site import Direction, Site
from trimtab.docker.api import Request
from trimtab.docker.command import run_once
from trimtab.docker.containers import Container
from trimtab.errors import EngineRefused
from trimtab.fleet.plain import items, mapping, text

FOLDER = "/trimtab"
_LOOK = 0.2
_UP = 20.0
_SLEEP = "trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done"
"""A first process that ends when it is told to, without an init of the engine's, which not every engine has."""
_START = """\
if nc -z 127.0.0.1 {admin} 2>/dev/null || bash -c 'exec 3<>/dev/tcp/127.0.0.1/{admin}' 2>/dev/null
then exec {take_over}; else exec {start}; fi
"""


@dataclass(frozen=True)
class Station:
    """A lane, and the deployment that works on it."""

    site: Site
    track: Track
    proxy: str
    """Its HAProxy's container, by id or name."""

    async def say(self, commands: Sequence[str]) -> list[str]:
        """Give HAProxy commands, and get an answer to each.

        Raises:
            HolderFailed: it cannot be reached.
        """
        return await speak(self.site.runner, self.proxy, self.track.lane.admin, commands)

    async def tell(self, commands: Sequence[str]) -> None:
        """Give HAProxy commands that change something.

        Raises:
            Disobeyed: it did not do one.
            HolderFailed: it cannot be reached.
        """
        for command, answer in zip(commands, await self.say(commands), strict=True):
            check_answer(command, answer)

    async def stats(self) -> tuple[ServerStat, ...]:
        """The counters of every slot."""
        return servers((await self.say([SHOW_STAT]))[0])

    async def carry(self, step: Step, one: Held) -> None:
        """Take a step.

        Raises:
            HolderFailed: what it waits for did not come, and that is no step to go on after.
        """
        await self.tell(step.commands)
        ends = time.monotonic() + step.seconds
        while step.until is not None and time.monotonic() < ends:
            if reached(step.until, await self.stats(), one):
                return
            await anyio.sleep(_LOOK)
        if step.until is not None and step.at_limit == "give up":
            raise HolderFailed(f"HAProxy did not find `{one.service}`'s new version by its name within {step.seconds:g} s")

    async def trial(self, step: Step, one: Held, new: SlotName) -> Trial:
        """Take the step of a trial; what both versions got until its time was up, or it was beyond doubt which one is worse."""
        first = await self.stats()
        await self.tell(step.commands)
        ends = time.monotonic() + step.seconds
        while not (seen := since(first, await self.stats(), one, new)).is_decided and time.monotonic() < ends:
            await anyio.sleep(_LOOK)
        return seen

    async def write(self, live: Mapping[str, SlotName | None]) -> dict[str, Held]:
        """Write the configuration that a newly started HAProxy comes up with; every service as it is in there.

        Args:
            live: The slots that callers are led to, by service; for others that of the container that runs.
        """
        now = await self.site.observe()
        found = await self._held(now, live)
        settings = Settings(self.proxy, FOLDER, self.track.lane.admin)
        await self._put(haproxy_cfg(list(found.values()), settings))
        return found

    async def _held(self, now: Observed, live: Mapping[str, SlotName | None]) -> dict[str, Held]:
        subnets = await _subnets(self.site)
        found: dict[str, Held] = {}
        for one in self.track.behind:
            mine = now.of(one.service)
            found[one.service] = held(one, self.track.lane, mine, live.get(one.service, _running(mine)), subnets)
        return found

    async def _put(self, configuration: str) -> None:
        files = {CONFIGURATION_FILE: configuration, HOLD_FILE: HOLD_LUA}
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content.encode()), 0o644
                archive.addfile(entry, io.BytesIO(content.encode()))
        await self.site.containers.put(self.proxy, FOLDER, data.getvalue())


def _running(instances: Sequence[Instance]) -> SlotName | None:
    """The slot of the container that runs; of two, the one that was there first: the other has not been let on yet."""
    found = [each for each in instances if each.container.running and letter_of(each)]
    return letter_of(min(found, key=lambda each: each.revision or 0)) if found else None


async def _subnets(site: Site) -> dict[str, list[str]]:
    """The subnets of every network that the engine has."""
    answer = await site.api.ask(Request("GET", "/networks"))
    return {
        str(mapping(each).get("Name")): [
            subnet
            for one in items(mapping(mapping(each).get("IPAM")).get("Config"))
            if (subnet := text(mapping(one).get("Subnet")))
        ]
        for each in items(answer.json)
    }


async def make_lane(site: Site, holding: Holding, number: int) -> None:
    """Create a lane's containers, and start none; what is there already is left."""
    track = holding.track(number)
    if track is None:
        raise HolderFailed(f"the plan has no lane {number}")
    name = names.anchor(site.project, number, site.revision)
    if await site.containers.find(name) is None:
        async with site.step("", f"create the anchor of lane {number}"):
            sysctls = await _migrates(site, holding.image) if track.shared else {}
            await site.containers.create(name, _anchor_body(site, holding, track, sysctls))
    if track.shared is None:
        await make_proxy(site, holding, track, name)


async def make_proxy(site: Site, holding: Holding, track: Track, anchor: str) -> str:
    """Create an HAProxy for a lane; its name."""
    name = names.proxy(site.project, track.lane.number, site.revision)
    if await site.containers.find(name) is None:
        found = await site.containers.find(anchor)
        if found is None:
            raise HolderFailed(f"the anchor `{anchor}` is gone")
        async with site.step("", f"create HAProxy of lane {track.lane.number}"):
            await site.containers.create(name, _proxy_body(site, holding, track, found))
    return name


def _marks(site: Site, role: str, holding: Holding) -> dict[str, str]:
    return {names.PROJECT: site.project, names.REVISION: str(site.revision), names.ROLE: role, names.IMAGE: holding.image}


_MIGRATE = "net.ipv4.tcp_migrate_req"


async def _migrates(site: Site, image: str) -> dict[str, str]:
    """What lets connections that wait at a socket go to another one of its port as it closes; nothing before Linux 5.14.

    Without it they are reset: 2 of some 2,000 requests in one test. A container with a setting that the kernel lacks does not
    start, so the kernel is asked first.
    """
    path = f"/proc/sys/{_MIGRATE.replace('.', '/')}"
    asked = run_once(image, f"kernel-{secrets.token_hex(4)}", entrypoint="cat", arguments=[path])
    known = (await site.runner.run(asked, timeout=_UP)).code == 0
    return {_MIGRATE: "1"} if known else {}


def _anchor_body(site: Site, holding: Holding, track: Track, sysctls: Mapping[str, str]) -> dict[str, object]:
    networks: dict[str, list[str]] = {}
    for one in track.behind:
        for network, aliases in one.networks.items():
            networks.setdefault(network, []).extend(aliases)
    first = min(networks)
    bindings = _bindings(track)
    marks = _marks(site, names.ANCHOR, holding) | ({names.TRACK: track.text()} if track.shared else {})
    return {
        "Image": holding.image,
        "Entrypoint": ["sh", "-c", _SLEEP], "Cmd": [], "User": "0:0",
        "Labels": marks,
        "Volumes": {FOLDER: {}},
        "ExposedPorts": {port: {} for port in bindings},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": first, "PortBindings": bindings, "RestartPolicy": {"Name": "always"},
            "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
            "Sysctls": {"net.ipv4.ip_local_reserved_ports": track.lane.reserved_ports, **sysctls},
        },
        "NetworkingConfig": {
            "EndpointsConfig": {name: {"Aliases": sorted(set(aliases))} for name, aliases in sorted(networks.items())}
        },
    }  # fmt: skip


def _bindings(track: Track) -> dict[str, list[dict[str, str]]]:
    """What the anchor's ports are bound to: doors of HAProxy's, or the very ports of the service that shares them."""
    led = [(door.number, door.publication) for door in track.lane.doors]
    if track.shared is not None:
        led = [(port, each) for port, published in track.shared.published.items() for each in published]
    bindings: dict[str, list[dict[str, str]]] = {}
    for port, publication in led:
        bindings.setdefault(f"{port}/tcp", []).append({"HostIp": publication.address, "HostPort": str(publication.port)})
    return bindings


def _proxy_body(site: Site, holding: Holding, track: Track, anchor: Container) -> dict[str, object]:
    settings = Settings(names.proxy(site.project, track.lane.number, site.revision), FOLDER, track.lane.admin)
    # One that runs hands its sockets over. After a crash, or a restart of the engine, none does, and only its socket is left.
    program = _START.format(admin=settings.admin, take_over=" ".join(take_over(settings)), start=" ".join(start(settings)))
    mounts = map(mapping, items(anchor.body.get("Mounts")))
    volume = next((text(each.get("Name")) for each in mounts if each.get("Destination") == FOLDER), None)
    return {
        "Image": holding.image,
        "Entrypoint": ["sh", "-c", program], "Cmd": [], "User": "0:0",
        "Labels": {**_marks(site, names.PROXY, holding), names.ANCHORED: anchor.id, names.TRACK: track.text()},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            "NetworkMode": f"container:{anchor.id}", "RestartPolicy": {"Name": "always"},
            "Mounts": [{"Type": "volume", "Source": volume, "Target": FOLDER}],
            "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
        },
    }  # fmt: skip


async def start_lane(site: Site, holding: Holding, number: int, live: Mapping[str, SlotName | None]) -> None:
    """Start a lane that was made; its HAProxy answers when this returns, where it has one.

    Raises:
        HolderFailed: HAProxy does not come up.
        EngineRefused: a port of the host is taken, among others.
    """
    station = Station(site, _track(holding, number), names.proxy(site.project, number, site.revision))
    async with site.step("", f"start lane {number}"):
        await site.containers.start(names.anchor(site.project, number, site.revision))
        if station.track.shared is None:
            await station.write(live)
            await site.containers.start(station.proxy)
            await _until_up(station)


async def stop_holder(site: Site, containers: Sequence[str], direction: Direction = "forward") -> None:
    """Stop containers of the holder; what is not there is left."""
    found = [each for each in await site.containers.inspected(containers) if each.running]
    # HAProxy before its anchor, whose network it is in.
    for each in sorted(found, key=lambda one: one.labels.get(names.ROLE) == names.ANCHOR):
        async with site.step("", f"stop {each.name}", direction):
            await site.containers.restart_policy(each.id, {"Name": "no"})
            await site.containers.stop(each.id, 5)


async def start_holder(site: Site, containers: Sequence[str]) -> None:
    """Start containers of the holder again that were stopped."""
    found = [each for each in await site.containers.inspected(containers) if not each.running]
    newest = {each.labels.get(names.ANCHORED, each.id): each for each in sorted(found, key=lambda one: one.name)}
    for each in sorted(newest.values(), key=lambda one: one.labels.get(names.ROLE) != names.ANCHOR):
        async with site.step("", f"start {each.name}", "back"):
            await site.containers.restart_policy(each.id, {"Name": "always"})
            await site.containers.start(each.id)


async def remove_holder(site: Site, containers: Sequence[str]) -> None:
    """Remove containers of the holder, each HAProxy before its anchor. The volume of an anchor has only our configuration."""
    found = await site.containers.inspected(containers)
    for each in sorted(found, key=lambda one: one.labels.get(names.ROLE) == names.ANCHOR):
        async with site.step("", f"remove {each.name}"):
            await site.containers.remove(each.id, with_own_volumes=each.labels.get(names.ROLE) == names.ANCHOR)


async def refit(site: Site, holding: Holding, number: int) -> None:
    """Give a lane another HAProxy: it takes over from the one that runs, which finishes what it is at and ends."""
    track = _track(holding, number)
    before = next((each for each in standing(await site.observe()) if each.track.lane.number == number), None)
    if before is None:
        raise HolderFailed(f"the holder's lane {number} is gone")
    name = await make_proxy(site, holding, track, before.anchor.name)
    station = Station(site, track, name)
    async with site.step("", f"HAProxy of lane {number} takes over"):
        await station.write({})
        try:
            await site.containers.start(name)
            await _until_up(station)
        except (HolderFailed, EngineRefused):
            # The one before serves on; of two, the newer one would be taken for the lane's.
            await site.containers.remove(name)
            raise
        for each in await _others(site, before.anchor.id, name):
            await site.containers.restart_policy(each.id, {"Name": "no"})
            await site.containers.signal(each.id, LEAVE)
    async with site.step("", f"HAProxy of lane {number}: the one before finishes"):
        ends = time.monotonic() + site.checks.drain
        while any(each.running for each in await _others(site, before.anchor.id, name)) and time.monotonic() < ends:
            await anyio.sleep(_LOOK)
        await remove_holder(site, [each.name for each in await _others(site, before.anchor.id, name)])


async def unfit(site: Site, holding: Holding, number: int) -> None:
    """Take away a lane's other HAProxy that this deployment has made and not started; one that runs takes over to the end."""
    made = await site.containers.find(names.proxy(site.project, number, site.revision))
    if made is not None and made.running:
        await refit(site, holding, number)
    elif made is not None:
        await remove_holder(site, [made.name])


async def _others(site: Site, anchor: str, name: str) -> list[Container]:
    """The lane's other HAProxies."""
    every = (await site.observe()).holders
    return [each for each in every if each.labels.get(names.ANCHORED) == anchor and each.name != name]


def _track(holding: Holding, number: int) -> Track:
    track = holding.track(number)
    if track is None:
        raise HolderFailed(f"the plan has no lane {number}")
    return track


async def _until_up(station: Station) -> None:
    settings = Settings(station.proxy, FOLDER, station.track.lane.admin)
    ends = time.monotonic() + _UP
    why = "it gave no answer"
    while time.monotonic() < ends:
        try:
            if is_from((await station.say([SHOW_INFO]))[0], settings):
                return
        except HolderFailed as error:
            why = str(error)
        await anyio.sleep(_LOOK)
    raise HolderFailed(f"HAProxy of lane {station.track.lane.number} does not come up: {why}")
