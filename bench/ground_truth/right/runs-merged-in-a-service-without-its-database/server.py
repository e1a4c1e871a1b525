"""Answers once its database does, which it waits for."""

import os
import socket
import time
from wsgiref.simple_server import make_server

while True:
    try:
        socket.create_connection((os.environ["DATABASE_HOST"], 5432), timeout=1).close()
        break
    except OSError as error:
        print(f"no database yet: {error}", flush=True)
        time.sleep(1)


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"ready\n"]


make_server("", 8000, app).serve_forever()
