"""What is found in saved images: packages with their layers, credentials in every layer, and what could not be read."""

import json
import sqlite3
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
from samples import Files, digest_of, save_image

from trimtab.docker import Command, Completed
from trimtab.scan.inventory import Inventory, Observer
from trimtab.scan.packages import Package

DEBIAN = b'ID=debian\nVERSION_ID="12"\n'
SECRET = "AKIA" + "QYLPMN5HFIQR7XYA"  # in two parts, so that no scanner takes this file for a leak


def dpkg(*packages: tuple[str, str, str]) -> bytes:
    records = (f"Package: {n}\nStatus: install ok installed\nSource: {s}\nVersion: {v}\n" for n, v, s in packages)
    return "\n".join(records).encode()


class Engine:
    """An engine that knows images by the archives they were saved to."""

    def __init__(self, archives: Mapping[str, Path]) -> None:
        self.archives = archives
        self.saves: list[str] = []

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        raise AssertionError(command.argv)

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        self.saves.append(command.argv[-1])
        sink(self.archives[command.argv[-1]].read_bytes())
        return Completed(command.argv, 0, b"", "")


def read(tmp_path: Path, layers: list[tuple[str, Files]], config: Mapping[str, object] | None = None) -> Inventory:
    path = save_image(tmp_path / "image.tar", layers, config)
    return anyio.run(Observer().inventory, Engine({"app": path}), "app")


def named(inventory: Inventory, kind: str) -> list[str]:
    return [str(each) for each in inventory.packages if each.kind == kind]


def test_system_packages_with_their_sources_and_layers(tmp_path: Path) -> None:
    base = dpkg(("libc6", "2.36-9", "glibc"), ("gcc-12-base", "12.2-14", "gcc-12 (12.2.0-14)"))
    more = base + b"\n" + dpkg(("curl", "7.88-10", "curl"))
    found = read(
        tmp_path,
        [("base", {"etc/os-release": DEBIAN, "var/lib/dpkg/status": base}), ("RUN apt-get", {"var/lib/dpkg/status": more})],
    )
    assert [(each.name, each.source, each.layer) for each in found.packages] == [
        ("libc6", ("glibc", "2.36-9"), 0),
        ("gcc-12-base", ("gcc-12", "12.2.0-14"), 0),
        ("curl", ("curl", "7.88-10"), 1),
    ]
    assert {each.ecosystem for each in found.packages} == {"Debian:12"}


def test_distroless_keeps_a_file_for_each(tmp_path: Path) -> None:
    files = {"etc/os-release": DEBIAN, "var/lib/dpkg/status.d/libc6": dpkg(("libc6", "2.36-9", "glibc"))}
    assert named(read(tmp_path, [("base", files)]), "deb") == ["libc6 2.36-9"]


def test_alpine(tmp_path: Path) -> None:
    database = b"P:libssl3\nV:3.3.2-r1\no:openssl\nF:lib\nR:libssl.so.3\n\nP:musl\nV:1.2.5-r0\no:musl\n"
    found = read(tmp_path, [("base", {"etc/os-release": b"ID=alpine\nVERSION_ID=3.20.3\n", "lib/apk/db/installed": database})])
    assert [(each.advised, each.ecosystem) for each in found.packages] == [
        (("openssl", "3.3.2-r1"), "Alpine:v3.20"),
        (("musl", "1.2.5-r0"), "Alpine:v3.20"),
    ]


def rpm_header(name: str, version: str, release: str, epoch: int, source: str) -> bytes:
    strings = {1000: name, 1001: version, 1002: release, 1044: source}
    data, index = b"", b""
    for tag, value in strings.items():
        index += struct.pack(">IIII", tag, 6, len(data), 1)
        data += value.encode() + b"\0"
    data += b"\0" * (-len(data) % 4)
    index += struct.pack(">IIII", 1003, 4, len(data), 1)
    data += struct.pack(">I", epoch)
    return struct.pack(">II", len(strings) + 1, len(data)) + index + data


def test_rpm_with_an_epoch(tmp_path: Path) -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
    header = rpm_header("openssl-libs", "3.0.7", "27.el9", 1, "openssl-3.0.7-27.el9.src.rpm")
    database.execute("INSERT INTO Packages (blob) VALUES (?)", (header,))
    database.commit()
    files = {"etc/os-release": b'ID="rocky"\nVERSION_ID="9.4"\n', "var/lib/rpm/rpmdb.sqlite": database.serialize()}
    (only,) = read(tmp_path, [("base", files)]).packages
    assert only.advised == ("openssl", "1:3.0.7-27.el9")
    assert only.ecosystem == "Rocky Linux:9"


