"""Whether the alerts of the example stack fire: on a service that keeps ending, and on one that was killed.

    bench/alerts.py [--minutes 8]

Both are the example fleet's own. `trimtab observe` samples them, `trimtab metrics --listen` serves what it kept, and Prometheus
(the machine's own, or Debian's out of the user's cache) reads the files that `trimtab alerts` wrote, unchanged. Prints each
alert with the seconds from the failure until it fired; exits with 1 when one did not. Needs an engine and the two ports.
"""

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PORT = 9464
SERVED = 19090
"""Prometheus' own port, not its usual one, so that one that runs is not in the way."""
SERVICES = ("worker", "notifier")
WANTED = {("ContainerRestarting", "worker"), ("ContainerDown", "notifier")}


@contextmanager
def running(*words: str, folder: Path) -> Generator[None]:
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def trimtab(*words: str) -> list[str]:
    return [sys.executable, "-m", "trimtab", *words]


def fired(project: str) -> set[tuple[str, str]]:
    """The alerts about a project: whatever else answers on the port may have some of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", SERVED, timeout=10)
    try:
        connection.request("GET", "/api/v1/alerts")
        alerts: list[dict[str, Any]] = json.loads(connection.getresponse().read())["data"]["alerts"]
    except OSError:
        return set()
    finally:
        connection.close()
    labels: list[dict[str, str]] = [
        each["labels"] for each in alerts if each["state"] == "firing" and each["labels"].get("project") == project
    ]
    return {(each["alertname"], each.get("service", "")) for each in labels}


def fleet(folder: Path, project: str) -> Path:
    """The example fleet under a name of its own, with an address that lacks its port."""
    shop = folder / "shop"
    shutil.copytree(ROOT / "examples" / "shop", shop, ignore=shutil.ignore_patterns(".trimtab"))
    compose = shop / "compose.yaml"
    compose.write_text(compose.read_text().replace("name: shop\n", f"name: {project}\n", 1))
    # Without a port the worker ends at once, and is started again and again.
    (shop / ".env").write_text("STORE=store\n")
    return shop


def watch(minutes: float, project: str) -> dict[tuple[str, str], float]:
    """When each alert fired for the first time, in seconds from now; ends with the last of those that have to."""
    began, found = time.monotonic(), dict[tuple[str, str], float]()
    while time.monotonic() < began + minutes * 60 and not found.keys() >= WANTED:
        time.sleep(5)
        found |= dict.fromkeys(fired(project) - found.keys(), time.monotonic() - began)
    return found


def measured(minutes: float, folder: Path, project: str) -> dict[tuple[str, str], float]:
    shop = fleet(folder, project)
    subprocess.run(["docker", "compose", "build", "--quiet", *SERVICES], cwd=shop, check=True)
    subprocess.run(["docker", "compose", "up", "--detach", "--no-deps", *SERVICES], cwd=shop, check=True, capture_output=True)
    subprocess.run(trimtab("alerts", "--quiet"), cwd=shop, check=True, stdout=subprocess.DEVNULL)
    programs = subprocess.run([ROOT / "scripts" / "prometheus"], check=True, capture_output=True, text=True).stdout.strip()
    with ExitStack() as stack:
        stack.enter_context(running(*trimtab("observe", "--quiet"), folder=shop))
        stack.enter_context(running(*trimtab("metrics", "--quiet", "--listen", f"127.0.0.1:{PORT}"), folder=shop))
        words = [f"{programs}/prometheus", "--config.file=monitoring/prometheus.yml", f"--storage.tsdb.path={folder / 'data'}"]
        stack.enter_context(running(*words, f"--web.listen-address=127.0.0.1:{SERVED}", folder=shop))
        subprocess.run(["docker", "compose", "kill", "notifier"], cwd=shop, check=True, capture_output=True)
        return watch(minutes, project)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Whether the alerts of the example stack fire.")
    parser.add_argument("--minutes", type=float, default=8, help="how long they may take")
    minutes: float = parser.parse_args(words).minutes
    with tempfile.TemporaryDirectory(prefix="trimtab-bench-") as name:
        project = f"alerts-{Path(name).name[-6:].lower().replace('_', 'x')}"
        try:
            found = measured(minutes, Path(name), project)
        finally:
            down = ["docker", "compose", "-p", project, "down", "--rmi", "local", "--volumes"]
            subprocess.run(down, check=False, capture_output=True)
    for alert, service in sorted(WANTED | found.keys()):
        seconds = found.get((alert, service))
        print(f"{alert:24} {service:12} {f'fired after {seconds:.0f} s' if seconds is not None else 'did not fire'}")
    return 0 if found.keys() >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
