"""Lists the members in the order of a German telephone book."""

import subprocess
from wsgiref.simple_server import make_server


def members() -> str:
    return subprocess.run(["sort", "members.txt"], capture_output=True, text=True, check=True).stdout


ROUTES = {"/": lambda: "ready\n", "/members": members}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
