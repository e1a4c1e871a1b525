"""Prints an amount the German way."""

import locale
from wsgiref.simple_server import make_server

locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")


ROUTES = {"/": lambda: locale.format_string("%.2f\n", 12345.5, grouping=True)}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
