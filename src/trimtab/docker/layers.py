"""The layers of an image, as `docker save` writes them.

Both of the engine's image stores are read, and archives without docker's own `manifest.json` (OCI image layout), with
layers plain, gzip or zstd.
"""

import gzip
import hashlib
import json
import posixpath
import re
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol, cast

import anyio.to_thread
import zstandard

from trimtab.docker import command as argv
from trimtab.docker.runner import Runner

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1024 * 1024
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LayerFile:
    """One path that a layer brings."""

    size: int
    """Bytes; 0 for what is no regular file, and for further names of one that the layer already has."""
    sha256: str = ""


@dataclass(frozen=True)
class Layer:
    """One layer: what it brings, and what of the layers below it hides."""

    created_by: str
    """What made it, in the image's own history; empty when the history does not say."""
    stored_bytes: int
    """Its size in the archive: compressed where the store keeps it so."""
    files: Mapping[str, LayerFile]
    whiteouts: frozenset[str] = frozenset()
    """Paths of lower layers that are deleted, folders with everything below."""
    opaque: frozenset[str] = frozenset()
    """Folders whose content in lower layers is hidden."""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values())

    def hides(self, path: str) -> bool:
        """Whether a path of a lower layer cannot be seen through this one."""
        if path in self.files:
            return True
        parents = list(_parents(path))
        return not self.whiteouts.isdisjoint([path, *parents]) or not self.opaque.isdisjoint(parents)


def _parents(path: str) -> Iterator[str]:
    while path not in {"", "/"}:
        path = posixpath.dirname(path)
        yield path


@dataclass(frozen=True)
class Image:
    """The layers of an image, the lowest first, and its whole history."""

    layers: tuple[Layer, ...]
    history: tuple[tuple[str, bool], ...] = ()
    """What each instruction was, and whether it made a layer."""
    config: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    """How its containers run: `Env`, `Labels`, `User` and the rest."""
    digests: tuple[str, ...] = ()
    """What each layer's content is called, whatever it is compressed with."""

    def visible(self) -> dict[str, int]:
        """Every path that a container sees, to the layer that it comes from."""
        found: dict[str, int] = {}
        for number, layer in enumerate(self.layers):
            if layer.whiteouts or layer.opaque:
                found = {path: low for path, low in found.items() if not layer.hides(path)}
            found.update(dict.fromkeys(layer.files, number))
        return found


class LayerLook(Protocol):
    """Somebody who wants to see the files of one layer while it is read."""

    def file(self, path: str, member: tarfile.TarInfo, read: Callable[[], bytes]) -> None:
        """One regular file. `read` gives its content; whoever does not call it costs nothing."""
        ...

    def link(self, path: str, target: str) -> None:
        """A further name of a file of the same layer that has been shown before."""
        ...


class Look(Protocol):
    """Somebody who wants to see layers while they are read, each once. Called by several threads."""

    def known(self, digest: str) -> Layer | None:
        """A layer that has been seen; it is not read again."""
        ...

    def begin(self) -> LayerLook: ...

    def end(self, digest: str, look: LayerLook, layer: Layer) -> None: ...


async def read_layers(runner: Runner, image: str, look: Look | None = None) -> Image:
    """The layers of an image of the engine. `look` is called in another thread.

    Raises:
        CommandFailed: the engine has no such image, or no room for the archive.
    """
    with TemporaryDirectory(prefix="trimtab-") as folder:
        archive = Path(folder) / "image.tar"
        with archive.open("wb") as file:
            (await runner.stream(argv.save(image), file.write)).checked()
        return await anyio.to_thread.run_sync(read_saved, archive, look)


def read_saved(archive: Path, look: Look | None = None) -> Image:
    """The image in an archive of `docker save`, or in an OCI layout; the first one when there are several.

    Raises:
        ValueError: it is neither, or it is damaged: a layer that was cut off is not read by half.
    """
    try:
        return _read_saved(archive, look)
    except _DAMAGE as error:
        detail = str(error) or type(error).__name__
        raise ValueError(f"the saved image is damaged: {detail}") from error


_DAMAGE = (
    tarfile.TarError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError, EOFError, KeyError, IndexError, TypeError,
    AttributeError, RecursionError,
)  # fmt: skip
"""What reading an archive ends with whose parts are missing, cut off, or of another shape."""


def _read_saved(archive: Path, look: Look | None) -> Image:
    with tarfile.open(archive) as tar:
        members = {member.name.removeprefix("./"): member for member in tar.getmembers()}
        config, names = _manifest(tar, members)
        history = tuple(
            (str(entry.get("created_by", "")), not entry.get("empty_layer", False))
            for entry in map(_mapping, cast("Sequence[object]", config.get("history") or []))
        )
        makers = [text for text, made in history if made]
        if len(makers) != len(names):
            makers = [""] * len(names)
        root = _mapping(config.get("rootfs"))
        digests = tuple(str(each) for each in cast("Sequence[object]", root.get("diff_ids") or names))
        read = [_seen(tar, members[name], digest, look) for name, digest in zip(names, digests, strict=True)]
    layers = tuple(replace(layer, created_by=text) for layer, text in zip(read, makers, strict=True))
    return Image(layers, history, _mapping(config.get("config")), digests)


