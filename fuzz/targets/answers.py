"""Answers of an engine over HTTP: read in their order, or the connection is said to be broken."""

from contextlib import suppress

from trimtab.docker.api import Request, read_answers

_ASKED = [Request("GET", "/info"), Request("POST", "/containers/create", body={})]


def check(data: bytes) -> None:
    for answer in read_answers(data, _ASKED):
        _ = answer.message
        with suppress(ValueError):
            _ = answer.json
