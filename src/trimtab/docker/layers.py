"""The layers of an image, as `docker save` writes them, and the bytes in them that nobody can see.

Both of the engine's image stores are read, and archives without docker's own `manifest.json` (OCI image layout), with
layers plain, gzip or zstd.
"""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, cast

import anyio.to_thread
import zstandard

from trimtab.docker import command as argv
from trimtab.docker.runner import Runner

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1024 * 1024


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


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes of one layer that no container of the image sees."""

    layer: int
    hidden_by: int
    """The layer that deletes or replaces them."""
    bytes: int
    same_bytes: int
    """How many of them are replaced by the same content: only mode or owner changed."""
    paths: tuple[str, ...]
    """The largest of them."""


async def read_layers(runner: Runner, image: str) -> Image:
    """The layers of an image of the engine.

    Raises:
        CommandFailed: the engine has no such image, or no room for the archive.
    """
    with TemporaryDirectory(prefix="trimtab-") as folder:
        archive = Path(folder) / "image.tar"
        with archive.open("wb") as file:
            (await runner.stream(argv.save(image), file.write)).checked()
        return await anyio.to_thread.run_sync(read_saved, archive)


def read_saved(archive: Path) -> Image:
    """The image in an archive of `docker save`, or in an OCI layout; the first one when there are several.

    Raises:
        ValueError: it is neither.
    """
    with tarfile.open(archive) as tar:
        members = {member.name.removeprefix("./"): member for member in tar.getmembers()}
        config, names = _manifest(tar, members)
        history = tuple(
            (str(entry.get("created_by", "")), not entry.get("empty_layer", False))
            for entry in cast("Sequence[Mapping[str, object]]", config.get("history") or [])
        )
        makers = [text for text, made in history if made]
        if len(makers) != len(names):
            makers = [""] * len(names)
        layers = tuple(_layer(tar, members[name], text) for name, text in zip(names, makers, strict=True))
    return Image(layers, history)


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


def _blob(descriptor: Mapping[str, object]) -> str:
    return "blobs/" + str(descriptor["digest"]).replace(":", "/")


def _json(tar: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> object:
    file = tar.extractfile(members[name]) if name in members else None
    if file is None:
        raise ValueError(f"the archive has no `{name}`")
    return cast("object", json.load(file))


@contextmanager
def _plain(file: IO[bytes]) -> Generator[tarfile.TarFile]:
    """A layer as a tar to be read from front to end, whatever it is compressed with."""
    head = file.read(4)
    file.seek(0)
    if head == _ZSTD:
        with zstandard.ZstdDecompressor().stream_reader(file) as reader, tarfile.open(fileobj=reader, mode="r|") as tar:
            yield tar
    else:
        with tarfile.open(fileobj=file, mode="r|gz" if head.startswith(_GZIP) else "r|") as tar:
            yield tar


@dataclass
class _Reading:
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
            self.files[path] = LayerFile(member.size, _digest(file)) if file else LayerFile(0)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _layer(tar: tarfile.TarFile, member: tarfile.TarInfo, created_by: str) -> Layer:
    reading = _Reading()
    file = tar.extractfile(member)
    if file is None or member.size == 0:
        return Layer(created_by, 0, {})
    with _plain(file) as layer:
        for each in layer:
            reading.take(layer, each)
    return Layer(created_by, member.size, reading.files, frozenset(reading.whiteouts), frozenset(reading.opaque))


def find_waste(image: Image) -> tuple[Waste, ...]:
    """What could be reclaimed: every byte that a higher layer hides, by the pair of layers, the most first."""
    found: dict[tuple[int, int], list[tuple[str, int, bool]]] = {}
    for low, layer in enumerate(image.layers):
        for path, file in layer.files.items():
            if file.size == 0:
                continue
            high = next((n for n in range(low + 1, len(image.layers)) if image.layers[n].hides(path)), None)
            if high is not None:
                same = image.layers[high].files.get(path, LayerFile(0)).sha256 == file.sha256
                found.setdefault((low, high), []).append((path, file.size, same))
    wastes = (_waste(pair, files) for pair, files in found.items())
    return tuple(sorted(wastes, key=lambda waste: (-waste.bytes, waste.layer)))


def _waste(pair: tuple[int, int], files: Sequence[tuple[str, int, bool]]) -> Waste:
    largest = tuple(path for path, _, _ in sorted(files, key=lambda each: (-each[1], each[0]))[:5])
    same = sum(size for _, size, same in files if same)
    return Waste(pair[0], pair[1], sum(size for _, size, _ in files), same, largest)


def dive_wasted_bytes(image: Image) -> int:
    """Wasted bytes as dive counts them: the sizes of a path over all layers, for paths seen more than once.

    The live copy of a file counts too, a deleted file counts with its size once and its whiteout with none, and the
    whiteout of a folder counts with everything below it but not the files themselves (wagoodman/dive,
    `filetree/efficiency.go` and `image/analysis.go`).
    """
    total: dict[str, int] = {}
    seen: dict[str, int] = {}
    live: dict[str, int] = {}
    for layer in image.layers:
        for path in layer.whiteouts:
            below = [name for name in live if name.startswith(path + "/")]
            total[path] = total.get(path, 0) + sum(live[name] for name in below)
            seen[path] = seen.get(path, 0) + 1
            for name in (path, *below):
                live.pop(name, None)
        for path, file in layer.files.items():
            total[path] = total.get(path, 0) + file.size
            seen[path] = seen.get(path, 0) + 1
            live[path] = file.size
    return sum(size for path, size in total.items() if seen[path] > 1)
