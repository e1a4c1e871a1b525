"""Serves pictures with their type."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

ThreadingHTTPServer(("", 8000), partial(SimpleHTTPRequestHandler, directory="pictures")).serve_forever()
