"""The first error of work done side by side comes alone, and the rest is cancelled."""

from functools import partial

import anyio
import pytest

from trimtab.deploy.together import together
from trimtab.errors import EngineMissing


def test_the_first_error_comes_alone() -> None:
    ended: list[str] = []

    async def fails() -> None:
        await anyio.sleep(0)
        raise EngineMissing("gone")

    async def waits() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("waits")

    with pytest.raises(EngineMissing, match="gone"):
        anyio.run(together, [fails, waits])
    assert ended == ["waits"]


def test_all_of_it_is_done() -> None:
    done: list[int] = []

    async def one(number: int) -> None:
        done.append(number)

    anyio.run(together, [partial(one, number) for number in range(3)])
    assert sorted(done) == [0, 1, 2]
