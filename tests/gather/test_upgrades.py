"""Upgrades of pinned and locked packages, with advisories from files and a registry on the loopback."""

import json
import threading
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest

from trimtab.fleet import DiskTree, Fleet, Policy, discover
from trimtab.gather.node_releases import allows
from trimtab.gather.upgrades import NONE, Upgrades, find_upgrades


@pytest.fixture
def registry() -> Generator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            dist = {"tarball": "https://example.com/ms/-/ms-2.1.3.tgz", "integrity": "sha512-new"}
            found = self.path in {"/ms", "/@s/ms"}
            content = json.dumps({"versions": {"2.1.3": {"dist": dist}}} if found else {}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def advisory(name: str, package: str, ecosystem: str, fixed: str) -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    part = {"package": {"name": package, "ecosystem": ecosystem}, "ranges": ranges}
    return {"id": name, "modified": datetime.now(UTC).isoformat(), "affected": [part]}


@pytest.fixture
def fleet(tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "fleet"
    (root / "advisories").mkdir(parents=True)
    for each in (
        advisory("A-1", "jinja2", "PyPI", "3.1.3"),
        advisory("B-2", "ms", "npm", "2.1.3"),
        advisory("C-3", "@s/ms", "npm", "2.1.3"),
    ):
        (root / "advisories" / f"{each['id']}.json").write_text(json.dumps(each))
    (root / "requirements.txt").write_text("jinja2==3.1.2\nflask==3.0\n")
    entries = {
        "": {"dependencies": {"ms": "^2.1.0", "@s/ms": "2.1.2"}},
        "node_modules/ms": {"version": "2.1.2", "resolved": f"{registry}/ms/-/ms-2.1.2.tgz", "integrity": "x"},
        "node_modules/@s/ms": {"version": "2.1.2", "resolved": f"{registry}/@s/ms/-/ms-2.1.2.tgz", "integrity": "x"},
    }
    (root / "package-lock.json").write_text(json.dumps({"lockfileVersion": 3, "packages": entries}))
    return replace(discover(DiskTree(root)), policy=Policy(advisories="advisories"))


def found(fleet: Fleet, root: Path, *, offline: bool = False) -> Upgrades:
    async def ask() -> Upgrades:
        return await find_upgrades(fleet, root, offline=offline)

    return anyio.run(ask)


def test_both_kinds(fleet: Fleet, tmp_path: Path) -> None:
    upgrades = found(fleet, tmp_path / "fleet")
    (pinned,) = upgrades.pinned.items()
    assert pinned[0] == ("requirements.txt", "jinja2", "3.1.2")
    assert (pinned[1].to, pinned[1].ids) == ("3.1.3", ("A-1",))
    plain, scoped = (upgrades.locked["package-lock.json", name, "2.1.2"] for name in ("ms", "@s/ms"))
    assert plain.to is not None
    assert (plain.to.version, plain.to.integrity, plain.allowed_by) == ("2.1.3", "sha512-new", {"^2.1.0"})
    assert scoped.to is not None
    assert scoped.allowed_by == frozenset(), "it is asked for at one version"


def test_offline_no_registry_is_asked(fleet: Fleet, tmp_path: Path) -> None:
    upgrades = found(fleet, tmp_path / "fleet", offline=True)
    assert {each.to for each in upgrades.locked.values()} == {None}
    assert len(upgrades.pinned) == 1


@pytest.mark.parametrize("named", [None, "nowhere", "osv"])
def test_without_advisories_nothing_is_known(named: str | None, fleet: Fleet, tmp_path: Path) -> None:
    policy = Policy(advisories=named)
    assert found(replace(fleet, policy=policy), tmp_path, offline=True) == NONE


@pytest.mark.parametrize(
    ("wanted", "version", "answer"),
    [
        ("^2.1.0", "2.1.3", True),
        ("2.1.3", "2.1.3", True),
        ("2.1.2", "2.1.3", False),
        ("latest", "2.1.3", False),
        ("npm:x@^2", "2.1.3", False),
        ("^1.0.0", "2.0.0-beta", False),
        (">1", "1.5.0", False),
        ("^1.0.0 || ^2.0.0", "2.1.3", True),
        (">=1.0.0 <3.0.0", "2.1.3", True),
    ],
)
def test_ranges(wanted: str, version: str, answer: bool) -> None:
    assert allows(wanted, version) is answer
