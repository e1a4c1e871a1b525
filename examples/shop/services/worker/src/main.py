import asyncio
import os
import sys

import orjson

sys.path.insert(0, "/app/shared")
from shoplib import serve_health, store  # noqa: E402


async def work(state: dict) -> None:
    while True:
        job = await store("LPOP", "jobs")
        state["done"] += bool(job)
        state["last"] = orjson.dumps({"job": job}).decode()
        await asyncio.sleep(float(os.environ.get("PAUSE", "1")))


async def main() -> None:
    state = {"status": "ok", "done": 0}
    await asyncio.gather(work(state), serve_health(8003, state))


asyncio.run(main())
