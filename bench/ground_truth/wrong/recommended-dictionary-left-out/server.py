"""Finds misspelt words."""

import subprocess
from wsgiref.simple_server import make_server


def check() -> str:
    done = subprocess.run(
        ["aspell", "list", "--lang=en"], input="a tabel and a chair", capture_output=True, text=True, check=True
    )
    return done.stdout


ROUTES = {"/": lambda: "ready\n", "/check": check}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
