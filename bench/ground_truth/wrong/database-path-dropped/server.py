"""Takes orders."""

import os
import sqlite3
from wsgiref.simple_server import make_server

database = sqlite3.connect(os.environ.get("DATABASE_PATH", "/tmp/orders.db"))
database.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY)")


def order() -> str:
    database.execute("INSERT INTO orders DEFAULT VALUES")
    database.commit()
    return f"{database.execute('SELECT count(*) FROM orders').fetchone()[0]} orders\n"


ROUTES = {"/": lambda: "ready\n", "/order": order}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
