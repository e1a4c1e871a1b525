"""Answers in plain text, or as JSON when asked for that."""

import socket


def answer(path: str) -> str:
    if path == "/report.json":
        import json

        return json.dumps({"lamps": 3, "chairs": 5})
    return "3 lamps, 5 chairs"


server = socket.create_server(("", 8000))
while True:
    client, _ = server.accept()
    with client:
        words = client.recv(4096).decode().split()
        try:
            status, text = "200 OK", answer(words[1] if len(words) > 1 else "/")
        except ImportError as error:
            status, text = "500 Internal Server Error", f"{error}"
        client.sendall(f"HTTP/1.0 {status}\r\n\r\n{text}\n".encode())
