"""Counts its visitors in a file."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

COUNT = Path("/data/visitors")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        visitors = int(COUNT.read_text()) + 1 if COUNT.exists() else 1
        COUNT.write_text(str(visitors))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(visitors).encode())


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
