"""`trimtab scan` and `trimtab gate` on real images: both stores, dpkg as the judge, waiting updates, planted credentials."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from second_engine import BASE, NAMESPACE, SecondEngine
from test_optimize import write

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("building")]

VALUE = "AKIA" + "QYLPMN5HFIQR7XYA"
PYTHON = "localhost/trimtab/python:3.11-bookworm"
DOCKERFILE = f"""\
FROM {PYTHON}
ARG NPM_TOKEN
COPY deploy.sh settings.env /app/
RUN rm /app/deploy.sh
RUN pip install --no-deps jinja2==2.10
USER 1000
CMD ["python", "-m", "http.server"]
"""


def call(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, dict[str, Any], str]:
    argv = [sys.executable, "-m", "trimtab", *words, "--format", "json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env=env, timeout=600)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stdout + done.stderr


def advisory(name: str, package: str, ecosystem: str, fixed: str) -> str:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    part = {"package": {"name": package, "ecosystem": ecosystem}, "ranges": ranges}
    return json.dumps({"id": name, "modified": datetime.now(UTC).isoformat(), "affected": [part]})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan") / "leaky"
    write(folder, {
        "compose.yaml": "name: leaky\nservices:\n  app: {build: {context: ., args: {NPM_TOKEN: tok-0123456789}}, image: 'leaky-app:1'}\n",
        "Dockerfile": DOCKERFILE, "deploy.sh": f"export KEY={VALUE}\n", "settings.env": "DB_PASSWORD=correct-horse\n",
        "advisories/A.json": advisory("PYSEC-1", "jinja2", "PyPI", "2.10.1"), "advisories/B.json": advisory("DSA-1", "openssl", "Debian:12", "99"),
    })  # fmt: skip
    subprocess.run([sys.executable, "-m", "trimtab", "build", "-q"], cwd=folder, check=True, capture_output=True, timeout=600)
    return folder


def test_what_an_image_holds_and_hides(app: Path) -> None:
    code, data, said = call(app, "scan", "--advisories", "advisories", "--type", "vulns", "--type", "secrets")
    assert code == 1
    (image,) = [each for each in data["targets"] if each["kind"] == "image"]
    assert image["distro"] == "debian 12"
    found = {each["id"]: each for each in image["vulnerabilities"]}
    assert found["PYSEC-1"]["upgrade"] == "2.10.1"
    assert found["DSA-1"]["source_package"] == "openssl"
    assert found["PYSEC-1"]["layer"] > found["DSA-1"]["layer"]
    secrets = {(each["where"], each["hidden"]) for each in image["secrets"]}
    assert {("/app/deploy.sh", True), ("/app/settings.env", False), ("History.NPM_TOKEN", False)} <= secrets
    kept = b"".join(path.read_bytes() for path in (app / ".trimtab").rglob("*") if path.is_file())
    for value in (VALUE, "correct-horse", "tok-0123456789"):
        assert value not in said
        assert value.encode() not in kept


def test_the_inventory_is_what_dpkg_and_pip_say(app: Path) -> None:
    call(app, "scan", "--type", "vulns", "--offline", "--write-sbom", "bills")
    bill = json.loads((app / "bills" / "leaky-app-1.cdx.json").read_text())
    packages = [each for each in bill["components"] if each["type"] == "library"]
    ours = {(each["purl"].partition(":")[2].partition("/")[0], each["name"], each["version"]) for each in packages}
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"]
    dpkg = subprocess.run(["docker", "run", "--rm", "leaky-app:1", *query], capture_output=True, text=True, check=True).stdout
    assert {(name, version) for kind, name, version in ours if kind == "deb"} == {
        tuple(line.split()) for line in dpkg.splitlines()
    }
    listed = ["docker", "run", "--rm", "leaky-app:1", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    pip = json.loads(subprocess.run(listed, capture_output=True, text=True, check=True).stdout)
    theirs = {(each["name"].lower().replace("_", "-"), each["version"]) for each in pip}
    assert theirs <= {(name, version) for kind, name, version in ours if kind == "pypi"}


def test_both_stores_give_the_same(app: Path, second: SecondEngine) -> None:
    _, first, _ = call(app, "scan", "--advisories", "advisories", "--type", "vulns", "--type", "secrets")
    with subprocess.Popen(["docker", "save", "leaky-app:1"], stdout=subprocess.PIPE) as saved:
        subprocess.run(["docker", "load"], stdin=saved.stdout, env=second.environment, check=True, capture_output=True)
    words = ("scan", "--advisories", "advisories", "--type", "vulns", "--type", "secrets")
    _, other, _ = call(app, *words, env=second.environment)
    for data in (first, other):
        for target in data["targets"]:
            target.pop("image")
    assert first["targets"] == other["targets"]


def test_waiting_updates_with_their_numbers(tmp_path: Path) -> None:
    """An image with an older openssl than its own lists offer; the lists say what is newer, the changelog which CVEs."""
    oldest = "apt-cache madison openssl | awk '{print $3}' | sort -uV | head -n 1"
    text = f"FROM {BASE}\nRUN apt-get -qq update && v=$({oldest}) && apt-get install -y -qq --allow-downgrades openssl=$v libssl3=$v\n"
    write(tmp_path, {"Dockerfile": text, "advisories/B.json": advisory("DSA-1", "x", "Debian:12", "99")})
    subprocess.run(["docker", "build", "-q", "-t", "stale-app:1", "."], cwd=tmp_path, check=True, capture_output=True)
    _, data, _ = call(tmp_path, "scan", "--type", "vulns", "--image", "stale-app:1", "--advisories", "advisories", "--pending")
    assert not [each for each in data["not_checked"] if each["what"].startswith("pending")]
    pending = {each["package"]: each for each in data["targets"][0]["pending"]}
    assert {"openssl", "libssl3"} <= pending.keys()
    assert pending["openssl"]["installed"] != pending["openssl"]["offered"]
    assert pending["libssl3"]["ids"], "the changelog names what was mended since"
    assert (
        subprocess.run(
            ["docker", "ps", "-aq", "--filter", "ancestor=stale-app:1"], capture_output=True, text=True, check=True
        ).stdout
        == ""
    )


@pytest.mark.parametrize(
    ("sources", "why"), [("deb http://127.0.0.1:9/debian bookworm main", "failed to download"), ("", "no sources")]
)
def test_lists_that_cannot_be_reached_are_not_nothing_waiting(sources: str, why: str, tmp_path: Path) -> None:
    """apt-get ends with 0 there."""
    text = (
        f"FROM {BASE}\nRUN rm -rf /etc/apt/sources.list.d/* /var/lib/apt/lists/* && echo '{sources}' > /etc/apt/sources.list\n"
    )
    write(tmp_path, {"Dockerfile": text, "advisories/B.json": advisory("DSA-1", "x", "Debian:12", "99")})
    subprocess.run(["docker", "build", "-q", "-t", "listless-app:1", "."], cwd=tmp_path, check=True, capture_output=True)
    words = ("scan", "--type", "vulns", "--image", "listless-app:1", "--advisories", "advisories", "--pending")
    _, data, _ = call(tmp_path, *words)
    assert data["targets"][0]["pending"] is None
    assert [why in each["reason"] for each in data["not_checked"] if each["what"].startswith("pending")] == [True]


def test_an_image_that_is_not_there_is_not_checked(app: Path) -> None:
    code, data, _ = call(app, "scan", "--type", "vulns", "--image", "nobody/built:this", "--advisories", "advisories")
    assert code == 2
    assert data["outcome"] == "incomplete"
    assert "no such image" in data["not_checked"][0]["reason"]


def test_a_gate_holds_the_scan_against_the_image_that_is_there(app: Path) -> None:
    call(app, "scan", "--advisories", "advisories")
    _, data, _ = call(app, "gate")
    moved = [each for each in data["checks"] if each["limit"].startswith("the scanned image")]
    assert moved == []
    (app / "settings.env").write_text("A=1\n")
    subprocess.run([sys.executable, "-m", "trimtab", "build", "-q"], cwd=app, check=True, capture_output=True, timeout=600)
    code, data, _ = call(app, "gate")
    assert code == 1
    (moved,) = [each for each in data["checks"] if each["limit"].startswith("the scanned image")]
    assert (moved["subject"], moved["state"]) == ("leaky-app:1", "not checked")
    budget = "[gate]\nimage-size = '1kB'\n"
    (app / "trimtab.toml").write_text(budget)
    _, data, _ = call(app, "gate")
    assert [each["state"] for each in data["checks"] if each["gate"] == "image-size"] == ["failed"]


SERVER = """\
import http.server, jinja2
{check}
http.server.ThreadingHTTPServer(("", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_an_upgrade_is_kept_where_the_service_gets_along_with_it(tmp_path: Path) -> None:
    """The smallest version that clears the vulnerability, proven: one service starts with it, the other refuses to."""
    probe = "{test: [CMD, python3, -c, \"import urllib.request as u; u.urlopen('http://127.0.0.1:8000')\"], interval: 1s}"
    dockerfile = (
        f"FROM {PYTHON}\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY app.py .\nUSER 1000\n"
        'CMD ["python3", "app.py"]\n'
    )
    files = {
        "trimtab.toml": "advisories = 'advisories'\n",
        "compose.yaml": f"services:\n  good: {{build: good, healthcheck: {probe}}}\n  picky: {{build: picky, healthcheck: {probe}}}\n",
        "advisories/A.json": advisory("CVE-2024-22195", "jinja2", "PyPI", "3.1.3"),
    }
    for name, check in (("good", ""), ("picky", "assert jinja2.__version__ == '3.1.2'")):
        files |= {
            f"{name}/Dockerfile": dockerfile, f"{name}/requirements.txt": "jinja2==3.1.2\n",
            f"{name}/app.py": SERVER.format(check=check),
        }  # fmt: skip
    write(tmp_path, files)
    code, data, said = call(tmp_path, "optimize", "--select", "DF215", "--quick", "--apply", "--allow-dirty")
    assert code in {0, 1}, said
    verdicts = {each["path"]: each["verdict"] for each in data["files"]}
    assert verdicts == {"good/requirements.txt": "accepted", "picky/requirements.txt": "rejected"}
    assert (tmp_path / "good/requirements.txt").read_text() == "jinja2==3.1.3\n"
    assert (tmp_path / "picky/requirements.txt").read_text() == "jinja2==3.1.2\n"


def test_a_base_that_its_tag_has_left_behind_is_moved_with_proof(second: SecondEngine, tmp_path: Path) -> None:
    """The registry has another image under the tag by now: the pinned base moves to it when the service still runs."""
    name = "127.0.0.1:5000/moving:1"

    def pushed(text: str) -> str:
        write(tmp_path / text, {"Dockerfile": f"FROM {BASE}\nRUN echo {text} > /etc/moved\n"})
        second.docker("build", "-q", "-t", name, str(tmp_path / text))
        second.docker("push", "-q", name)
        return second.docker("image", "inspect", "--format", "{{(index .RepoDigests 0)}}", name).partition("@")[2]

    old, new = pushed("old"), pushed("new")
    assert old != new
    second.docker("pull", "-q", f"{name.rpartition(':')[0]}@{old}")
    dockerfile = 'FROM {}\nRUN echo own > /own\nUSER 1000\nCMD ["sleep", "1000"]\n'
    files = {"app/Dockerfile": dockerfile.format(f"{name}@{old}"), "compose.yaml": "services:\n  app: {build: app}\n"}
    folder = tmp_path / "fleet"
    write(folder, files)
    words = ["optimize", "--pin", "--select", "DF006", "--quick", "--apply", "--allow-dirty", "--format", "json"]
    # The second engine's disk is smaller than what experiments ask for, and large enough for this one.
    program = (
        "import sys, trimtab.verify.laboratory as place; place.LEAST_FREE = 10**9\nfrom trimtab.cli.app import main; main()"
    )
    argv = ["nsenter", f"--net=/run/netns/{NAMESPACE}", sys.executable, "-c", program, *words]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False, env=second.environment, timeout=600)
    (found,) = json.loads(done.stdout)["files"]
    assert found["verdict"] == "accepted", (found["reason"], done.stderr)
    assert (folder / "app/Dockerfile").read_text() == dockerfile.format(f"{name}@{new}")
