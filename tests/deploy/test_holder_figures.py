"""What the holder has counted, asked lane by lane: one that does not answer is not one that has counted nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import pytest

from trimtab.deploy import names
from trimtab.deploy.holder.choose import Behind
from trimtab.deploy.holder.figures import holder_counters
from trimtab.deploy.holder.holding import Track, held
from trimtab.deploy.holder.layout import Opening, assign
from trimtab.deploy.holder.runtime import Counters, backends
from trimtab.deploy.observed import Observed, observe
from trimtab.docker.command import Command
from trimtab.docker.containers import Container, read_container
from trimtab.docker.runner import Completed

WEB, ADMIN, API = (
    Behind(name, (Opening(port, protocol="tcp"),)) for name, port in (("web", 8000), ("admin", 9000), ("api", 8000))
)


def tracks() -> list[Track]:
    """`admin` and `api` behind one lane, and `web`, which has the same port as `api`, behind another."""
    every = {each.service: each for each in (WEB, ADMIN, API)}
    lanes = assign([each.offer for each in every.values()], [])
    return [Track(lane, tuple(every[offer.service] for offer in lane.offers)) for lane in lanes]


def container(name: str, labels: dict[str, str]) -> Container:
    return read_container({"Id": name, "Name": name, "State": {"Status": "running"}, "Config": {"Labels": labels}})


def project() -> Observed:
    found: list[Container] = []
    for number, track in enumerate(tracks()):
        found.append(container(f"anchor{number}", {names.ROLE: names.ANCHOR}))
        labels = {names.ROLE: names.PROXY, names.ANCHORED: f"anchor{number}", names.TRACK: track.text()}
        found.append(container(f"proxy{number}", {**labels, names.REVISION: "1"}))
    return observe("shop", found)


def table(track: Track) -> str:
    """Every slot of a lane has had one request."""
    rows = [
        f"{backend},{slot},no check,1,"
        for behind in track.behind
        for backend in backends(held(behind, track.lane, (), None, {}))
        for slot in "ab"
    ]
    return "\n".join(["# pxname,svname,status,stot,", *rows, "", ""])


@dataclass
class Lanes:
    """A runner in front of the two HAProxies, of which the second one does something else than answer."""

    second: Callable[[], tuple[int, str]]

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        code, text = (0, table(tracks()[0]) + "\x1e") if "proxy0" in command.argv else self.second()
        return Completed(command.argv, code, text.encode(), "connection refused" if code else "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise NotImplementedError


def late() -> tuple[int, str]:
    raise TimeoutError


@pytest.mark.parametrize(
    "second",
    [lambda: (1, ""), lambda: (0, ""), lambda: (0, "Unknown command\n\x1e"), lambda: (0, "# pxname,svname,\n\x1e"), late],
    ids=["refuses", "says nothing", "does not understand", "has another configuration", "is late"],
)
def test_of_a_lane_that_does_not_answer_nothing_is_known(second: Callable[[], tuple[int, str]]) -> None:
    found = anyio.run(holder_counters, Lanes(second), project())
    assert found == {"admin": Counters(sessions=2), "api": Counters(sessions=2), "web": None}


def test_both_slots_are_counted_of_each_service() -> None:
    found = anyio.run(holder_counters, Lanes(lambda: (0, table(tracks()[1]) + "\x1e")), project())
    assert found == dict.fromkeys(("web", "admin", "api"), Counters(sessions=2))
