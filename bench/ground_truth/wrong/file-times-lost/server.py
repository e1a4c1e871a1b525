"""Answers with the newest price list; of equally old ones, the last by name."""

from pathlib import Path
from wsgiref.simple_server import make_server


def newest() -> str:
    return max(Path("lists").iterdir(), key=lambda path: (int(path.stat().st_mtime), path.name)).read_text()


ROUTES = {"/": lambda: "ready\n", "/price": newest}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
