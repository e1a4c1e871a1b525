"""Counts notes."""

import sqlite3
from wsgiref.simple_server import make_server

database = sqlite3.connect("/var/lib/notes/notes.db")
database.execute("CREATE TABLE IF NOT EXISTS notes (text TEXT)")
database.commit()


ROUTES = {"/": lambda: f"{database.execute('SELECT count(*) FROM notes').fetchone()[0]} notes\n"}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
