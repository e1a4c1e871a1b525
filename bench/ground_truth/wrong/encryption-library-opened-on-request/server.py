"""Hands out random tokens; libsodium is looked up when the first one is wanted."""

import ctypes
import ctypes.util
from wsgiref.simple_server import make_server


def token() -> str:
    found = ctypes.util.find_library("sodium")
    if found is None:
        raise RuntimeError("libsodium is not installed")
    sodium = ctypes.CDLL(found)
    sodium.sodium_init()
    buffer = ctypes.create_string_buffer(16)
    sodium.randombytes_buf(buffer, 16)
    return f"{len(buffer.raw.hex())} characters\n"


ROUTES = {"/": lambda: "ready\n", "/token": token}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
