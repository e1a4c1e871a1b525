"""Prints pages into a folder that another service empties."""

from pathlib import Path
from wsgiref.simple_server import make_server


def page() -> str:
    Path("out/1.txt").write_text("page")
    return f"{Path('out/1.txt').stat().st_uid}\n"


ROUTES = {"/": lambda: "ready\n", "/print": page}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
