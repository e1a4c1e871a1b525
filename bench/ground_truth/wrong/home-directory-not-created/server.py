"""Keeps previews in the cache folder of its user."""

from pathlib import Path
from wsgiref.simple_server import make_server


def preview() -> str:
    cache = Path.home() / ".cache" / "preview"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "1.txt").write_text("a lamp")
    return f"{len(list(cache.iterdir()))} kept\n"


ROUTES = {"/": lambda: "ready\n", "/preview": preview}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
