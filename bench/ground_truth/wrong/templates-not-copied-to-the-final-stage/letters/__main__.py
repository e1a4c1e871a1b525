"""Fills letters; a template is read when its letter is wanted."""

from importlib.resources import files
from string import Template
from wsgiref.simple_server import make_server


def reminder() -> str:
    text = (files("letters") / "templates" / "reminder.txt").read_text()
    return Template(text).substitute(name="Ada", amount="12 EUR")


ROUTES = {"/": lambda: "ready\n", "/reminder": reminder}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
