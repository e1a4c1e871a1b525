import asyncio
import sys
from datetime import datetime

from croniter import croniter

sys.path.insert(0, "/app/shared")
from shoplib import serve_health, store  # noqa: E402


async def schedule(state: dict) -> None:
    while True:
        state["next"] = croniter("*/5 * * * *", datetime.now()).get_next(datetime).isoformat()
        state["store"] = await store("RPUSH", "jobs", state["next"]) or "unreachable"
        await asyncio.sleep(5)


async def main() -> None:
    state = {"status": "ok"}
    await asyncio.gather(schedule(state), serve_health(8004, state))


asyncio.run(main())
