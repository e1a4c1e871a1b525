"""Callers of the deployment benchmark; prints what became of their requests as JSON when it is told to end.

caller.py ADDRESS PORT GREETING_PORT RATE
"""

import asyncio
import json
import signal
import socket
import sys
import time

from holder_load import Load


class FirstAddress(Load):
    """Also callers that take the first address of a name, and never try another."""

    def start(self, rate: float = 15.0) -> "FirstAddress":
        super().start(rate)
        self._steady("first address", rate, self._first)
        return self

    async def _first(self) -> str:
        found = await asyncio.get_running_loop().getaddrinfo(self.address, self.port, type=socket.SOCK_STREAM)
        one = Load(str(found[0][4][0]), self.port, self.greeting_port, self.http_port)
        return await one._close(self.port, "/")


async def main() -> None:
    address, port, greeting, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    load = FirstAddress(address, port, greeting, port).start(rate)
    began = time.monotonic()
    print("started", flush=True)
    await ended.wait()
    tallies = await load.stop()
    found = {
        kind: {
            "requests": tally.total, "failed": len(tally.failures), "longest": round(tally.longest, 2),
            "reconnects": tally.reconnects,
            "versions": dict(tally.answers), "failures": tally.failures[:5],
        }
        for kind, tally in sorted(tallies.items())
    }  # fmt: skip
    print(json.dumps({"seconds": round(time.monotonic() - began, 1), "kinds": found}), flush=True)


asyncio.run(main())
