"""`trimtab ui`: the report served, kept up to date, and closed to everybody else."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsing import chromium, shown
from kept_fleet import at, fill, write_files

from trimtab.cli.ui import Door, changes
from trimtab.errors import UsageError
from trimtab.history import BuildRow, FleetBuildRow, open_store

pytestmark = pytest.mark.xdist_group("browser")
PROGRAM = """import sys
from pathlib import Path
from trimtab.cli.options import Common, RuleChoice
from trimtab.cli.ui import ui
how = Common(quiet=sys.argv[3] == "quiet")
sys.exit(ui(Path(sys.argv[1]), listen=sys.argv[2], open_=sys.argv[3] == "open", choice=RuleChoice(offline=True), common=how))
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fleet")
    write_files(root, 5)
    fill(root, 5)
    return root


@contextmanager
def served(fleet: Path, listen: str = "127.0.0.1:0", how: str = "loud") -> Generator[tuple[subprocess.Popen[str], int, str]]:
    """The process, its port, and what it said."""
    command = [sys.executable, "-c", PROGRAM, str(fleet), listen, how]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            found = re.search(r":(\d+)/", said)
            assert found, said
            yield process, int(found[1]), said
        finally:
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(timeout=60) == 0
            finally:
                process.kill()


def ask(
    port: int, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> tuple[int, Mapping[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        connection.close()


def test_pages_are_served_and_nothing_else(fleet: Path) -> None:
    with served(fleet) as (_, port, said):
        assert said == f"serving http://127.0.0.1:{port}/ until Ctrl-C\n"
        status, headers, page = ask(port, "/")
        assert status == 200
        assert '<script src="/live.js" defer>' in page
        assert "script-src &#39;self&#39;" in page
        assert "No build, proof or deployment is at work." in page
        assert headers["Content-Security-Policy"].startswith("frame-ancestors 'none'")
        assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")
        assert ask(port, "/live.js")[1]["Content-Type"].startswith("text/javascript")
        assert ask(port, "/runs/opt-1/evidence.html")[2] == "<p>x"
        for path in (
            "/history.db",
            "/runs/opt-1/evidence.json",
            "/runs/../history.db",
            "/runs/%2e%2e/evidence.html",
            "/runs/none/build.html",
        ):
            assert ask(port, path)[0] == 404
        for method in ("POST", "PUT", "DELETE"):
            assert ask(port, "/", method=method)[0] == 501


def test_a_name_that_somebody_made_point_here_is_turned_away(fleet: Path) -> None:
    with served(fleet) as (_, port, _):
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1:{port + 1}", ""):
            assert ask(port, "/", {"Host": host})[0] == 421
        for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
            assert ask(port, "/live.js", {"Host": host})[0] == 200


def test_where_others_can_reach_it_a_token_is_asked_for(fleet: Path) -> None:
    with served(fleet, "0.0.0.0:0", "quiet") as (process, port, said):
        token = said.split("token=")[1].split()[0]
        assert len(token) >= 40
        for path in ("/", "/events", "/live.js", "/runs/opt-1/evidence.html", "/?token=wrong", f"/?token={token[:-1]}"):
            status, _, text = ask(port, path)
            assert status == 401
            assert token not in text
        status, headers, _ = ask(port, f"/?token={token}")
        assert (status, headers["Location"]) == (303, "/")
        assert "HttpOnly; SameSite=Strict" in headers["Set-Cookie"]
        cookie = headers["Set-Cookie"].split(";")[0]
        assert ask(port, "/", {"Cookie": cookie})[0] == 200
        assert ask(port, "/", {"Cookie": "trimtab=wrong"})[0] == 401
        assert ask(port, "/", {"Cookie": cookie, "Host": f"evil.example:{port}"})[0] == 421
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert process.stderr.read() == "", "neither a request nor the token is logged"


def test_the_browser_that_is_opened_gets_a_token_for_once(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    with served(fleet, "0.0.0.0:0", "open") as (_, port, said):
        # Whoever is answered was so after the browser was started.
        assert ask(port, "/live.js")[0] == 401
        opened = (tmp_path / "opened").read_text().strip()
        token = said.split("token=")[1].split()[0]
        assert opened.startswith(f"http://0.0.0.0:{port}/?token=")
        assert token not in opened
        path = opened.removeprefix(f"http://0.0.0.0:{port}")
        status, headers, _ = ask(port, path)
        assert (status, headers["Location"]) == (303, "/")
        assert ask(port, "/live.js", {"Cookie": headers["Set-Cookie"].split(";")[0]})[0] == 200
        assert ask(port, path)[0] == 401
        assert ask(port, "/live.js", {"Cookie": f"trimtab={path.partition('=')[2]}"})[0] == 401
        assert ask(port, f"/?token={token}")[0] == 303


def test_a_door_knows_its_own_names() -> None:
    own = Door("::1", "", 80)
    assert own.names_us("[::1]")
    assert own.names_us("localhost:80")
    assert not own.names_us("[::1]:81")
    wide = Door("0.0.0.0", "secret", 9466)
    assert wide.names_us("192.0.2.7:9466")
    assert wide.names_us(f"{socket.gethostname()}:9466")
    assert not wide.names_us("elsewhere.example:9466")
    assert wide.knows("secret")
    assert not wide.knows("secreT")
    assert not wide.knows(None)
    named = Door("build.lan", "secret", 9466)
    assert named.names_us("Build.lan:9466")
    assert not named.names_us("elsewhere.lan:9466")
    assert "secret" not in repr(wide)


@pytest.mark.parametrize(("listen", "words"), [("nowhere", "no address"), ("127.0.0.1:http", "no address")])
def test_what_cannot_be_served_is_said(fleet: Path, listen: str, words: str) -> None:
    from trimtab.cli.ui import ui

    with pytest.raises(UsageError, match=words):
        ui(fleet, listen=listen)
    with pytest.raises(UsageError, match="is no folder"):
        ui(fleet / "none")


def test_each_change_of_the_history_is_told(tmp_path: Path) -> None:
    database = tmp_path / ".trimtab" / "history.db"
    looks = 0

    def wait(seconds: float) -> None:
        """Time in which something happens: first there is a history, then somebody writes, and then nothing for long."""
        nonlocal looks
        looks += 1
        if looks in {3, 5}:
            store = open_store(tmp_path)
            store.keep_proof("key", str(looks))
            store.close()

    events = changes(database, wait)
    assert [next(events) for _ in range(3)] == [
        b"event: changed\ndata: begin\n\n", b"event: changed\ndata: history\n\n", b": alive\n\n",
    ]  # fmt: skip


def test_what_is_at_work_appears_and_goes_while_one_looks(fleet: Path) -> None:
    with served(fleet) as (process, port, _), chromium() as browser, shown(browser, f"http://127.0.0.1:{port}/") as seen:
        seen.page.wait_for_function("document.documentElement.dataset.live === 'yes'")
        seen.page.get_by_text("The images as a table").click()
        store = open_store(fleet)
        try:
            store.ledger.begin(FleetBuildRow("live-1", at(0), None, os.getpid(), 2, None, "default", 7))
            seen.page.get_by_text("0 of 7 targets ended").wait_for()
            store.ledger.add(BuildRow("live-1", "auth", "auth", "default", None, at(0), 0, 1, 1, "built"))
            seen.page.get_by_text("1 of 7 targets ended").wait_for()
            assert seen.page.get_by_role("table", name="Images, the largest first").is_visible(), "what was unfolded stays so"
            assert seen.audit() == []
            store.ledger.end("live-1", seconds=1, busy=1, bound=1, peak_memory=None, outcome="done")
            seen.page.get_by_text("No build, proof or deployment is at work.").wait_for()
            run = f"live-{os.getpid()}"
            store.begin(run, "optimize")
            store.doing(run, {"auth/Dockerfile": ("", "building the original"), "web/Dockerfile": ("", "waiting")})
            seen.page.get_by_text("0 of 2 files decided").wait_for()
            store.doing(run, {"auth/Dockerfile": ("rejected", ""), "web/Dockerfile": ("", "comparing the images")})
            seen.page.get_by_text("1 of 2 files decided: 1 rejected").wait_for()
            seen.page.get_by_text("web/Dockerfile: comparing the images").wait_for()
            assert not seen.page.get_by_text("auth/Dockerfile: building").is_visible()
            assert seen.audit() == []
            store.end(run, "done")
            seen.page.get_by_text("No build, proof or deployment is at work.").wait_for()
        finally:
            store.close()
        assert seen.said == []
        assert {address.split("/")[2] for address in seen.asked} == {f"127.0.0.1:{port}"}
        # Somebody who follows keeps nothing from ending.
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
