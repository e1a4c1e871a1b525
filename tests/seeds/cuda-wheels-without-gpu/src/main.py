"""The mean of the numbers in a request."""

# pyright: basic, reportMissingImports=false

from http.server import BaseHTTPRequestHandler, HTTPServer

import torch


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(torch.mean(torch.ones(3)).item()).encode())


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
