"""How many things may run at once, with the right to run alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class Slots:
    """A bound on concurrency. A measurement takes all slots, so that nothing else disturbs its clock."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = count
        self._changed = anyio.Condition()
        self._whole = anyio.Lock()

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        async with self._whole:
            await self._take(1)
        try:
            yield
        finally:
            await self._give(1)

    @asynccontextmanager
    async def all(self) -> AsyncGenerator[None]:
        """Wait until everything else is done; nothing new starts meanwhile."""
        async with self._whole:
            await self._take(self.count)
        try:
            yield
        finally:
            await self._give(self.count)

    async def _take(self, number: int) -> None:
        async with self._changed:
            while self._free < number:
                await self._changed.wait()
            self._free -= number

    async def _give(self, number: int) -> None:
        with anyio.CancelScope(shield=True):
            async with self._changed:
                self._free += number
                self._changed.notify_all()
