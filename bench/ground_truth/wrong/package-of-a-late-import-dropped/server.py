"""Cleans names; what a cleaner needs is imported when it is used."""

from importlib import import_module
from wsgiref.simple_server import make_server

import six

CLEANERS = {"address": ("slugify", "slugify"), "plain": ("builtins", "str")}


def clean(cleaner: str) -> str:
    module, function = CLEANERS[cleaner]
    return getattr(import_module(module), function)(six.ensure_str("Crème Brûlée")) + "\n"


ROUTES = {"/": lambda: clean("plain"), "/address": lambda: clean("address")}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
