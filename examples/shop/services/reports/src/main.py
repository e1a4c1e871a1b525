import asyncio

from shoplib import serve_health, store
from tabulate import tabulate


async def main() -> None:
    state = {"status": "ok", "report": tabulate([["jobs", await store("LLEN", "jobs") or "?"]])}
    await serve_health(8006, state)


asyncio.run(main())
