"""Needs its database from the first moment on."""

import os
import socket
import sys
from wsgiref.simple_server import make_server

try:
    database = socket.create_connection((os.environ["DATABASE_HOST"], 5432), timeout=1)
except OSError:
    sys.exit("no database")


def app(environ, start_response):
    start_response("200 OK", [])
    return [f"database at {database.getpeername()[1]}\n".encode()]


make_server("", 8000, app).serve_forever()