def test_an_older_rpm_database_is_told(tmp_path: Path) -> None:
    files = {"etc/os-release": b"ID=centos\nVERSION_ID=7\n", "var/lib/rpm/Packages": b"\0\x01"}
    found = read(tmp_path, [("base", files)])
    assert found.packages == ()
    assert "older format" in found.unread[0].reason


def test_languages_where_a_container_sees_them(tmp_path: Path) -> None:
    site = "usr/lib/python3.12/site-packages"
    layers: list[tuple[str, Files]] = [
        ("a", {f"{site}/flask-1.0.dist-info/METADATA": b"", "app/node_modules/x/package.json": b'{"version": "1.0.0"}'}),
        ("b", {f"{site}/.wh.flask-1.0.dist-info": b"", f"{site}/flask-2.0.dist-info/METADATA": b"", "app/node_modules/@s/y/package.json": json.dumps({"version": "2.0.0"}).encode()}),
    ]  # fmt: skip
    found = read(tmp_path, layers)
    assert named(found, "pypi") == ["flask 2.0"]
    assert named(found, "npm") == ["x 1.0.0", "@s/y 2.0.0"]
    assert [each.layer for each in found.packages] == [1, 0, 1]


def test_eggs(tmp_path: Path) -> None:
    site = "usr/lib/python3.8/site-packages"
    files: Files = {
        f"{site}/Foo_Bar-1.0-py3.8.egg/EGG-INFO/PKG-INFO": b"",
        f"{site}/Foo_Bar-1.0-py3.8.egg/foo.py": b"",
        f"{site}/zipped-2.0.post1-py3.8-linux-x86_64.egg": b"PK",
        f"{site}/old-3.0-py3.8.egg-info/PKG-INFO": b"",
        "app/eggs/built-4.0-py3.8.egg/EGG-INFO/PKG-INFO": b"",
    }
    found = read(tmp_path, [("a", files)])
    assert named(found, "pypi") == ["foo-bar 1.0", "zipped 2.0.post1", "old 3.0", "built 4.0"]


def test_yarn_without_node_modules(tmp_path: Path) -> None:
    read_by_node = (
        'const RAW_RUNTIME_STATE =\n\'{\\\n  "fallbackExclusionList": [["app", ["workspace:."]]],\\\n  "packageRegistryData": [\\\n'
        '    [null, [\\\n      [null, {\\\n        "packageLocation": "./",\\\n        "packageDependencies": [["a", "npm:1.0.0"]]}]\\\n'
        '    ]],\\\n    ["@s/a", [\\\n      ["npm:1.0.0", {"packageDependencies": [["short", ["real", "npm:9.0.0"]]]}],\\\n'
        '      ["virtual:0a1b#npm:2.0.0", {"packageDependencies": []}]\\\n    ]],\\\n'
        '    ["app", [["workspace:.", {}]]],\\\n    ["ts", [["patch:ts@npm%3A5.0.4#~builtin<compat/ts>::version=5.0.4", {}]]],\\\n'
        '    ["git", [["https://example.com/git.git#commit=0a", {}]]]\\\n  ]}\';\n'
    )
    first = "let packageInformationStores = new Map([\n  ['b', new Map([\n    ['3.0.0', {packageDependencies: new Map([['c', '4.0.0']])}],\n  ])],\n]);"
    files: Files = {"app/.pnp.cjs": read_by_node.encode(), "old/.pnp.js": first.encode(), "x/.pnp.data.json": b"{}"}
    found = read(tmp_path, [("a", files)])
    assert named(found, "npm") == ["@s/a 1.0.0", "@s/a 2.0.0", "ts 5.0.4", "b 3.0.0"]
    assert [(each.path, each.reason.partition(" (")[2]) for each in found.unread] == [
        ("/app/.pnp.cjs", "git)"),
        ("/x/.pnp.data.json", ""),
    ]


def test_a_package_json_that_is_none_is_no_package(tmp_path: Path) -> None:
    assert read(tmp_path, [("a", {"app/node_modules/x/package.json": b"{"})]).packages == ()


def test_setuid_programs_that_a_container_sees(tmp_path: Path) -> None:
    layers: list[tuple[str, Files]] = [
        ("a", {"usr/bin/su": (b"x", 0o4755), "usr/bin/wall": (b"x", 0o2755), "usr/bin/gone": (b"x", 0o4755)}),
        ("b", {"usr/bin/wall": (b"x", 0o755), "usr/bin/.wh.gone": b""}),
    ]
    assert read(tmp_path, layers).setuid == ("/usr/bin/su",)


