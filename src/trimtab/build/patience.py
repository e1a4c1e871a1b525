"""Trying a build again when what failed was not the build."""

from collections.abc import Awaitable, Callable

import anyio

from trimtab.build.failures import Outage
from trimtab.build.image import BuildResult
from trimtab.docker import Runner, engine_version
from trimtab.errors import EngineMissing

PAUSES = (2, 8)
"""Seconds before a build is tried again. What has not come back after them is likely to be away for longer."""
_ENGINE_ANSWERS = 60
"""Seconds that an engine which restarts is waited for."""


async def patiently(
    runner: Runner, attempt: Callable[[], Awaitable[BuildResult]], tell: Callable[[str], None], *, retries: bool = True
) -> tuple[BuildResult, int]:
    """The result of a build and the number of attempts: tried again where the network or the engine failed, not elsewhere."""
    result = await attempt()
    attempts = 1
    for pause in PAUSES if retries else ():
        failed = result.outage
        if failed is None or not failed.passes:
            break
        tell(f"{failed}; building again in {pause} s")
        await anyio.sleep(pause)
        if failed is Outage.ENGINE:
            await _engine_is_back(runner)
        result = await attempt()
        attempts += 1
    return result, attempts


async def _engine_is_back(runner: Runner) -> None:
    with anyio.move_on_after(_ENGINE_ANSWERS):
        while True:
            try:
                await engine_version(runner)
                return
            except EngineMissing:
                await anyio.sleep(1)
