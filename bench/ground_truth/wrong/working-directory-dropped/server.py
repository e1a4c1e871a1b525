"""Answers with tariffs."""

from pathlib import Path
from wsgiref.simple_server import make_server

ROUTES = {"/": lambda: "ready\n", "/2024": lambda: Path("tariffs/2024.csv").read_text()}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
