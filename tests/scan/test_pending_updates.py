"""What package managers say of waiting updates, as recorded, and what the changelogs name."""

import getpass
import gzip
import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which

import anyio
import pytest

from trimtab.docker import Command, Completed
from trimtab.scan.packages import Distro
from trimtab.scan.pending import CannotAsk, pending_updates
from trimtab.scan.result import Pending

APT = """\
Inst libssl3 [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64]) []
Inst tzdata [2025a-0+deb12u1] (2026a-0+deb12u1 Debian:12.12/oldstable [all])
=changelogs
=package libssl3
openssl (3.0.22-1~deb12u2) bookworm-security; urgency=medium

  * CVE-2026-11111 (a thing)
  * Fixes: CVE-2026-11112, CVE-2026-11113

 -- Somebody <x@example.com>  Mon, 01 Jun 2026 00:00:00 +0000

openssl (3.0.20-1~deb12u1) bookworm; urgency=medium

  * CVE-2026-10000

openssl (3.0.19-1~deb12u2) bookworm-security; urgency=medium

  * CVE-2025-99999 is older than what is installed
=package tzdata
"""
APK = "libssl3-3.3.2-r0 3.3.2-r1\nmusl-utils-1.2.5-r0   1.2.5-r2\n=unknown\n"
DEBIAN, ALPINE = Distro("debian", "12"), Distro("alpine", "3.20")


class Engine:
    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        self.commands: list[tuple[str, ...]] = []

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        self.commands.append(command.argv)
        return Completed(command.argv, self.code, self.text.encode(), "W: ignored\nE: no route\n")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        raise AssertionError(command.argv)


def asked(engine: Engine, distro: Distro | None) -> tuple[Pending, ...]:
    return anyio.run(pending_updates, engine, "app", distro, "run")


def test_debian_with_the_numbers_of_newer_entries_only() -> None:
    engine = Engine(0, APT)
    ids = ("CVE-2026-10000", "CVE-2026-11111", "CVE-2026-11112", "CVE-2026-11113")
    assert asked(engine, DEBIAN) == (
        Pending("libssl3", "3.0.19-1~deb12u2", "3.0.22-1~deb12u2", security=True, ids=ids),
        Pending("tzdata", "2025a-0+deb12u1", "2026a-0+deb12u1", security=False, ids=()),
    )
    (argv,) = engine.commands
    assert argv[:2] == ("docker", "run")
    assert "--rm" in argv
    assert argv[argv.index("--network") + 1] == "bridge"


def test_alpine() -> None:
    assert asked(Engine(0, APK), ALPINE) == (
        Pending("libssl3", "3.3.2-r0", "3.3.2-r1", security=False, ids=()),
        Pending("musl-utils", "1.2.5-r0", "1.2.5-r2", security=False, ids=()),
    )


def test_none_waiting() -> None:
    assert asked(Engine(0, "=changelogs\n"), DEBIAN) == ()


def test_lists_that_do_not_come_are_not_nothing_waiting() -> None:
    with pytest.raises(CannotAsk, match="E: no route"):
        asked(Engine(100, ""), DEBIAN)


WARNED = "W: Failed to fetch http://deb.example/InRelease  Temporary failure resolving 'deb.example'"


@pytest.mark.parametrize(("said", "ends"), [(WARNED, 0), ("W: Some index files failed to download.", 0), ("E: no", 100)])
def test_an_update_that_reached_no_list_ends_the_script(said: str, ends: int, tmp_path: Path) -> None:
    """apt-get says it in a warning, and ends with 0."""
    engine = Engine(0, "=changelogs\n")
    asked(engine, DEBIAN)
    (argv,) = engine.commands
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\ncase "$*" in *update*) echo "{said}" >&2; exit {ends};; esac\n')
    apt.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(["/bin/sh", "-c", argv[-1]], env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 100
    assert done.stderr.strip() == said
    assert "=changelogs" not in done.stdout


def alpine_says(folder: Path, update: str, version: str, repositories: str = "https://alpine.example/main\n") -> Completed:
    """What the script for Alpine says where apk behaves as given."""
    engine = Engine(0, APK)
    asked(engine, ALPINE)
    (argv,) = engine.commands
    (folder / "repositories").write_text(repositories)
    apk = folder / "apk"
    apk.write_text(f'#!/bin/sh\ncase "$1" in\nupdate) {update};;\n*) {version};;\nesac\n')
    apk.chmod(0o755)
    script = argv[-1].replace("/etc/apk/", f"{folder}/")
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=False)
    return Completed(("sh",), done.returncode, done.stdout.encode(), done.stderr)


WAITING = 'case "$4" in "<") echo "Installed: Available:"; echo "zlib-1.3-r0  < 1.3-r1";; *) echo "Installed: Available:"; {unknown}; esac'


def test_alpine_is_read_as_apk_writes_it(tmp_path: Path) -> None:
    done = alpine_says(tmp_path, "echo OK: 9 packages", WAITING.format(unknown='echo ".build-deps-0 ? "'))
    assert done.code == 0
    assert asked(Engine(0, done.text + "\n"), ALPINE) == (Pending("zlib", "1.3-r0", "1.3-r1", security=False, ids=()),)


