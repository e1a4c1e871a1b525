"""Says when a shop opens, in UTC."""

import csv
from datetime import datetime
from pathlib import Path
from wsgiref.simple_server import make_server
from zoneinfo import ZoneInfo


def opening() -> str:
    with Path("hours.csv").open() as file:
        rows = list(csv.reader(file))
    times = [(city, datetime(2024, 7, 1, int(hour), tzinfo=ZoneInfo(zone))) for city, zone, hour in rows]
    return "".join(f"{city} {time.astimezone(ZoneInfo('UTC')):%H:%M}\n" for city, time in times)


ROUTES = {"/": lambda: "ready\n", "/opening": opening}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
