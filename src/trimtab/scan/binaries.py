"""What compiled programs and Java archives say of their own parts."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from trimtab.scan.packages import Package

_ELF = b"\x7fELF"
_BUILD_INFO = b"\xff Go buildinf:"
_HEADER = 32
_INLINE = 2
"""The flag of Go 1.18 and newer: the texts follow the header, instead of addresses of them (Go's `debug/buildinfo`)."""
_SENTINEL = 16
"""Bytes before and after the list of modules, which mark it for programs that search memory."""
_POM = re.compile(r"^META-INF/maven/[^/]+/[^/]+/pom\.properties$")
_ARCHIVE = re.compile(r"\.(?:jar|war|ear)$")
_DEPTH = 3
"""How deep archives within archives are followed: a war in an ear with jars has three."""
_LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that holds packages which are not known."""

    path: str
    reason: str


def go_modules(path: str, content: bytes) -> list[Package | Unread] | Unread | None:
    """The modules that a Go program was built from, its standard library among them; None for what is no Go program."""
    if not content.startswith(_ELF):
        return None
    at = content.find(_BUILD_INFO)
    if at < 0:
        return None
    if at + _HEADER > len(content):
        return Unread(path, "a Go program whose list of modules is damaged")
    if not content[at + 15] & _INLINE:
        return Unread(path, "a program built by Go before 1.18, whose modules are not read")
    try:
        version, after = _text(content, at + _HEADER)
        modules, _ = _text(content, after)
    except (IndexError, UnicodeDecodeError):
        return Unread(path, "a Go program whose list of modules is damaged")
    found = list(_modules(path, modules[_SENTINEL:-_SENTINEL]))
    number = re.match(r"go(\d[\w.]*)", version)
    unnamed = Unread(path, "a program built by a Go between two versions, whose standard library is of neither")
    return [*found, Package("golang", "stdlib", number[1], path) if number else unnamed]


def _text(content: bytes, at: int) -> tuple[str, int]:
    """A text with its length before it, seven bits a byte, the lowest first."""
    length = shift = 0
    while True:
        byte = content[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        if shift > 63:
            raise IndexError("a length that is none")
    if at + length > len(content):
        raise IndexError("a text that ends behind the file")
    # The sentinels are bytes that are no text.
    return content[at : at + length].decode("utf-8", "surrogateescape"), at + length


def _modules(path: str, text: str) -> Iterator[Package]:
    """Lines `dep`, name, version and sum; `=>` says what the one before was replaced by. A module without a version is ours."""
    pending: Package | None = None
    for line in text.splitlines():
        words = line.split("\t")
        if words[0] == "=>" and len(words) > 2:
            pending = Package("golang", words[1], words[2], path)
            continue
        if pending is not None:
            yield pending
        named = words[0] in {"mod", "dep"} and len(words) > 2 and bool(words[1].strip("/")) and not words[1].endswith("/")
        known = named and words[2] != "(devel)"
        pending = Package("golang", words[1], words[2], path) if known else None
    if pending is not None:
        yield pending


def java_archives(path: str, content: bytes, depth: int = _DEPTH) -> Iterator[Package | Unread]:
    """The artifacts that an archive says it is made of, those of archives within it included."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from _members(path, archive, depth)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        yield Unread(path, f"an archive that cannot be read: {error}")


def _members(path: str, archive: zipfile.ZipFile, depth: int) -> Iterator[Package | Unread]:
    poms = [member for member in archive.infolist() if _POM.match(member.filename)]
    inner = [member for member in archive.infolist() if _ARCHIVE.search(member.filename)]
    for member in poms:
        package = _artifact(path, _content(archive, member).decode("utf-8", "replace"))
        if package is not None:
            yield package
    for member in inner:
        name = f"{path}!/{member.filename}"
        if depth == 0 or member.file_size > _LARGEST:
            yield Unread(name, "an archive too deep in others, or too large")
        else:
            yield from java_archives(name, _content(archive, member), depth - 1)
    if not poms and not inner and any(name.endswith(".class") for name in archive.namelist()):
        yield Unread(path, "an archive that does not say which artifact it is")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        # A header may lie about a size; what comes out is cut off.
        return file.read(_LARGEST)


def _artifact(path: str, text: str) -> Package | None:
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    found = {key.strip(): value.strip() for key, _, value in pairs}
    group, artifact, version = (found.get(key, "") for key in ("groupId", "artifactId", "version"))
    return Package("maven", f"{group}:{artifact}", version, path) if group and artifact and version else None
