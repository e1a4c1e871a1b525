"""The tariff that a file holds, as JSON."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer

import yaml

TARIFF = yaml.safe_load("basic: 12\nextra: 20\n")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(TARIFF).encode())


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
