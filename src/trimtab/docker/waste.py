"""Bytes of an image that no container of it sees."""

from collections.abc import Sequence
from dataclasses import dataclass

from trimtab.docker.layers import Image, LayerFile


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
