"""Answers every request with the same word."""

from collections.abc import Awaitable, Callable, Mapping

Event = Mapping[str, object]


async def app(scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here\n"})
