"""Answers every request with the same word."""

from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"here\n")


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
