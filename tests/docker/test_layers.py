"""Layers of both stores in every compression, and what is wasted in them."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from trimtab.docker.layers import Image, Layer, LayerFile, read_saved
from trimtab.docker.waste import dive_wasted_bytes, find_waste


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def plain(data: bytes) -> bytes:
    return data


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


PACKED: dict[str, Callable[[bytes], bytes]] = {"plain": plain, "gzip": gzip.compress, "zstd": zstd}
LAYERS = [
    {"app/a": b"12345", "app/b": b"123", "tmp/x/y": b"1234567"},
    {"app/a": b"12345", "app/.wh.b": b"", "tmp/.wh..wh..opq": b"", "app/c": b"1"},
]
HISTORY = [
    {"created_by": "COPY . . # buildkit"},
    {"created_by": "ENV A=1", "empty_layer": True},
    {"created_by": "RUN /bin/sh -c true # buildkit"},
]


def saved(tmp_path: Path, packed: str, *, oci: bool) -> Path:
    blobs = {f"blobs/sha256/{n}": PACKED[packed](tar_of(layer)) for n, layer in enumerate(LAYERS)}
    blobs["blobs/sha256/c"] = json.dumps({"history": HISTORY}).encode()
    if oci:
        manifest = {"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:0"}, {"digest": "sha256:1"}]}
        attestation = {"digest": "sha256:z", "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
        blobs["blobs/sha256/m"] = json.dumps(manifest).encode()
        blobs["blobs/sha256/i"] = json.dumps({"manifests": [attestation, {"digest": "sha256:m"}]}).encode()
        blobs["index.json"] = json.dumps({"manifests": [{"digest": "sha256:i"}]}).encode()
    else:
        named = [{"Config": "blobs/sha256/c", "Layers": ["blobs/sha256/0", "blobs/sha256/1"]}]
        blobs["manifest.json"] = json.dumps(named).encode()
    path = tmp_path / "image.tar"
    path.write_bytes(tar_of(blobs))
    return path


@pytest.mark.parametrize("oci", [False, True])
@pytest.mark.parametrize("packed", PACKED)
def test_every_store_and_compression_reads_the_same(tmp_path: Path, packed: str, oci: bool) -> None:
    image = read_saved(saved(tmp_path, packed, oci=oci))
    low, high = image.layers
    assert (low.created_by, high.created_by) == ("COPY . . # buildkit", "RUN /bin/sh -c true # buildkit")
    assert image.history[1] == ("ENV A=1", False)
    assert {path: file.size for path, file in low.files.items()} == {"/app/a": 5, "/app/b": 3, "/tmp/x/y": 7}
    assert (high.whiteouts, high.opaque) == ({"/app/b"}, {"/tmp"})
    (waste,) = find_waste(image)
    assert (waste.layer, waste.hidden_by, waste.bytes, waste.same_bytes) == (0, 1, 15, 5)
    assert waste.paths == ("/tmp/x/y", "/app/a", "/app/b")


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(tar_of({"a": b""}))
    with pytest.raises(ValueError, match="neither"):
        read_saved(path)


def test_dive_counts_the_live_copy_and_the_folder_of_a_whiteout() -> None:
    low = Layer("", 0, {"/a": LayerFile(10), "/d/x": LayerFile(7), "/once": LayerFile(99)})
    middle = Layer("", 0, {"/a": LayerFile(12)}, frozenset({"/d"}))
    high = Layer("", 0, {"/d": LayerFile(1)})
    image = Image((low, middle, high))
    # /a: 10 + 12, /d: 7 by its whiteout and 1 afterwards; /d/x was seen once.
    assert dive_wasted_bytes(image) == 30
    assert sum(each.bytes for each in find_waste(image)) == 17
