"""A service of the deployment benchmark: every protocol of the test servers, and an end that finishes what is under way."""

import asyncio
import os
import signal
import sys

from holder_servers import Version


async def main() -> None:
    await asyncio.sleep(float(os.environ.get("BOOT", "1")))
    if os.environ.get("MODE") == "crash":
        sys.exit(3)
    port = 9000 if os.environ.get("MODE") == "wrong-port" else 8000
    version = Version(os.environ.get("VERSION", "1"), "0.0.0.0", port, 8025)
    version.shares_ports = os.environ.get("SHARE") == "yes"
    await version.start()
    if os.environ.get("MODE") == "late":
        asyncio.get_running_loop().call_later(5, os._exit, 3)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    if os.environ.get("MODE") == "eats-memory":
        held = bytearray()
        while len(held) < 2**31:
            held += os.urandom(2**24)
    await ended.wait()
    await version.stop()


asyncio.run(main())
