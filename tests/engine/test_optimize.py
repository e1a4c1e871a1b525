"""The laboratory on a real engine: what is proven stays, what breaks goes, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

import pytest

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("proving")]
BASE = "FROM localhost/trimtab/python:3.11-bookworm\n"


def trimtab(folder: Path, *words: str, cache: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    argv = [sys.executable, "-m", "trimtab", *words]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env=environment, timeout=900)


def optimized(folder: Path, *words: str) -> dict[str, Any]:
    """The evidence by path, after checking that the run left nothing in the engine or on the disk."""
    cache = folder.parent / "cache"
    done = trimtab(folder, "optimize", "--repeats", "2", "--format", "json", *words, cache=cache)
    assert done.returncode in {0, 1}, done.stderr
    data = json.loads(done.stdout)
    assert leftovers(data["run"]) == ""
    assert list((cache / "trimtab" / "staging").iterdir()) == []
    kept = folder / ".trimtab" / "runs" / data["run"] / "evidence.json"
    assert json.loads(kept.read_text()) == data
    return {each["path"]: each for each in data["files"]}


def leftovers(run: str) -> str:
    listed = [["docker", "ps", "-aq"], ["docker", "images", "-q"]]
    outputs = (
        subprocess.run([*argv, "--filter", f"label=io.trimtab.run={run}"], capture_output=True, text=True, check=True).stdout
        for argv in listed
    )
    return "".join(outputs)


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_the_example_is_improved_and_measured(shop: Path) -> None:
    paths = ["services/orders/Dockerfile", "services/gateway/Dockerfile"]
    before = {path: (shop / path).read_text() for path in paths}
    found = optimized(shop, *paths)
    for path in paths:
        evidence = found[path]
        assert evidence["verdict"] == "accepted", evidence
        assert (shop / path).read_text() != before[path]
        scenarios = {each["scenario"]: each for each in evidence["measurements"]}
        assert set(scenarios) == {"no change", "source edit", "dependency edit"}
        assert all(len(each["pairs"]) == 2 for each in scenarios.values())
        assert evidence["behaviour"]["after"]["state"] == "healthy"
        assert evidence["image_bytes"]["after"] <= evidence["image_bytes"]["before"]
        assert evidence["context_bytes"]["before"] > 0
    assert "DF110" in found["services/gateway/Dockerfile"]["accepted"]
    second = optimized(shop, *paths)
    assert second == {}


def test_what_breaks_the_build_or_the_service_is_put_back_and_the_rest_kept(tmp_path: Path) -> None:
    service = (
        "import http.server, pathlib, socketserver\npathlib.Path('/app/started').write_text('x')\n"
        "socketserver.TCPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    folder = write(
        tmp_path / "fleet",
        {
            "Dockerfile": BASE + "WORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n"
            "RUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*\n"
            "RUN python -c \"import subprocess; subprocess.check_call(['gcc', '--version'])\"\n"
            'CMD ["python", "main.py"]\n',
            "requirements.txt": "six==1.17.0\n",
            "main.py": service,
        },
    )
    evidence = optimized(folder, "--quick")["Dockerfile"]
    text = (folder / "Dockerfile").read_text()
    assert evidence["verdict"] == "accepted"
    assert {"DF101", "DF110"} <= set(evidence["accepted"])
    rejected = {trial["rules"][0]: trial["reason"] for trial in evidence["trials"] if trial["verdict"] == "rejected"}
    assert "does not build" in rejected["DF122"]
    assert "exited" in rejected["DF201"]
    assert "apt-get install -y gcc" in text
    assert "USER" not in text


def test_an_unprivileged_user_is_kept_where_it_works(tmp_path: Path) -> None:
    text = BASE + 'RUN pip install six\nEXPOSE 8000\nCMD ["python", "-m", "http.server", "8000"]\n'
    # A rule that the configuration leaves out is not tried either.
    folder = write(tmp_path / "fleet", {"Dockerfile": text, "trimtab.toml": "ignore = ['DF101']\n"})
    evidence = optimized(folder)["Dockerfile"]
    assert evidence["accepted"] == ["DF201"]
    assert evidence["behaviour"]["after"]["user"] == "10001"
    assert evidence["behaviour"]["after"]["ports"] == ["tcp/8000"]


def test_an_original_that_does_not_build_is_inconclusive(tmp_path: Path) -> None:
    text = BASE + "RUN pip install six\nRUN exit 7\n"
    folder = write(tmp_path / "fleet", {"Dockerfile": text})
    evidence = optimized(folder)["Dockerfile"]
    assert evidence["verdict"] == "inconclusive"
    assert "does not build" in str(evidence["reason"])
    assert (folder / "Dockerfile").read_text() == text


def building(folder: Path, cache: Path, moment: str = "building the original") -> tuple[subprocess.Popen[str], IO[str]]:
    """A run that has come to a moment, and its standard error."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    argv = [sys.executable, "-m", "trimtab", "optimize"]
    process = subprocess.Popen(argv, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while moment not in process.stderr.readline():
        assert process.poll() is None
    return process, process.stderr


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_changes_nothing_and_leaves_nothing(tmp_path: Path, sign: signal.Signals) -> None:
    text = BASE + 'RUN pip install six\nRUN sleep 60\nCMD ["python"]\n'
    folder = write(tmp_path / "fleet", {"Dockerfile": text})
    process, errors = building(folder, tmp_path / "cache")
    staged = next((tmp_path / "cache" / "trimtab" / "staging").iterdir())
    process.send_signal(sign)
    started = time.monotonic()
    rest = errors.read()
    errors.close()
    assert process.wait(timeout=60) == 130
    assert time.monotonic() - started < 30
    assert "interrupted" in rest
    assert (folder / "Dockerfile").read_text() == text
    assert not staged.exists()
    assert leftovers(staged.name) == ""


@pytest.mark.parametrize("moment", ["building the original", "comparing the images", "running with", "measuring: source"])
def test_a_kill_at_any_moment_changes_nothing(tmp_path: Path, moment: str) -> None:
    text = BASE + 'RUN pip install six\nRUN sleep 1\nCOPY a.py .\nCMD ["python", "a.py"]\n'
    folder = write(tmp_path / "fleet", {"Dockerfile": text, "a.py": "import time\ntime.sleep(60)\n"})
    process, errors = building(folder, tmp_path / "cache", moment)
    left = next((tmp_path / "cache" / "trimtab" / "staging").iterdir())
    process.kill()
    errors.close()
    process.wait()
    assert (folder / "Dockerfile").read_text() == text
    assert left.exists()
    assert optimized(folder)["Dockerfile"]["verdict"] == "accepted"
    assert not left.exists()


def test_fixed_example_files_are_valid_for_buildkit(shop: Path, tmp_path: Path) -> None:
    assert trimtab(shop, "fix", "--unsafe-fixes", cache=tmp_path).returncode == 0
    for path in sorted(shop.glob("services/*/Dockerfile")):
        argv = ["docker", "buildx", "build", "--check", "--file", str(path), str(shop)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert "dockerfile parse error" not in done.stderr, path
        assert done.returncode == 0, f"{path}: {done.stdout}{done.stderr}"


def test_the_example_starts_and_answers(shop: Path) -> None:
    (shop / ".env").write_text("")
    project = ["docker", "compose", "--project-name", f"shop-{os.getpid()}"]
    # Host ports may be taken on the machine that runs the tests; the services are asked from inside.
    override = "services:\n" + "".join(f"  {name}: {{ports: !reset []}}\n" for name in ("catalog", "gateway", "web"))
    (shop / "compose.override.yaml").write_text(override)
    try:
        up = subprocess.run([*project, "up", "-d", "--build", "--wait"], cwd=shop, capture_output=True, text=True, check=False)
        assert up.returncode == 0, up.stderr[-2000:]
        code = "fetch('http://gateway:8080/items').then(r => r.text()).then(console.log)"
        asked = subprocess.run(
            [*project, "exec", "-T", "notifier", "node", "-e", code], cwd=shop, capture_output=True, text=True
        )
        assert json.loads(asked.stdout) == {"lamp": 30, "chair": 80, "table": 220}
    finally:
        subprocess.run([*project, "down", "--volumes", "--rmi", "local"], cwd=shop, capture_output=True, check=False)


SERVER = (
    "import http.server, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "http.server.HTTPServer(('', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)


def test_fixes_of_the_rule_book_hold_when_they_are_built_and_run(tmp_path: Path) -> None:
    """A shell that keeps signals, a check by a program that is not there, an index apart, a deletion too late."""
    text = (
        BASE
        + "RUN apt-get update\nRUN apt-get install -y --no-install-recommends hello\nRUN rm -rf /var/lib/apt/lists/*\n"
        + "WORKDIR /app\nADD server.py ./\nHEALTHCHECK NONE\n"
        + "HEALTHCHECK --interval=1s CMD curl -f http://localhost:8000/ || exit 1\nCMD python3 server.py\n"
    )
    files = {
        "svc/Dockerfile": text,
        "svc/server.py": SERVER,
        "compose.yaml": "services:\n  app:\n    build: svc\n    ports: ['8000']\n",
    }
    folder = write(tmp_path / "fleet", files)
    # The original never gets healthy, so that every start waits to the end: its compose file is not what is asked about.
    found = optimized(folder, "--ignore", "CM")["svc/Dockerfile"]
    after = (folder / "svc" / "Dockerfile").read_text()
    assert found["verdict"] == "accepted", found
    assert 'CMD ["python3", "server.py"]' in after
    assert "COPY server.py" in after
    assert "HEALTHCHECK NONE" not in after
    assert after.count("apt-get update") == 1
    assert "RUN apt-get update\n" not in after


def test_a_node_service_is_built_in_a_stage_of_its_own(tmp_path: Path) -> None:
    package = {
        "name": "a", "version": "1.0.0", "scripts": {"build": "node -e \"require('left-pad'); require('fs').cpSync('src', 'dist', {recursive: true})\""},
        "devDependencies": {"left-pad": "1.3.0"}, "dependencies": {"ms": "2.1.3"},
    }  # fmt: skip
    text = (
        "FROM localhost/trimtab/node:24-bookworm\nWORKDIR /app\nCOPY package.json ./\nRUN npm install\nCOPY src/ src/\n"
        'RUN npm run build\nUSER node\nCMD ["node", "dist/main.js"]\n'
    )
    main = "require('ms'); require('http').createServer((q, r) => r.end('ok')).listen(3000)\n"
    files = {"svc/Dockerfile": text, "svc/package.json": json.dumps(package), "svc/src/main.js": main,
             "compose.yaml": "services:\n  web:\n    build: svc\n    ports: ['3000']\n"}  # fmt: skip
    folder = write(tmp_path / "fleet", files)
    found = optimized(folder, "--select", "DF123")["svc/Dockerfile"]
    assert found["verdict"] == "accepted", found
    after = (folder / "svc" / "Dockerfile").read_text()
    assert "COPY --from=build /app /app" in after
    assert found["behaviour"]["after"]["state"] == found["behaviour"]["before"]["state"]
