"""Compose files on a real engine: settings proven service by service, and whole projects started."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_optimize import BASE, SERVER, optimized, trimtab, write

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("building")]

SERVICE = BASE + 'RUN useradd -u 1500 app\nUSER 1500\nCOPY server.py .\nCMD ["python", "server.py"]\n'
WRITER = "import pathlib\npathlib.Path('/home/mark').write_text('x')\n" + SERVER


def test_settings_are_kept_where_the_service_behaves_the_same(tmp_path: Path) -> None:
    files = {
        "plain/Dockerfile": SERVICE,
        "plain/server.py": SERVER,
        "writer/Dockerfile": BASE + 'COPY server.py .\nCMD ["python", "server.py"]\n',
        "writer/server.py": WRITER,
        "compose.yaml": "services:\n  plain:\n    build: plain\n  writer:\n    build: writer # keeps a mark\n",
    }
    folder = write(tmp_path / "fleet", files)
    found = optimized(folder, "compose.yaml", "--select", "CM204,CM205,CM206", "--quick")["compose.yaml"]
    assert found["verdict"] == "accepted", found
    text = (folder / "compose.yaml").read_text()
    plain, _, writer = text.partition("  writer:")
    assert "read_only: true" in plain
    assert "- ALL" in plain
    assert "no-new-privileges" in plain
    assert "read_only" not in writer
    assert "no-new-privileges" in writer
    assert "# keeps a mark" in writer
    refused = [trial for trial in found["trials"] if trial["verdict"] == "rejected"]
    assert any("CM205" in trial["rules"] and "`writer`" in trial["reason"] for trial in refused)


def test_a_project_is_started_before_and_after(tmp_path: Path) -> None:
    check = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000')"
    healthy = f'    healthcheck:\n      test: ["CMD", "python", "-c", "{check}"]\n      start_period: 30s\n'
    files = {
        "Dockerfile": SERVICE,
        "server.py": SERVER,
        "compose.yaml": "services:\n  one:\n    build: .\n    container_name: one\n    ports: ['8000:8000']\n"
        f"{healthy}  two:\n    build: .\n    depends_on:\n      one: {{condition: service_healthy}}\n",
    }
    folder = write(tmp_path / "fleet", files)
    command = [
        sys.executable,
        "-m",
        "trimtab",
        "startup",
        str(folder),
        "--prove",
        "--repeats",
        "1",
        "--apply",
        "--format",
        "json",
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (project,) = json.loads(done.stdout)["projects"]
    ((before, after),) = project["measured"]
    # The engine's five seconds against one: no other delay here is of that size.
    assert after < before
    assert "start_interval: 1s" in (folder / "compose.yaml").read_text()
    # Deployments are tested at the same time, and their containers are named after trimtab as well.
    projects = ["docker", "ps", "-a", "--format", '{{.Label "com.docker.compose.project"}}']
    left = subprocess.run(projects, check=True, capture_output=True, text=True).stdout.split()
    assert [each for each in left if each.endswith("-start")] == []


def test_a_project_that_does_not_start_is_named_and_not_written(tmp_path: Path) -> None:
    check = "    healthcheck: {test: [CMD, 'false'], interval: 1s, timeout: 1s, retries: 1, start_period: 1s}\n"
    text = f"services:\n  one:\n    build: .\n{check}  two:\n    build: .\n    depends_on:\n"
    files = {
        "Dockerfile": SERVICE,
        "server.py": SERVER,
        "compose.yaml": text + "      one: {condition: service_healthy}\n",
    }
    files["compose.yaml"] = files["compose.yaml"].replace("interval: 1s", "interval: 9s")
    folder = write(tmp_path / "fleet", files)
    done = trimtab(folder, "startup", "--prove", "--repeats", "1", "--apply", "--format", "json", cache=tmp_path / "cache")
    assert done.returncode == 1, done.stderr
    (project,) = json.loads(done.stdout)["projects"]
    assert project["problem"]
    assert project["measured"] is None
    assert (folder / "compose.yaml").read_text() == files["compose.yaml"]


NETWORKED = """services:
  db:
    image: {image}
    command: [python, -m, http.server, "6379"]
    networks: [flat] # everybody
  api:
    build: .
    networks: [flat]
    environment: {{REDIS_URL: "redis://db:6379"}}
  other:
    build: .
    networks: [flat]
    healthcheck: {{test: [CMD, python, -c, "{check}"], interval: 1s, timeout: 2s, retries: 3, start_period: 9s}}
networks:
  flat: {{}}
"""
UNSEEN = "import urllib.request as u; u.urlopen('http://' + 'd' + 'b:6379')"


@pytest.mark.parametrize(("check", "proven"), [("pass", True), (UNSEEN, False)], ids=["apart", "talks-unseen"])
def test_networks_are_started_before_they_are_written(check: str, proven: bool, tmp_path: Path) -> None:
    image = f"localhost/networks-{tmp_path.name}/redis:7".replace("_", "-")
    subprocess.run(["docker", "tag", "localhost/trimtab/python:3.11-bookworm", image], check=True)
    try:
        text = NETWORKED.format(image=image, check=check)
        folder = write(tmp_path / "fleet", {"Dockerfile": SERVICE, "server.py": SERVER, "compose.yaml": text})
        done = trimtab(folder, "networks", "--prove", "--apply", "--format", "json", cache=tmp_path / "cache")
    finally:
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)
    assert done.returncode == (0 if proven else 1), done.stderr
    (project,) = json.loads(done.stdout)["projects"]
    assert [each["service"] for each in project["networks"][0]["members"]] == ["api"]
    after = (folder / "compose.yaml").read_text()
    if proven:
        assert project["problem"] is None
        assert "db-users" in after
        assert "# everybody" in after
    else:
        assert project["problem"].startswith("with the proposal it does not start")
        assert after == text


def test_a_shared_base_saves_bytes_and_is_kept_when_it_is_no_slower(tmp_path: Path) -> None:
    install = "RUN apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*\n"
    packages = {"a": "tree file", "b": "file tree", "c": "tree file bc"}
    files = {
        f"{name}/Dockerfile": BASE + install.format(words) + 'COPY server.py .\nCMD ["python", "server.py"]\n'
        for name, words in packages.items()
    }
    files |= {f"{name}/server.py": SERVER for name in packages}
    files["compose.yaml"] = "services:\n" + "".join(
        f"  {name}:\n    build:\n      context: {name} # {name}\n" for name in packages
    )
    folder = write(tmp_path / "fleet", files)
    done = trimtab(
        folder, "bases", "--share", "--prove", "--apply", "--repeats", "2", "--format", "json", cache=tmp_path / "cache"
    )
    assert done.returncode in {0, 1}, done.stderr
    (found,) = json.loads(done.stdout)["bases"]
    assert found["packages"] == ["file", "tree"]
    before, after = found["unique_bytes"]
    assert after < before
    assert done.returncode == (0 if found["verdict"] == "accepted" else 1), done.stderr
    if found["verdict"] == "rejected":
        # Two pairs beside other work may say that it is slower; then that is what was measured, and nothing else was wrong.
        assert found["reason"].startswith("it makes cold builds slower"), found
        assert sum(after - before for before, after in found["cold"]) > 0
    if found["verdict"] == "accepted":
        assert "FROM shared-python" in (folder / "a" / "Dockerfile").read_text()
        assert "context: a # a" in (folder / "compose.yaml").read_text()
        subprocess.run(["docker", "compose", "build", "--quiet"], cwd=folder, check=True, capture_output=True)
