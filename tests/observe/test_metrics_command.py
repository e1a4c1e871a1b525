"""`trimtab metrics`: to a file at once, or served on this machine alone."""

import http.client
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_text import read_text
from test_metrics import API

from trimtab.cli.app import run
from trimtab.cli.metrics import metrics
from trimtab.cli.options import Common
from trimtab.errors import UsageError
from trimtab.history import open_store

PROGRAM = "import sys\nfrom pathlib import Path\nfrom trimtab.cli.metrics import metrics\nsys.exit(metrics(Path(sys.argv[1]), listen=sys.argv[2]))"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    store = open_store(tmp_path)
    store.usage.note([API])
    store.close()
    return tmp_path


def test_they_go_to_standard_output_and_are_what_the_history_knows(fleet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert metrics(fleet) == 0
    found = read_text(capsys.readouterr().out)
    assert found["trimtab_container_oom_kills_total"].value(service="api") == 2


def test_a_text_file_is_replaced_whole(fleet: Path) -> None:
    place = fleet / "out" / "shop.prom"
    assert metrics(fleet, textfile=place) == 0
    before = place.stat().st_ino
    store = open_store(fleet)
    store.usage.note([replace(API, ooms=5)])
    store.close()
    assert metrics(fleet, textfile=place) == 0
    assert read_text(place.read_text())["trimtab_container_oom_kills_total"].value() == 7
    assert place.stat().st_ino != before
    assert [each.name for each in place.parent.iterdir()] == ["shop.prom"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"textfile": "x.txt"}, "end in `.prom`"),
        ({"listen": "0.0.0.0:9464"}, "could be read by others"),
        ({"listen": "[::]:9464"}, "could be read by others"),
        ({"listen": "nowhere"}, "no address"),
        ({"listen": "127.0.0.1:http"}, "no address"),
        ({"listen": "build.lan:80"}, "could be read by others"),
        ({"listen": "127.0.0.1:1", "textfile": "x.prom"}, "name one"),
    ],
)
def test_what_cannot_be_done_is_said(fleet: Path, options: dict[str, str], words: str) -> None:
    file = Path(options["textfile"]) if "textfile" in options else None
    with pytest.raises(UsageError, match=words):
        metrics(fleet, textfile=file, listen=options.get("listen", ""), common=Common())


def test_a_folder_without_a_history_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trimtab observe"):
        metrics(tmp_path)
    assert not (tmp_path / ".trimtab").exists()


def get(port: int, path: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_they_are_served_anew_for_each_request_until_it_is_ended(fleet: Path, end: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(fleet), "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = int(said.split("127.0.0.1:")[1].split("/")[0])
        status, kind, text = get(port, "/metrics")
        assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert read_text(text)["trimtab_container_oom_kills_total"].value() == 2
        store = open_store(fleet)
        store.usage.note([API])
        store.close()
        assert read_text(get(port, "/metrics?again")[2])["trimtab_container_oom_kills_total"].value() == 4
        assert get(port, "/history.db")[0] == 404
        (fleet / ".trimtab" / "history.db").write_bytes(b"no database" * 100)
        status, _, text = get(port, "/metrics")
        assert status == 503
        assert "no usable database" in text
        process.send_signal(end)
        assert process.wait(timeout=30) == 0


def test_what_is_served_may_begin_before_what_it_tells_of(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().split("127.0.0.1:")[1].split("/")[0])
        status, _, text = get(port, "/metrics")
        assert (status, "trimtab observe" in text) == (503, True)
        assert not (tmp_path / ".trimtab").exists()
        store = open_store(tmp_path)
        store.usage.note([API])
        store.close()
        assert get(port, "/metrics")[0] == 200
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_a_scan_that_could_ask_nobody_neither_finds_nothing_nor_hides_what_one_before_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fleet, advisories = tmp_path / "shop", tmp_path / "osv"
    fleet.mkdir()
    advisories.mkdir()
    (fleet / "requirements.txt").write_text("flask==1.0\n")
    (fleet / "Dockerfile").write_text("FROM scratch\nCOPY requirements.txt /\n")
    old = {"id": "A-1", "modified": "2020-01-01T00:00:00Z", "affected": [{"package": {"name": "x", "ecosystem": "PyPI"}}]}
    (advisories / "A-1.json").write_text(json.dumps(old))
    words = ["scan", str(fleet), "--no-images", "-q", "--type", "vulns"]
    told: list[tuple[bool, bool]] = []
    for more in (["--offline"], ["--advisories", str(advisories)], ["--offline"]):
        run([*words, *more])
        capsys.readouterr()
        assert metrics(fleet) == 0
        text = capsys.readouterr().out
        times = re.findall(r"trimtab_scan_vulnerabilities_timestamp_seconds\{.*\} (.*)", text)
        assert times, text
        told.append(("trimtab_scan_vulnerabilities{" in text, set(times) == {"0"}))
    assert told == [(False, True), (True, False), (True, False)]
