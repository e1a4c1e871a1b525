"""Reading an image: its configuration and its merged file tree."""

import hashlib
import json
import posixpath
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import anyio.to_thread

from trimtab.docker import command as argv
from trimtab.docker.runner import Runner

_KEPT = ("var/lib/dpkg/info/", "var/lib/dpkg/status", "lib/apk/db/installed", "usr/lib/apk/db/installed")
_CHUNK = 1024 * 1024
_CONFIG_KEYS = (
    "Entrypoint",
    "Cmd",
    "WorkingDir",
    "User",
    "ExposedPorts",
    "Volumes",
    "Healthcheck",
    "StopSignal",
    "OnBuild",
    "Shell",
)


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One path of an image."""

    kind: str
    """`file`, `dir`, `link`, `hardlink`, `device` or `fifo`."""
    mode: int
    uid: int
    gid: int
    size: int = 0
    sha256: str = ""
    link: str = ""


@dataclass(frozen=True)
class ImageConfig:
    """What an image says about how it runs."""

    id: str
    size: int
    """Bytes of all layers, unpacked, as the engine's own store counts them."""
    layers: tuple[str, ...]
    values: Mapping[str, object]
    """The compared keys; `Env.NAME` for each variable, `Label.NAME` for each label."""

    @property
    def env(self) -> dict[str, str]:
        prefix = "Env."
        return {key[len(prefix) :]: str(value) for key, value in self.values.items() if key.startswith(prefix)}


@dataclass(frozen=True)
class ImageTree:
    """The merged files of an image by absolute path, and its system packages."""

    entries: Mapping[str, FileEntry]
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """System packages (dpkg, apk) by name, with their version."""
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The paths each dpkg or apk package owns."""


async def read_config(runner: Runner, image: str) -> ImageConfig:
    """An image's configuration.

    Raises:
        CommandFailed: the engine has no such image.
    """
    result = (await runner.run(argv.image_inspect(image))).checked()
    data = cast("Mapping[str, object]", json.loads(result.stdout)[0])
    config = cast("Mapping[str, object]", data.get("Config") or {})
    values: dict[str, object] = {key: config.get(key) or None for key in _CONFIG_KEYS}
    for pair in cast("list[str]", config.get("Env") or []):
        name, _, value = pair.partition("=")
        values[f"Env.{name}"] = value
    for name, value in cast("Mapping[str, str]", config.get("Labels") or {}).items():
        if name != argv.LABEL:
            values[f"Label.{name}"] = value
    root = cast("Mapping[str, object]", data.get("RootFS") or {})
    return ImageConfig(
        str(data["Id"]), int(cast("int", data.get("Size") or 0)), tuple(cast("list[str]", root.get("Layers") or [])), values
    )


async def read_tree(runner: Runner, image: str, run: str) -> ImageTree:
    """Every path of an image with its content's hash.

    Raises:
        CommandFailed: the engine has no such image, or no room for the export.
    """
    container = (await runner.run(argv.create(image, run))).checked().text
    with TemporaryDirectory(prefix="trimtab-") as folder:
        archive = Path(folder) / "image.tar"
        try:
            with archive.open("wb") as file:
                (await runner.stream(argv.export(container), file.write)).checked()
        finally:
            await runner.run(argv.remove(container))
        # Hashing gives the interpreter lock away, so that other experiments go on meanwhile.
        return await anyio.to_thread.run_sync(read_archive, archive)


def read_archive(archive: Path) -> ImageTree:
    """The tree in a tar of a root file system."""
    entries: dict[str, FileEntry] = {}
    kept: dict[str, str] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = "/" + member.name.strip("/").removeprefix("./")
            sha, text = _content(tar, member)
            entries[path] = FileEntry(
                _kind(member), member.mode & 0o7777, member.uid, member.gid, member.size if member.isreg() else 0, sha,
                member.linkname,
            )  # fmt: skip
            if text is not None:
                kept[path] = text
    packages, owners = _packages(kept)
    return ImageTree(entries, packages, owners)


def _kind(member: tarfile.TarInfo) -> str:
    if member.isreg():
        return "file"
    if member.isdir():
        return "dir"
    if member.issym():
        return "link"
    if member.islnk():
        return "hardlink"
    return "fifo" if member.isfifo() else "device"


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> tuple[str, str | None]:
    file = tar.extractfile(member) if member.isreg() else None
    if file is None:
        return "", None
    digest = hashlib.sha256()
    keep = member.name.startswith(_KEPT) and member.size < 64 * _CHUNK
    parts: list[bytes] = []
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        if keep:
            parts.append(chunk)
    return digest.hexdigest(), b"".join(parts).decode("utf-8", "replace") if keep else None


def _packages(kept: Mapping[str, str]) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    packages: dict[str, str] = {}
    owners: dict[str, frozenset[str]] = {}
    for record in _records(kept.get("/var/lib/dpkg/status", "")):
        if record.get("Status", "").endswith(" installed"):
            packages[record["Package"]] = record.get("Version", "")
    for path, text in kept.items():
        name = posixpath.basename(path)
        if path.startswith("/var/lib/dpkg/info/") and name.endswith(".list"):
            owners[name.removesuffix(".list").partition(":")[0]] = frozenset(_merged_usr(line) for line in text.splitlines())
    for path in ("/lib/apk/db/installed", "/usr/lib/apk/db/installed"):
        _apk(kept.get(path, ""), packages, owners)
    return packages, owners


def _records(text: str) -> Iterator[dict[str, str]]:
    for block in text.split("\n\n"):
        pairs = (line.partition(": ") for line in block.splitlines() if not line.startswith(" "))
        record = {key: value for key, _, value in pairs}
        if "Package" in record:
            yield record


def _merged_usr(path: str) -> str:
    """dpkg lists `/lib/x`; on a merged-/usr system the file is `/usr/lib/x`."""
    first = path.split("/")[1] if path.count("/") else ""
    return "/usr" + path if first in {"bin", "sbin", "lib", "lib64", "lib32", "libx32"} else path


def _apk(text: str, packages: dict[str, str], owners: dict[str, frozenset[str]]) -> None:
    for block in text.split("\n\n"):
        name, version, folder, paths = "", "", "", set[str]()
        for line in block.splitlines():
            key, _, value = line.partition(":")
            if key == "P":
                name = value
            elif key == "V":
                version = value
            elif key == "F":
                folder = value
            elif key == "R":
                paths.add(f"/{folder}/{value}" if folder else f"/{value}")
        if name:
            packages[name] = version
            owners[name] = frozenset(paths)
