"""A whole fleet replaced under load: the example fleet, every service of it anew, by trimtab and by compose.

    bench/deploy_fleet.py [--turns 2] [--deployments 2] [--rate 10] [--holder-image IMAGE] [--only STRATEGY ...]

Strategies: trimtab with every service that can behind its holder (`holder`), the same with one service after the other
(`one-by-one`: `parallel = 1`), trimtab's swap (`swap`), and compose's `up -d
--force-recreate --wait` (`compose`). Callers on the host ask four addresses, two of which lead through other services, each
with new connections and with ones that are kept. A request fails when its connection is refused, reset or closed, when it takes
more than a minute, or when its answer is not 200. The order of the strategies changes from turn to turn. Prints the sums of one
run.
"""

import argparse
import http.client
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from deployments import Sum, in_turns, remove_project, show

SHOP = Path(__file__).parent.parent / "examples" / "shop"
STRATEGIES = ("holder", "one-by-one", "swap", "compose")
FIRST = 10_000
"""Added to the fleet's ports of the host, so that one that runs is not in the way."""
ADDRESSES = ((8001, "/items"), (8080, "/items"), (8088, "/"), (8088, "/api/items"))
PATIENCE = 60.0


class Caller(threading.Thread):
    """Asks one address again and again, at a steady pace."""

    def __init__(self, port: int, path: str, rate: float, *, keeps: bool, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.title = f"{port - FIRST}{path} {'kept' if keeps else 'new'}"
        self.requests, self.failures, self.longest = 0, list[str](), 0.0
        self._port, self._path, self._pause, self._keeps, self._ended = port, path, 1 / rate, keeps, ended

    def run(self) -> None:
        connection = self._connection()
        while not self._ended.wait(self._pause):
            began = time.monotonic()
            self.requests += 1
            try:
                if not self._keeps:
                    connection = self._connection()
                connection.request("GET", self._path)
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"{self.title}: {answer.status}")
                # A server that says so closes a connection between two requests; asking over a new one is no failure.
                if answer.will_close or not self._keeps:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{self.title}: {error!r}")
                connection.close()
            self.longest = max(self.longest, time.monotonic() - began)

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)


class Fleet:
    """A copy of the example fleet, deployed by one strategy."""

    def __init__(self, strategy: str, root: Path, options: argparse.Namespace) -> None:
        self.strategy, self.options = strategy, options
        self.folder = root / f"{strategy}-{time.monotonic_ns()}"
        self.project = f"bench-fleet-{strategy}"
        shutil.copytree(SHOP, self.folder)
        (self.folder / ".env").touch()
        path = self.folder / "compose.yaml"
        moved = re.sub(r'"(\d+):(\d+)"', lambda found: f'"{FIRST + int(found[1])}:{found[2]}"', path.read_text())
        path.write_text(moved.replace("name: shop", f"name: {self.project}", 1))
        holder = f'holder = ["*"]\nholder-image = "{options.holder_image}"\ndrain = 10\n'
        said = {"holder": holder, "one-by-one": f"{holder}parallel = 1\n"}
        (self.folder / "trimtab.toml").write_text(f"[deploy]\n{said.get(strategy, '')}")

    def run(self, *argv: str) -> int:
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, check=False)
        if self.options.verbose or done.returncode:
            print(f"  {' '.join(argv)}: {done.returncode}\n{done.stdout[-600:]}{done.stderr[-900:]}", file=sys.stderr)
        return done.returncode

    def deploy(self) -> int:
        if self.strategy == "compose":
            return self.run("docker", "compose", "up", "--detach", "--wait", "--force-recreate")
        return self.run(sys.executable, "-m", "trimtab", "deploy", "--quiet", "--force-recreate")

    def down(self) -> None:
        remove_project(self.project)
        self.run("docker", "compose", "down", "--volumes", "--timeout", "1")


def one_turn(options: argparse.Namespace, strategy: str, root: Path, total: Sum) -> None:
    fleet = Fleet(strategy, root, options)
    ended = threading.Event()
    callers = [
        Caller(FIRST + port, path, options.rate, keeps=keeps, ended=ended)
        for port, path in ADDRESSES
        for keeps in (False, True)
    ]
    fleet.down()
    try:
        if fleet.run("docker", "compose", "build", "--quiet") or fleet.deploy():
            raise SystemExit(f"{strategy}: the first deployment did not succeed")
        time.sleep(2)
        for caller in callers:
            caller.start()
        for _ in range(options.deployments):
            began = time.monotonic()
            total.codes.append(fleet.deploy())
            total.seconds.append(time.monotonic() - began)
            time.sleep(2)
        ended.set()
        for caller in callers:
            caller.join()
            total.requests += caller.requests
            total.longest = max(total.longest, caller.longest)
            total.failed[caller.title] = total.failed.get(caller.title, 0) + len(caller.failures)
            total.examples += caller.failures[:1]
    finally:
        ended.set()
        fleet.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--deployments", type=int, default=2)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--holder-image", default="localhost/trimtab/haproxy:2.6-bookworm")
    parser.add_argument("--only", nargs="*", default=STRATEGIES, choices=STRATEGIES)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    os.environ["COMPOSE_PROGRESS"] = "quiet"
    show(in_turns(options.only, options.turns, partial(one_turn, options)))


if __name__ == "__main__":
    main()
