"""Reading a root file system's tar."""

import io
import tarfile
from pathlib import Path

from trimtab.docker.tree import read_archive

STATUS = (
    "Package: gcc\nStatus: install ok installed\nVersion: 12\n\nPackage: old\nStatus: deinstall ok config-files\nVersion: 1\n"
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
    assert tree.packages == {"gcc": "12", "musl": "1.2"}
    assert tree.owners["gcc"] == {"/.", "/usr/lib/gcc", "/usr/bin/gcc"}
    assert tree.owners["musl"] == {"/lib/ld-musl.so.1"}
