"""What the Python services share: a small client of the store, and answering HTTP without a framework."""

import asyncio
import json
import os


async def store(*words: str) -> str:
    """One command to the store, in its own protocol; an empty answer when it cannot be reached."""
    host, _, port = os.environ.get("STORE", "store:6379").partition(":")
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 2)
    except OSError:
        return ""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    writer.write(request.encode())
    answer = (await reader.readline()).decode().strip()
    if answer.startswith("$") and answer != "$-1":
        answer = (await reader.readline()).decode().strip()
    writer.close()
    return answer


async def serve_health(port: int, state: dict) -> None:
    """Answer every request with the state as JSON."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        body = json.dumps(state).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", port)
    await server.serve_forever()
