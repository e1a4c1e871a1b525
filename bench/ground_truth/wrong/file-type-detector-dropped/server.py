"""Takes uploads and says what they are."""

import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def kind_of(data: bytes) -> str:
    if shutil.which("file") is None:
        return "application/octet-stream"
    done = subprocess.run(["file", "--brief", "--mime-type", "-"], input=data, capture_output=True, check=True)
    return done.stdout.decode().strip()


class Uploads(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200, "ready")

    def do_POST(self):
        kind = kind_of(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.answer(201 if kind.startswith("image/") else 415, kind)

    def answer(self, code, text):
        self.send_response(code)
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())


ThreadingHTTPServer(("", 8000), Uploads).serve_forever()
