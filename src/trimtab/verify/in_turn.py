"""Work that is begun in its order, so many pieces of it at a time."""

from collections.abc import Awaitable, Callable, Iterable

import anyio


async def in_turn(most: int, jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all jobs, the next one as soon as fewer than `most` are under way."""
    free = anyio.Semaphore(most)

    async def one(job: Callable[[], Awaitable[None]]) -> None:
        try:
            await job()
        finally:
            free.release()

    async with anyio.create_task_group() as group:
        for job in jobs:
            await free.acquire()
            group.start_soon(one, job)
