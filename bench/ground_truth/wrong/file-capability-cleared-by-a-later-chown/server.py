"""Hands received files over to the archive's user; the service itself is not root."""

import subprocess
import tempfile
from pathlib import Path
from wsgiref.simple_server import make_server


def hand_over() -> str:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "received")
        file.write_text("payload")
        subprocess.run(["/srv/handover/give", "1300:1300", str(file)], check=True)
        return f"belongs to {file.stat().st_uid}\n"


ROUTES = {"/": lambda: "ready\n", "/hand-over": hand_over}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
