"""What an engine says of an image: its configuration, or one of our own errors."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from trimtab.docker import Command
from trimtab.docker.images import ImageConfig, read_configs
from trimtab.docker.runner import Completed
from trimtab.errors import TrimtabError
from trimtab.rules import Effects
from trimtab.verify.configs import compare_configs, start_names


class _Said:
    """An engine that says one thing."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    async def run(
        self, command: Command, *, on_line: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> Completed:
        return Completed(command.argv, 0, self._data, "")

    async def stream(self, command: Command, sink: Callable[[bytes], object]) -> Completed:
        sink(self._data)
        return Completed(command.argv, 0, b"", "")


def check(data: bytes) -> None:
    found: list[ImageConfig] = []
    with suppress(TrimtabError):
        found = asyncio.run(read_configs(_Said(data), ["a"]))
    for config in found:
        _ = config.env
        start_names(config)
        compare_configs(config, config, Effects())
