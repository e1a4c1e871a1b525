"""Prints amounts the way the customers write them."""

import locale
from wsgiref.simple_server import make_server


def total() -> str:
    try:
        locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
    except locale.Error:
        locale.setlocale(locale.LC_ALL, "")
    return locale.format_string("%.2f EUR\n", 12345.5, grouping=True)


ROUTES = {"/": lambda: "ready\n", "/total": total}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
