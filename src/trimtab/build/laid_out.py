"""Images that one run has laid out in a folder for another one, which may be on another machine."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from trimtab.build.graph import Graph
from trimtab.errors import UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.syntax.data import read_json

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def laid_out(folder: Path, names: Iterable[str]) -> Mapping[str, str]:
    """Those of some targets whose images are in a folder, to each by its digest as `--build-context` takes it.

    A layout is a folder of the target's name with an `index.json` of one image (OCI Image Layout Specification 1.1).

    Raises:
        UsageError: there is no such folder, or what is there for a target is no layout of one image.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder `{folder}` with images that were laid out.")
    return {name: f"oci-layout://{folder / name}@{_digest(folder / name)}" for name in names if (folder / name).exists()}


def left_out(graph: Graph, asked: Collection[str], given: Collection[str]) -> Mapping[str, str]:
    """Targets that are not built, with the reason: what was given, and what only that would have needed.

    Args:
        graph: The targets that are asked for, and all that they need.
        asked: Those that are asked for by name; they are built.
        given: Those that another run has laid out.
    """
    found = dict.fromkeys(given, "it was given, laid out by another run")
    changed = bool(found)
    while changed:
        more = [
            name
            for name in graph.targets
            if name not in found and name not in asked and graph.dependants[name] and graph.dependants[name] <= found.keys()
        ]
        found |= dict.fromkeys(more, "only what was given is built from it")
        changed = bool(more)
    return found


def _digest(layout: Path) -> str:
    try:
        index = mapping(read_json((layout / "index.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(f"`{layout}` is no image that was laid out: {error}.") from error
    digests = {str(mapping(each).get("digest")) for each in items(index.get("manifests"))}
    if len(digests) != 1 or not _DIGEST.fullmatch(digest := digests.pop()):
        raise UsageError(f"`{layout}` holds no one image: its index names {len(digests) or 'no'} of them.")
    return digest
