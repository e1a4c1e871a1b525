"""Serving from this machine: what is said of a browser that goes away, and of a bug."""

import socket
import struct
import threading

import pytest

from trimtab.addresses import Address
from trimtab.cli.serving import Handler, listen


class Answers(Handler):
    """Fails as a request asks for it."""

    def do_GET(self) -> None:
        if self.path == "/bug":
            raise LookupError("a bug")
        if self.path == "/slow":
            raise TimeoutError
        self.answer(200, "x")


def asked(words: bytes, capsys: pytest.CaptureFixture[str], *, reset: bool = True) -> str:
    """What is said of a client that sends these words, and then resets its connection or ends it well."""
    others = set(threading.enumerate())
    with listen(Address("127.0.0.1", 0), Answers) as server:
        with socket.create_connection(("127.0.0.1", server.server_port)) as client:
            client.sendall(words)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", reset, 0))
        server.handle_request()
        for thread in set(threading.enumerate()) - others:
            thread.join(30)
            assert not thread.is_alive()
    return capsys.readouterr().err


@pytest.mark.parametrize("words", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_browser_that_goes_away_is_no_news(words: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(words, capsys) == ""


def test_anything_else_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert "LookupError: a bug" in asked(b"GET /bug HTTP/1.1\r\nHost: x\r\n\r\n", capsys, reset=False)