def test_a_credential_that_a_later_layer_deletes_is_still_there(tmp_path: Path) -> None:
    layers: list[tuple[str, Files]] = [
        ("COPY . .", {"app/deploy.sh": f"export KEY={SECRET}\n".encode(), "app/.env": b"DB_PASSWORD=correct-horse\n"}),
        ("RUN rm", {"app/.wh.deploy.sh": b""}),
    ]
    leaks = read(tmp_path, layers).leaks
    assert [(each.where, each.line, each.layer, each.hidden, each.made_by) for each in leaks] == [
        ("/app/deploy.sh", 1, 0, True, "COPY"),
        ("/app/.env", 1, 0, False, "COPY"),
    ]
    assert SECRET not in repr(leaks)
    assert "correct-horse" not in repr(leaks)


def test_what_packages_bring_is_not_searched(tmp_path: Path) -> None:
    files = {
        "app/packages/dsn.py": b'"""postgres://someone:hunter2x@db/x"""\n',
        "app/packages/dsn-1.0.dist-info/RECORD": b"dsn.py,sha256=x,1\n",
        "usr/share/doc/x/README": b"https://me:hunter2x@example.com\n",
        "etc/nsswitch.conf": b"passwd: files\n",
    }
    assert read(tmp_path, [("a", files)]).leaks == ()


def test_a_large_text_is_no_program_because_it_is_executable(tmp_path: Path) -> None:
    """As every file is that Windows puts into an image."""
    text = f"KEY={SECRET}\n".encode() + b"# filler\n" * 70_000
    assert [each.where for each in read(tmp_path, [("COPY . .", {"app/setup.run": (text, 0o755)})]).leaks] == ["/app/setup.run"]


def test_environment_labels_and_build_arguments(tmp_path: Path) -> None:
    layers: list[tuple[str, Files]] = [
        ("ARG API_TOKEN=abcdefgh12345", {}), ("RUN |1 NPM_TOKEN=abcdefgh67890 /bin/sh -c npm ci", {"app/x": b"1"}),
    ]  # fmt: skip
    config = {"Env": ["PATH=/bin", "DB_PASSWORD=correct-horse"], "Labels": {"api-key": "abcdefgh"}}
    leaks = read(tmp_path, layers, config).leaks
    assert {each.where for each in leaks} == {"Env.DB_PASSWORD", "Label.api-key", "History.API_TOKEN", "History.NPM_TOKEN"}
    assert "abcdefgh" not in repr(leaks)


def test_a_layer_that_several_images_have_is_read_once(tmp_path: Path) -> None:
    base: tuple[str, Files] = ("base", {"etc/os-release": DEBIAN, "var/lib/dpkg/status": dpkg(("dash", "0.5-1", "dash"))})
    one = save_image(tmp_path / "one.tar", [base])
    other = save_image(tmp_path / "other.tar", [base, ("COPY", {"app/a-1.0.dist-info/METADATA": b""})])
    observer, engine = Observer(), Engine({"one": one, "other": other})
    anyio.run(observer.inventory, engine, "one")
    before = observer.known(digest_of(base[1]))
    found = anyio.run(observer.inventory, engine, "other")
    assert observer.known(digest_of(base[1])) is before
    assert [str(each) for each in found.packages] == ["dash 0.5-1", "a 1.0"]


def test_a_release_in_either_place(tmp_path: Path) -> None:
    found = read(tmp_path, [("a", {"usr/lib/os-release": DEBIAN, "var/lib/dpkg/status": dpkg(("dash", "1", "dash"))})])
    assert found.packages[0].ecosystem == "Debian:12"


def test_an_image_without_a_release_has_packages_that_nobody_can_look_up(tmp_path: Path) -> None:
    found = read(tmp_path, [("a", {"var/lib/dpkg/status": dpkg(("dash", "1", "dash"))})])
    assert [each.ecosystem for each in found.packages] == [None]
    assert isinstance(found.packages[0], Package)


def test_a_credential_that_a_command_hands_on(tmp_path: Path) -> None:
    config = {
        "Cmd": ["redis-server", "--requirepass", "correct-horse"],
        "Healthcheck": {"Test": ["CMD-SHELL", "redis-cli -a battery-staple ping"]},
        "Entrypoint": ["app", "--token", "$TOKEN"],
    }
    layers: list[tuple[str, Files]] = [('/bin/sh -c #(nop)  CMD ["redis-server" "--requirepass" "correct-horse"]', {"a": b"x"})]
    found = read(tmp_path, layers, config).leaks
    assert [each.where for each in found] == ["Cmd.requirepass", "Healthcheck.password", "History.requirepass"]
    assert "correct-horse" not in str(found)
