"""Reading a root file system's tar."""

import io
import sqlite3
import struct
import tarfile
from pathlib import Path

import pytest

from trimtab.docker.packages import read_packages
from trimtab.docker.tree import read_archive

STATUS = (
    "Package: gcc\nStatus: install ok installed\nVersion: 12\n\nPackage: old\nStatus: deinstall ok config-files\nVersion: 1\n\n"
    "Package: man-db\nStatus: install ok triggers-pending\nVersion: 2\n"
)
APK = "P:musl\nV:1.2\nF:lib\nR:ld-musl.so.1\n\n"


def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.tar"
    files = {
        "var/lib/dpkg/status": STATUS,
        "var/lib/dpkg/info/gcc.list": "/.\n/lib/gcc\n/usr/bin/gcc\n",
        "lib/apk/db/installed": APK,
    }
    with tarfile.open(path, "w") as tar:
        for name, text in {**files, "app/main.py": "print()\n"}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid = len(text), 0o640, 1000
            tar.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("app/link")
        link.type, link.linkname = tarfile.SYMTYPE, "main.py"
        tar.addfile(link)
    return path


def test_entries_packages_and_owners(tmp_path: Path) -> None:
    tree = read_archive(archive(tmp_path))
    main = tree.entries["/app/main.py"]
    assert (main.kind, main.mode, main.uid, main.size, len(main.sha256)) == ("file", 0o640, 1000, 8, 64)
    assert (tree.entries["/app/link"].kind, tree.entries["/app/link"].link) == ("link", "main.py")
    assert tree.packages == {"gcc": "12", "man-db": "2", "musl": "1.2"}
    assert tree.owners["gcc"] == {"/.", "/usr/lib/gcc", "/usr/bin/gcc"}
    assert tree.owners["musl"] == {"/lib/ld-musl.so.1"}


def header(**fields: str | list[str] | list[int]) -> bytes:
    """An rpm header with the tags that are read."""
    tags = {
        "name": (1000, 6),
        "version": (1001, 6),
        "release": (1002, 6),
        "dirindexes": (1116, 4),
        "basenames": (1117, 8),
        "dirnames": (1118, 8),
    }
    data, index = b"", b""
    for key, value in fields.items():
        tag, kind = tags[key]
        values = [value] if isinstance(value, str) else value
        index += struct.pack(">IIII", tag, kind, len(data), len(values))
        for each in values:
            data += struct.pack(">I", each) if isinstance(each, int) else each.encode() + b"\0"
    return struct.pack(">II", len(fields), len(data)) + index + data


def test_rpm_python_and_node_packages() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE Packages (hnum INTEGER, blob BLOB)")
    own = header(
        name="bash",
        version="5.2",
        release="1.fc40",
        dirindexes=[0, 1],
        basenames=["bash", "x"],
        dirnames=["/usr/bin/", "/lib/"],
    )
    connection.executemany("INSERT INTO Packages VALUES (?, ?)", [(1, own), (2, header(name="gpg-pubkey", version="1"))])
    kept = {
        "/var/lib/rpm/rpmdb.sqlite": connection.serialize(),
        "/app/node_modules/@a/b/package.json": b'{"version": "1.2.3"}',
        "/app/node_modules/x/node_modules/@a/b/package.json": b'{"version": "2.0.0"}',
        "/app/node_modules/broken/package.json": b"{",
    }
    found = read_packages(
        kept, ["/v/site-packages/Foo_Bar-1.0.dist-info/METADATA", "/usr/lib/python3/dist-packages/old-2.egg-info"]
    )
    assert found.system == {"bash": "5.2-1.fc40"}
    assert found.owners == {"bash": {"/usr/bin/bash", "/usr/lib/x"}}
    assert found.libraries == {"npm @a/b": "1.2.3, 2.0.0", "pip foo-bar": "1.0", "pip old": "2"}
    assert found.unread is None


@pytest.mark.parametrize(
    ("path", "content"), [("/var/lib/rpm/Packages", b"bdb"), ("/var/lib/rpm/rpmdb.sqlite", b"no database")]
)
def test_a_package_database_that_is_not_read_is_said(path: str, content: bytes) -> None:
    assert path in (read_packages({path: content}, []).unread or "")


def test_hard_links_attributes_accounts_and_the_linkers_cache(tmp_path: Path) -> None:
    path = tmp_path / "b.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in {
            "b": "same",
            "etc/passwd": "app:x:10:20::/:/bin/sh\nodd\n",
            "etc/ld.so.cache": "x\0/opt/libq.so.4\0",
        }.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(text), 1000
            info.pax_headers = {"SCHILY.xattr.security.capability": "\1"} if name == "b" else {}
            tar.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.LNKTYPE, "b"
        tar.addfile(link)
    tree = read_archive(path)
    assert tree.entries["/a"] == tree.entries["/b"]
    assert (tree.entries["/a"].kind, tree.entries["/a"].shared, tree.entries["/a"].mtime) == ("file", "/a", 1000)
    assert tree.entries["/b"].xattrs == (("security.capability", "01"),)
    assert tree.accounts == {"app": (10, 20)}
    assert tree.linkable == {"libq.so.4"}
