"""Says hello at the port it is told."""

import argparse
from wsgiref.simple_server import make_server

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)


def app(environ, start_response):
    start_response("200 OK", [])
    return [b"hello\n"]


make_server("", parser.parse_args().port, app).serve_forever()
