"""Advisories written as OSV documents, and saved images made by hand."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Files = Mapping[str, bytes | tuple[bytes, int]]


def osv(
    name: str, package: str = "demo", ecosystem: str = "PyPI", *, events: Sequence[Mapping[str, str]] | None = None,
    kind: str = "ECOSYSTEM", versions: Sequence[str] = (), **more: Any,
) -> dict[str, Any]:  # fmt: skip
    affected: dict[str, object] = {"package": {"name": package, "ecosystem": ecosystem}, "versions": list(versions)}
    if events is not None:
        affected["ranges"] = [{"type": kind, "events": list(events)}]
    return {"id": name, "modified": "2026-11-20T00:00:00Z", "affected": [affected], **more}


def write_documents(folder: Path, *documents: Mapping[str, object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for document in documents:
        (folder / f"{document['id']}.json").write_text(json.dumps(document))
    return folder


def tar_bytes(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, value in files.items():
            content, mode = value if isinstance(value, tuple) else (value, 0o644)
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def digest_of(files: Files) -> str:
    return f"sha256:{hashlib.sha256(tar_bytes(files)).hexdigest()}"


def save_image(path: Path, layers: Sequence[tuple[str, Files]], config: Mapping[str, object] | None = None) -> Path:
    """An archive as `docker save` writes it; each layer with what made it."""
    blobs: dict[str, bytes] = {f"blobs/sha256/{n}": tar_bytes(files) for n, (_, files) in enumerate(layers)}
    history = [{"created_by": text} for text, _ in layers]
    blobs["blobs/sha256/c"] = json.dumps({
        "history": history, "config": config or {}, "rootfs": {"diff_ids": [digest_of(files) for _, files in layers]},
    }).encode()  # fmt: skip
    names = [f"blobs/sha256/{n}" for n in range(len(layers))]
    blobs["manifest.json"] = json.dumps([{"Config": "blobs/sha256/c", "Layers": names}]).encode()
    path.write_bytes(tar_bytes(blobs))
    return path
