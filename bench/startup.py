"""How long a chain of services takes to start, before and after what `trimtab startup` proposes; measured in turns.

    bench/startup.py [--services 8] [--boot 1] [--repeats 2]

Each service waits until the one before it is healthy, and answers after so many seconds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

BASE = "localhost/trimtab/python:3.11-bookworm"
SERVER = """import http.server, time
time.sleep({boot})
http.server.HTTPServer(("127.0.0.1", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
CHECK = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000', timeout=2)"


def chain(folder: Path, services: int, boot: float) -> None:
    """A project in a folder."""
    (folder / "server.py").write_text(SERVER.format(boot=boot))
    (folder / "Dockerfile").write_text(f'FROM {BASE}\nWORKDIR /srv\nCOPY server.py ./\nCMD ["python3", "server.py"]\n')
    lines = ["services:"]
    for number in range(1, services + 1):
        lines += [f"  s{number}:", "    build: .", "    healthcheck:", f'      test: ["CMD", "python3", "-c", "{CHECK}"]']
        lines += ["      interval: 30s", "      timeout: 5s", "      retries: 3", "      start_period: 30s"]
        if number > 1:
            lines += ["    depends_on:", f"      s{number - 1}:", "        condition: service_healthy"]
    (folder / "compose.yaml").write_text("\n".join(lines) + "\n")


def main(services: int, boot: float, repeats: int) -> int:
    with tempfile.TemporaryDirectory(prefix="trimtab-") as name:
        folder = Path(name)
        chain(folder, services, boot)
        boots = [word for number in range(1, services + 1) for word in ("--boot", f"s{number}={boot}")]
        command = [sys.executable, "-m", "trimtab", "startup", str(folder), "--prove", "--repeats", str(repeats)]
        done = subprocess.run([*command, *boots, "--format", "json"], check=False, capture_output=True, text=True)
        if done.returncode not in {0, 1}:
            print(done.stderr, file=sys.stderr)
            return 1
        (project,) = json.loads(done.stdout)["projects"]
        predicted, pairs = project["predicted"], project["measured"]
        for number, side in enumerate(("before", "after")):
            times = [pair[number] for pair in pairs]
            shown = ", ".join(f"{each:.1f}" for each in times)
            print(f"{side}: predicted {predicted[side]:.1f} s, measured {median(times):.1f} s ({shown})")
        ratio = median(pair[0] / pair[1] for pair in pairs)
        print(f"{services} services in a chain start {ratio:.2f} times as fast")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=8)
    parser.add_argument("--boot", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=2)
    given = parser.parse_args()
    sys.exit(main(given.services, given.boot, given.repeats))
