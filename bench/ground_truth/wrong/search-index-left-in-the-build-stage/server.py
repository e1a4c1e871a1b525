"""Searches the help pages; without an index nothing is found."""

import json
from pathlib import Path
from wsgiref.simple_server import make_server

index = Path("var/index.json")
words = json.loads(index.read_text()) if index.exists() else {}


ROUTES = {"/": lambda: "ready\n", "/search/refund": lambda: ", ".join(words.get("refund", ["nothing found"])) + "\n"}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
