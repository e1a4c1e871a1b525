"""A new version of a service under load: failed requests and the longest wait, by trimtab and by what else there is.

    bench/deploy.py [--turns 2] [--deployments 3] [--rate 10] [--holder-image IMAGE] [--bad] [--only STRATEGY ...]

Strategies: trimtab behind its holder (`holder`), holding callers because only one version may run (`hold`), with ports that
both versions share (`share`), and by its swap (`swap`); `docker compose up -d` (`compose`); and docker-rollout's algorithm, by
its description: a second container beside the first, wait until it is healthy, stop the first (`rollout`), which cannot have
ports of the host or a name. Callers are on the host, at a published port, and in the project's network, by the service's name;
some of these take the first address that they are told and no other. The order of the strategies changes from turn to turn.
`--bad` deploys versions that do not work: never healthy, crashing, too slow, failing some seconds after they were good, and
others. Prints the sums over all deployments of one run.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from deployments import Sum, in_turns, remove_project, show

HERE = Path(__file__).parent
BASE = "localhost/trimtab/python:3.11-bookworm"
STRATEGIES = ("holder", "hold", "share", "swap", "compose", "rollout")
BAD = ("crash", "sick", "slow", "late", "wrong-port", "eats-memory", "missing")
TRIAL = 8
"""Seconds for which a new version has to stay good, where bad ones are deployed; one that fails late does within these."""
PROBE = "import os, urllib.request as u; u.urlopen('http://localhost:8000/'); assert os.environ['MODE'] != 'sick'"
COMPOSE = """\
name: {project}
services:
  web:
    image: ${{IMAGE:-{base}}}
    command: [python3, /app/server.py]
    environment:
      {{VERSION: "${{VERSION:-1}}", MODE: "${{MODE:-good}}", BOOT: "${{BOOT:-1}}", SHARE: "{share}", PYTHONPATH: /load}}
    volumes: ["{stack}:/app:ro", "{load}:/load:ro"]
    restart: unless-stopped
    mem_limit: 200m
    healthcheck:
      test: [CMD, python3, -c, "{probe}"]
      interval: 1s
      retries: 5
{ports}networks: {{default: {{}}}}
"""
PORTS = '    container_name: {project}-web\n    ports: ["127.0.0.1:{port}:8000", "127.0.0.1:{greeting}:8025"]\n'


class Stack:
    """The project of one strategy, and its callers."""

    def __init__(self, strategy: str, number: int, folder: Path, options: argparse.Namespace) -> None:
        self.strategy, self.options, self.folder = strategy, options, folder
        self.project = f"bench-deploy-{strategy}"
        self.port, self.greeting = 18300 + 2 * number, 18301 + 2 * number
        self.published = strategy != "rollout"
        folder.mkdir()
        ports = PORTS.format(project=self.project, port=self.port, greeting=self.greeting) if self.published else ""
        load = HERE.parent / "tests" / "deploy"
        share = "yes" if strategy == "share" else "no"
        text = COMPOSE.format(
            project=self.project, base=BASE, stack=HERE / "deploy_stack", load=load, ports=ports, probe=PROBE, share=share
        )
        (folder / "compose.yaml").write_text(text)
        holder = f'[deploy]\nholder = ["web"]\nholder-image = "{options.holder_image}"\ndrain = 10\n'
        trial = f"bake = {TRIAL}\n" if options.bad else ""
        # A folder of code that cannot be written to is no reason to let only one version run.
        (folder / "trimtab.toml").write_text(
            {
                "holder": holder,
                "hold": holder + 'stop-first = ["web"]\n',
                "share": holder.replace("holder =", "shared-port ="),
            }.get(strategy, "[deploy]\nsettle = 1\n")
            + trial
        )
        self.callers: list[subprocess.Popen[str]] = []

    def run(self, *argv: str, **variables: str) -> int:
        done = subprocess.run(
            argv, cwd=self.folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
        )
        if self.options.verbose:
            print(f"  {' '.join(argv)}: {done.returncode}\n{done.stdout[-600:]}{done.stderr[-600:]}", file=sys.stderr)
        return done.returncode

    def deploy(self, **variables: str) -> int:
        if self.strategy in {"holder", "hold", "share", "swap"}:
            return self.run(sys.executable, "-m", "trimtab", "deploy", "--quiet", **variables)
        if self.strategy == "compose":
            return self.run("docker", "compose", "up", "--detach", "--wait", **variables)
        return self._rollout(variables)

    def _rollout(self, variables: dict[str, str]) -> int:
        def ids() -> list[str]:
            words = ["docker", "compose", "ps", "--quiet", "web"]
            return subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True).stdout.split()

        old = ids()
        up = ("docker", "compose", "up", "--detach", "--no-deps", "--no-recreate")
        if not old:
            return self.run(*up, "--wait", "web", **variables)
        if self.run(*up, "--scale", "web=2", "web", **variables):
            return 1
        new = [each for each in ids() if each not in old]
        for _ in range(60):
            words = ["docker", "inspect", "--format", "{{.State.Health.Status}}", *new]
            health = subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
            if health and all(each == "healthy" for each in health):
                return self.run("docker", "stop", *old) or self.run("docker", "rm", *old)
            time.sleep(1)
        self.run("docker", "rm", "--force", *new)
        return 1

    def start_callers(self) -> None:
        path = f"{HERE.parent / 'tests' / 'deploy'}"
        rate = str(self.options.rate)
        script = str(HERE / "deploy_stack" / "caller.py")
        words: list[list[str]] = []
        if self.published:
            words.append([sys.executable, script, "127.0.0.1", str(self.port), str(self.greeting), rate])
        mounts = ["-v", f"{script}:/caller.py:ro", "-v", f"{path}:/load:ro", "-e", "PYTHONPATH=/load"]
        name, network = f"{self.project}-caller", f"{self.project}_default"
        inside = ["docker", "run", "--rm", "--interactive", "--name", name, "--network", network]
        words.append([*inside, *mounts, BASE, "python3", "/caller.py", "web", "8000", "8025", rate])
        for each in words:
            given = {**os.environ, "PYTHONPATH": path}
            started = subprocess.Popen(each, stdout=subprocess.PIPE, text=True, env=given, start_new_session=True)
            assert started.stdout is not None
            started.stdout.readline()
            self.callers.append(started)

    def stop_callers(self, total: Sum) -> None:
        for number, each in enumerate(self.callers):
            where = "network" if number == len(self.callers) - 1 else "host"
            if where == "network":
                subprocess.run(
                    ["docker", "kill", "--signal", "TERM", f"{self.project}-caller"], check=True, capture_output=True
                )
            else:
                each.send_signal(signal.SIGTERM)
            out, _ = each.communicate(timeout=120)
            for kind, seen in json.loads(out.splitlines()[-1])["kinds"].items():
                name = f"{where}: {kind}"
                total.requests += seen["requests"]
                total.failed[name] = total.failed.get(name, 0) + seen["failed"]
                total.longest = max(total.longest, seen["longest"])
                total.reconnects += seen["reconnects"] if kind == "websocket" else 0
                total.examples += [f"{name}: {failure}" for failure in seen["failures"]][:2]
        self.callers = []

    def down(self) -> None:
        remove_project(self.project)
        self.run("docker", "compose", "down", "--volumes", "--timeout", "1")


def good(stack: Stack, total: Sum) -> None:
    for number in range(2, 2 + stack.options.deployments):
        began = time.monotonic()
        total.codes.append(stack.deploy(VERSION=str(number)))
        total.seconds.append(time.monotonic() - began)
        time.sleep(2)


def bad(stack: Stack, total: Sum) -> None:
    for mode in BAD:
        began = time.monotonic()
        variables = {"missing": {"IMAGE": "localhost/trimtab/there-is-none:1"}, "slow": {"BOOT": "120"}}
        total.codes.append(stack.deploy(VERSION="2", **variables.get(mode, {"MODE": mode})))
        total.seconds.append(time.monotonic() - began)
        time.sleep(2)


def one_turn(options: argparse.Namespace, strategy: str, root: Path, total: Sum) -> None:
    stack = Stack(strategy, STRATEGIES.index(strategy), root / f"{strategy}-{time.monotonic_ns()}", options)
    stack.down()
    try:
        if stack.deploy(VERSION="1"):
            raise SystemExit(f"{strategy}: the first deployment did not succeed; run with --verbose")
        stack.start_callers()
        time.sleep(2)
        (bad if options.bad else good)(stack, total)
        stack.stop_callers(total)
    finally:
        for each in stack.callers:
            each.kill()
        subprocess.run(["docker", "rm", "--force", f"{stack.project}-caller"], check=False, capture_output=True)
        stack.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--deployments", type=int, default=3)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--holder-image", default="localhost/trimtab/haproxy:2.6-bookworm")
    parser.add_argument("--bad", action="store_true")
    parser.add_argument("--only", nargs="*", default=STRATEGIES, choices=STRATEGIES)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    show(in_turns(options.only, options.turns, partial(one_turn, options)))


if __name__ == "__main__":
    main()
