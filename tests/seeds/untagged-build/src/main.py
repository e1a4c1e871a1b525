"""Says how many places are left in the car park."""

from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"42")


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