@pytest.mark.parametrize(
    ("update", "version", "told"),
    [
        ("echo 'WARNING: Ignoring /media/cdrom: No such file or directory'; echo 'OK: 9 packages'", "true", "/media/cdrom"),
        ("echo 'WARNING: updating https://alpine.example/main: no route'; exit 1", "true", "no route"),
        ("echo 'ERROR: Unable to lock database: Permission denied'; exit 99", "true", "Permission denied"),
        ("true", "echo 'ERROR: database is damaged' >&2; exit 99", "database is damaged"),
    ],
)
def test_alpine_that_refuses_is_not_nothing_waiting(update: str, version: str, told: str, tmp_path: Path) -> None:
    done = alpine_says(tmp_path, update, version)
    assert done.code != 0
    assert told in done.stderr


def test_packages_in_no_repository_are_not_nothing_waiting(tmp_path: Path) -> None:
    done = alpine_says(tmp_path, "true", WAITING.format(unknown='echo "tini-0.1-r0   ? "; echo "own-1-r0 ?"'))
    with pytest.raises(
        CannotAsk, match=r"2 packages are in none of the image's repositories \(tini-0.1-r0, own-1-r0\)"
    ) as caught:
        asked(Engine(0, done.text + "\n"), ALPINE)
    assert [each.package for each in caught.value.found] == ["zlib"]


@pytest.mark.parametrize("distro", [None, Distro("plan9", "4")])
def test_what_cannot_be_asked_is_said(distro: Distro | None) -> None:
    with pytest.raises(CannotAsk):
        asked(Engine(0, ""), distro)


def test_output_that_was_cut_off_is_not_nothing_waiting() -> None:
    with pytest.raises(CannotAsk, match="broke off"):
        asked(Engine(0, "Inst libssl3 [1] (2 Debian:12 [amd64])\n"), DEBIAN)


CONTROL = "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.com>\n{more}Description: x\n"
LOG = (
    "{name} (1.1) stable; urgency=medium\n\n  * CVE-2026-{number}\n\n -- x <x@example.com>  Mon, 01 Jun 2026 00:00:00 +0000\n\n"
    "{name} (1.0) stable; urgency=low\n\n  * CVE-2020-1111\n"
)


def debian_says(folder: Path, installed: str) -> Completed:
    """What the script for Debian says where `apt-get` itself looks at these packages and at a folder of newer ones."""
    for number, (name, log) in enumerate(
        {"demo": "changelog.Debian.gz", "held": "changelog.Debian.gz", "own": "changelog.gz"}.items()
    ):
        tree, text = folder / name, CONTROL.format(name=name, version="1.1", more="")
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(text)
        documents = tree / "usr/share/doc" / name
        documents.mkdir(parents=True)
        (documents / log).write_bytes(gzip.compress(LOG.format(name=name, number=1000 + number).encode()))
        (folder / "repository").mkdir(exist_ok=True)
        package = folder / "repository" / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--build", str(tree), str(package)], check=True, capture_output=True)
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
        entry = f"Filename: ./{name}.deb\nSize: {package.stat().st_size}\nSHA256: {digest}\n"
        with (folder / "repository" / "Packages").open("a") as index:
            index.write(CONTROL.format(name=name, version="1.1", more=entry) + "\n")
    root = folder / "root"
    for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (root / name).mkdir(parents=True)
    (root / "status").write_text(installed)
    (root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] file:{folder}/repository ./\n")
    user = getpass.getuser()
    (folder / "apt.conf").write_text(f'Dir "{root}";\nDir::State::status "{root}/status";\nAPT::Sandbox::User "{user}";\n')
    engine = Engine(0, APT)
    asked(engine, DEBIAN)
    script = engine.commands[0][-1].replace("/var/lib/apt/lists", f"{root}/var/lib/apt/lists")
    environment = os.environ | {"APT_CONFIG": f"{folder}/apt.conf"}
    done = subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    return Completed(("sh",), done.returncode, done.stdout.encode(), done.stderr)


has_apt = pytest.mark.skipif(not (which("apt-get") and which("dpkg-deb")), reason="apt-get is Debian's")


@has_apt
def test_what_is_held_back_waits_too_and_debians_own_programs_name_numbers(tmp_path: Path) -> None:
    states = {"demo": "install", "held": "hold", "own": "install"}
    texts = (CONTROL.format(name=name, version="1.0", more=f"Status: {each} ok installed\n") for name, each in states.items())
    done = debian_says(tmp_path, "\n".join(texts))
    assert done.code == 0, done.stderr
    found = {each.package: each.ids for each in asked(Engine(0, done.text + "\n"), DEBIAN)}
    assert found == {"demo": ("CVE-2026-1000",), "held": ("CVE-2026-1001",), "own": ("CVE-2026-1002",)}


@has_apt
def test_an_upgrade_that_cannot_be_worked_out_is_not_nothing_waiting(tmp_path: Path) -> None:
    more = "Status: install ok installed\nDepends: not-there\n"
    done = debian_says(tmp_path, CONTROL.format(name="demo", version="1.0", more=more))
    assert done.code == 100
    assert "Unmet dependencies" in done.stderr
