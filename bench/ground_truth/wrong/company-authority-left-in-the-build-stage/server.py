"""Says whether a partner's certificate is signed by an authority that this machine trusts."""

import subprocess
from wsgiref.simple_server import make_server


def partner() -> str:
    done = subprocess.run(["openssl", "verify", "partner.pem"], capture_output=True, text=True, check=False)
    return "trusted\n" if done.returncode == 0 else "not trusted\n"


ROUTES = {"/": lambda: "ready\n", "/partner": partner}


def app(environ, start_response):
    answer = ROUTES.get(environ["PATH_INFO"])
    start_response("200 OK" if answer else "404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer().encode() if answer else b"not found\n"]


make_server("", 8000, app).serve_forever()
