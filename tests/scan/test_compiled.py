"""Go programs and Java archives, and what they say of their parts."""

import io
import zipfile

from trimtab.scan.binaries import Unread, go_modules, java_archives
from trimtab.scan.packages import Package

SENTINEL = b"\x30" * 16
MODULES = (
    b"path\texample.com/own\nmod\texample.com/own\t(devel)\t\ndep\tgithub.com/a/b\tv1.2.3\th1:x=\n"
    b"dep\tgithub.com/c/d\tv0.1.0\n=>\tgithub.com/e/f\tv0.2.0\th1:y=\nbuild\t-compiler=gc\n"
)


def text(content: bytes) -> bytes:
    length, head = len(content), b""
    while length >= 0x80:
        head, length = head + bytes([length & 0x7F | 0x80]), length >> 7
    return head + bytes([length]) + content


def program(version: bytes = b"go1.22.1", modules: bytes = MODULES, flags: int = 2) -> bytes:
    header = b"\xff Go buildinf:" + bytes([8, flags]) + b"\0" * 16
    return b"\x7fELF" + b"\0" * 100 + header + text(version) + text(SENTINEL + modules + SENTINEL) + b"\0" * 50


def test_the_modules_of_a_go_program() -> None:
    found = go_modules("/bin/tool", program())
    assert isinstance(found, list)
    assert [str(each) for each in found] == ["github.com/a/b v1.2.3", "github.com/e/f v0.2.0", "stdlib 1.22.1"]
    assert isinstance(found[0], Package)
    assert found[0].ecosystem == "Go"


def test_other_programs_are_none() -> None:
    assert go_modules("/bin/sh", b"\x7fELF" + b"\0" * 1000) is None
    assert go_modules("/app/run.py", b"#!/usr/bin/python") is None


def test_what_cannot_be_read_is_told() -> None:
    assert isinstance(go_modules("/bin/old", program(flags=0)), Unread)
    assert isinstance(go_modules("/bin/cut", program()[:170]), Unread)


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def pom(group: str, name: str, version: str) -> dict[str, bytes]:
    return {
        f"META-INF/maven/{group}/{name}/pom.properties": f"#made\nversion={version}\ngroupId={group}\nartifactId={name}\n".encode()
    }


def test_archives_within_archives() -> None:
    library = archive(pom("org.b", "lib", "2.0"))
    found = list(java_archives("/app.jar", archive({**pom("org.a", "app", "1.0"), "BOOT-INF/lib/lib.jar": library})))
    assert found == [
        Package("maven", "org.a:app", "1.0", "/app.jar"),
        Package("maven", "org.b:lib", "2.0", "/app.jar!/BOOT-INF/lib/lib.jar"),
    ]


def test_an_archive_that_does_not_say_what_it_is() -> None:
    (found,) = java_archives("/x.jar", archive({"a/B.class": b""}))
    assert isinstance(found, Unread)


def test_archives_without_end_are_not_followed() -> None:
    content = archive(pom("org.a", "app", "1.0"))
    for _ in range(6):
        content = archive({"inner.jar": content})
    (found,) = java_archives("/x.jar", content)
    assert isinstance(found, Unread)
    assert "too deep" in found.reason


def test_a_damaged_archive_is_told() -> None:
    (found,) = java_archives("/x.jar", b"PK\x03\x04")
    assert isinstance(found, Unread)


def test_a_standard_library_of_no_version_is_told() -> None:
    found = go_modules("/bin/tool", program(version=b"devel go1.23-a1b2c3 Mon Jan 1 00:00:00 2024"))
    assert isinstance(found, list)
    assert [str(each) for each in found[:2]] == ["github.com/a/b v1.2.3", "github.com/e/f v0.2.0"]
    assert isinstance(found[2], Unread)
