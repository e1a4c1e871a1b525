"""The devices that models can run on."""

# pyright: basic, reportMissingImports=false

from http.server import BaseHTTPRequestHandler, HTTPServer

from openvino import Core


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(Core().available_devices).encode())


if __name__ == "__main__":
    HTTPServer(("", 8000), Handler).serve_forever()
