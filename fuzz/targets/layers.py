"""Saved images: a layer of any bytes, an archive of any bytes; refused with a ValueError, or read."""

import hashlib
import io
import json
import tarfile
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from trimtab.docker.layers import read_saved


def check(data: bytes) -> None:
    kind, rest = data[:1], data[1:]
    with TemporaryDirectory() as folder, suppress(ValueError):
        archive = Path(folder) / "image.tar"
        archive.write_bytes(rest if kind == b"r" else _saved(rest, config=kind == b"c"))
        image = read_saved(archive)
        assert set(image.visible()) <= {path for layer in image.layers for path in layer.files}


def _saved(content: bytes, *, config: bool) -> bytes:
    """An archive in which the configuration, or the one layer, is what is fuzzed."""
    layer = b"" if config else content
    said = {"rootfs": {"diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]}, "history": [{"created_by": "x"}]}
    files = {
        "manifest.json": json.dumps([{"Config": "c.json", "Layers": ["l.tar"]}]).encode(),
        "c.json": content if config else json.dumps(said).encode(), "l.tar": layer,
    }  # fmt: skip
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return target.getvalue()