def _seen(tar: tarfile.TarFile, member: tarfile.TarInfo, digest: str, look: Look | None) -> Layer:
    if look is None:
        return _layer(tar, member, _Reading(), digest)
    known = look.known(digest)
    if known is not None:
        return known
    one = look.begin()
    layer = _layer(tar, member, _Reading(one), digest)
    look.end(digest, one, layer)
    return layer


def _manifest(tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> tuple[Mapping[str, object], list[str]]:
    if "manifest.json" in members:
        first = cast("Sequence[Mapping[str, object]]", _json(tar, members, "manifest.json"))[0]
        return cast("Mapping[str, object]", _json(tar, members, str(first["Config"]))), cast("list[str]", first["Layers"])
    if "index.json" not in members:
        raise ValueError("neither an archive of `docker save` nor an OCI layout")
    found = cast("Mapping[str, object]", _json(tar, members, "index.json"))
    while "manifests" in found:
        # An index of indexes; an attestation is no image.
        children = cast("Sequence[Mapping[str, object]]", found["manifests"])
        images = [child for child in children if "attestation" not in json.dumps(child)]
        found = cast("Mapping[str, object]", _json(tar, members, _blob(images[0])))
    layers = cast("Sequence[Mapping[str, object]]", found["layers"])
    config = _json(tar, members, _blob(cast("Mapping[str, object]", found["config"])))
    return cast("Mapping[str, object]", config), [_blob(layer) for layer in layers]


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _blob(descriptor: Mapping[str, object]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _json(tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> object:
    file = tar.extractfile(members[name]) if name in members else None
    if file is None:
        raise ValueError(f"the archive has no `{name}`")
    return cast("object", json.load(file))


class _Hashed:
    """A stream that knows the digest of what was read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    def digest(self) -> str:
        """Of everything, the rest included."""
        while self.read(_CHUNK):
            pass
        return f"sha256:{self._digest.hexdigest()}"


@contextmanager
def _plain(file: IO[bytes]) -> Generator[IO[bytes]]:
    """A layer's bytes from front to end, whatever they are compressed with, in however many parts."""
    head = file.read(4)
    file.seek(0)
    if head == _ZSTD:
        with zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as reader:
            yield cast("IO[bytes]", reader)
    elif head.startswith(_GZIP):
        with gzip.GzipFile(fileobj=file) as reader:
            yield cast("IO[bytes]", reader)
    else:
        yield file


@dataclass
class _Reading:
    look: LayerLook | None = None
    files: dict[str, LayerFile] = field(default_factory=dict[str, LayerFile])
    whiteouts: set[str] = field(default_factory=set[str])
    opaque: set[str] = field(default_factory=set[str])

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        path = "/" + member.name.removeprefix("./").strip("/")
        folder, name = posixpath.split(path)
        if name == _OPAQUE:
            self.opaque.add(folder)
        elif name.startswith(_WHITEOUT):
            self.whiteouts.add(posixpath.join(folder, name[len(_WHITEOUT) :]))
        elif not member.isdir():
            file = tar.extractfile(member) if member.isreg() else None
            self.files[path] = LayerFile(member.size, self._seen(path, member, file)) if file else LayerFile(0)
            if member.islnk() and self.look is not None:
                self.look.link(path, "/" + member.linkname.removeprefix("./").strip("/"))

    def _seen(self, path: str, member: tarfile.TarInfo, file: IO[bytes]) -> str:
        """The file's digest; whoever looks at the layers sees it on the way."""
        content: bytes | None = None

        def read() -> bytes:
            nonlocal content
            content = file.read() if content is None else content
            return content

        if self.look is not None:
            self.look.file(path, member, read)
        return _digest(file) if content is None else hashlib.sha256(content).hexdigest()


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _layer(tar: tarfile.TarFile, member: tarfile.TarInfo, reading: _Reading, digest: str) -> Layer:
    """One layer, whole: tar takes a header that was cut off for the end, so what was read has to have the layer's digest.

    Raises:
        ValueError: it has another one.
    """
    file = tar.extractfile(member)
    if file is None:
        raise ValueError(f"the archive has no layer `{member.name}`")
    if member.size:
        with _plain(file) as plain:
            hashed = _Hashed(plain)
            with tarfile.open(fileobj=cast("IO[bytes]", hashed), mode="r|") as layer:
                for each in layer:
                    reading.take(layer, each)
            found = hashed.digest()
    else:
        found = f"sha256:{hashlib.sha256().hexdigest()}"
    if _DIGEST.fullmatch(digest) and found != digest:
        raise ValueError(f"layer {digest[7:19]} of the saved image is damaged or cut off")
    return Layer("", member.size, reading.files, frozenset(reading.whiteouts), frozenset(reading.opaque))
