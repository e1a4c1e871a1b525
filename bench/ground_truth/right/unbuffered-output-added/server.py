"""Adds numbers of any size."""

import subprocess
from wsgiref.simple_server import make_server


def add() -> str:
    return subprocess.run(["bc"], input="2^70 + 1\n", capture_output=True, text=True, check=True).stdout


ROUTES = {"/": lambda: "ready\n", "/sum": add}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
