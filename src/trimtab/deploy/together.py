"""Work done side by side."""

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

import anyio


async def together(does: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Do all of it side by side.

    Raises:
        Exception: the first error of any, alone and as it was; the others were cancelled by it.
    """
    try:
        async with anyio.create_task_group() as group:
            for each in does:
                group.start_soon(each)
    except BaseExceptionGroup as error:
        raise _first(error) from error


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error
