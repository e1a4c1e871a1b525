"""Lists the reports there are."""

from importlib import import_module
from pathlib import Path
from wsgiref.simple_server import make_server


def reports() -> str:
    names = sorted(path.stem for path in Path("reports").glob("[a-z]*.py"))
    return "".join(import_module(f"reports.{name}").TITLE + "\n" for name in names)


ROUTES = {"/": lambda: "ready\n", "/reports": reports}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
