"""Draws ticket codes; the library is opened for the first ticket."""

import ctypes
from wsgiref.simple_server import make_server


def version() -> str:
    library = ctypes.CDLL("libqrencode.so.4")
    library.QRcode_APIVersionString.restype = ctypes.c_char_p
    return library.QRcode_APIVersionString().decode().split(".")[0] + "\n"


ROUTES = {"/": lambda: "ready\n", "/version": version}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
