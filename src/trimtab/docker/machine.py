"""What this machine has left for building."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import anyio

_MEMINFO = Path("/proc/meminfo")
_SAMPLED = 0.5
"""Seconds between two looks at the memory."""
_LEAST_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory, and those that can still be had without swapping."""

    total: int
    available: int

    @property
    def is_short(self) -> bool:
        """Whether nothing more should be begun beside what runs already."""
        return self.available < _LEAST_SHARE * self.total


def memory() -> Memory | None:
    """The machine's memory by the kernel's own estimate (`MemAvailable`); None on a system that has none."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines) if rest.split()}
    if "MemTotal" not in values or "MemAvailable" not in values:
        return None
    return Memory(values["MemTotal"], values["MemAvailable"])


class MemoryWatch:
    """The most memory that was in use at once beyond what was in use at the beginning, by everything on the machine."""

    def __init__(self) -> None:
        first = memory()
        self._first = first.available if first else None
        self._least = self._first

    @property
    def peak(self) -> int | None:
        return None if self._first is None or self._least is None else max(0, self._first - self._least)

    async def watch(self) -> None:
        """Look at the memory until cancelled."""
        while (now := memory()) is not None and self._least is not None:
            self._least = min(self._least, now.available)
            await anyio.sleep(_SAMPLED)


def shortage(folders: Iterable[Path | None], least: int) -> str | None:
    """Which of the folders, None being none of this machine's, has fewer bytes free than that: `0.4 GB are free below …`."""
    for folder in folders:
        try:
            free = shutil.disk_usage(folder).free if folder is not None else least
        except OSError:
            continue
        if free < least:
            return f"only {free / 1e9:.1f} GB are free below `{folder}`"
    return None
