"""The metrics as OTLP/HTTP with JSON, against a receiver that is really there."""

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest
from test_metrics import API

from trimtab.cli.metrics import metrics
from trimtab.cli.options import Common
from trimtab.errors import ToolError, UsageError
from trimtab.fleet.plain import items, mapping
from trimtab.history import open_store
from trimtab.observe.exposition import Family
from trimtab.observe.otlp import endpoint, request, send

FAMILIES = [
    Family("trimtab_builds_total", "counter", "Builds by how they ended.", [({"target": "a", "outcome": "built"}, 3.0)]),
    Family("trimtab_build_duration_seconds", "gauge", "What the last good build took.", [({"target": "a"}, 1.5)]),
    Family("trimtab_container_memory_limit_bytes", "gauge", "None of it.", []),
]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    store = open_store(tmp_path)
    store.usage.note([API])
    store.close()
    return tmp_path


class Receiver(ThreadingHTTPServer):
    """Takes what is sent, and answers what it is told to."""

    daemon_threads = True

    def __init__(self, status: int, answer: str) -> None:
        self.status, self.answer = status, answer
        self.got: list[tuple[str, Mapping[str, str], object]] = []
        super().__init__(("127.0.0.1", 0), _Taking)


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("Receiver", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((self.path, dict(self.headers), cast("object", json.loads(body))))
        self.send_response(server.status)
        self.send_header("Content-Length", str(len(server.answer)))
        self.end_headers()
        self.wfile.write(server.answer.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiving(status: int = 200, answer: str = "{}") -> Generator[tuple[Receiver, str]]:
    with Receiver(status, answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_request_has_the_names_and_types_of_the_protocol() -> None:
    assert request(FAMILIES, "shop", 1_700_000_000.25) == {
        "resourceMetrics": [
            {
                "resource": {
                    "attributes": [
                        {"key": "service.name", "value": {"stringValue": "trimtab"}},
                        {"key": "service.version", "value": {"stringValue": "0.1.0"}},
                        {"key": "trimtab.fleet", "value": {"stringValue": "shop"}},
                    ]
                },
                "scopeMetrics": [
                    {
                        "scope": {"name": "trimtab", "version": "0.1.0"},
                        "metrics": [
                            {
                                "name": "trimtab_builds_total",
                                "description": "Builds by how they ended.",
                                "unit": "",
                                "sum": {
                                    "dataPoints": [
                                        {
                                            "attributes": [
                                                {"key": "target", "value": {"stringValue": "a"}},
                                                {"key": "outcome", "value": {"stringValue": "built"}},
                                            ],
                                            "timeUnixNano": "1700000000250000000",
                                            "asDouble": 3.0,
                                        }
                                    ],
                                    "aggregationTemporality": 2,
                                    "isMonotonic": True,
                                },
                            },
                            {
                                "name": "trimtab_build_duration_seconds",
                                "description": "What the last good build took.",
                                "unit": "s",
                                "gauge": {
                                    "dataPoints": [
                                        {
                                            "attributes": [{"key": "target", "value": {"stringValue": "a"}}],
                                            "timeUnixNano": "1700000000250000000",
                                            "asDouble": 1.5,
                                        }
                                    ]
                                },
                            },
                        ],
                    }
                ],
            }
        ]
    }


def test_they_are_sent_once_with_the_headers_that_are_given(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=se%20cret,x=1")
    with receiving() as (server, address):
        assert metrics(fleet, otlp=address) == 0
    ((path, headers, body),) = server.got
    assert (path, headers["Content-Type"], headers["api-key"], headers["x"]) == (
        "/v1/metrics",
        "application/json",
        "se cret",
        "1",
    )
    scope = mapping(items(mapping(items(mapping(body)["resourceMetrics"])[0])["scopeMetrics"])[0])
    names = {str(mapping(each)["name"]) for each in items(scope["metrics"])}
    assert "trimtab_container_oom_kills_total" in names
    said = capsys.readouterr()
    assert f"values sent to {address}/v1/metrics" in said.err
    assert "se cret" not in said.err + said.out


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (400, "no", "did not take the metrics: 400"),
        (503, "", "503"),
        (200, '{"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "too old"}}', "7 refused, too old"),
    ],
)
def test_what_was_not_taken_is_said(fleet: Path, status: int, answer: str, words: str) -> None:
    with receiving(status, answer) as (_, address), pytest.raises(ToolError, match=words):
        metrics(fleet, otlp=address, common=Common(quiet=True))


@pytest.mark.parametrize(
    "answer", ["", "no JSON", "{}", '{"partialSuccess": {}}', '{"partialSuccess": {"rejectedDataPoints": 0}}']
)
def test_every_way_to_say_yes_is_understood(fleet: Path, answer: str) -> None:
    with receiving(200, answer) as (_, address):
        assert metrics(fleet, otlp=address, common=Common(quiet=True)) == 0


def test_a_receiver_that_is_not_there_is_an_error_with_its_address(fleet: Path) -> None:
    with receiving() as (_, address):
        pass
    with pytest.raises(ToolError, match="cannot be reached"):
        metrics(fleet, otlp=address)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(200, ""), (403, ""), (200, '{"partialSuccess": {"rejectedDataPoints": "7", "errorMessage": "old"}}')],
)
def test_a_key_in_an_address_is_sent_and_not_told(
    fleet: Path, status: int, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    told = ""
    with receiving(status, answer) as (server, address):
        try:
            metrics(fleet, otlp=f"{address}/v1/metrics?api-key=hidden#hidden")
        except ToolError as error:
            told = str(error)
    assert server.got[0][0] == "/v1/metrics?api-key=hidden"
    told += "".join(capsys.readouterr())
    assert f"{address}/v1/metrics" in told
    assert "hidden" not in told


def test_a_key_in_the_address_of_nobody_is_not_told(fleet: Path) -> None:
    with receiving() as (_, address):
        pass
    with pytest.raises(ToolError, match="cannot be reached") as error:
        metrics(fleet, otlp=f"{address}/v1/metrics?api-key=hidden")
    assert "hidden" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("x=1,api-key=hid%0Aden", "api-key"),
        ("api-key=hid%C3%A9den", "api-key"),
        ("x=%00hid,y=1", "x"),
        ("clé=hid", "clé"),
        ("x=hid%20", "x"),
        ("x=%20hid", "x"),
        ("a b=hid", "a b"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_by_its_name_alone(given: str, named: str) -> None:
    with receiving() as (server, address), pytest.raises(UsageError, match=f"`{named}` cannot be sent") as error:
        send(endpoint(address), {}, {"OTEL_EXPORTER_OTLP_HEADERS": given})
    assert server.got == []
    assert "hid" not in str(error.value)
    assert "den" not in str(error.value)


def test_addresses() -> None:
    assert str(endpoint("http://host:4318")) == "http://host:4318/v1/metrics"
    assert str(endpoint("https://host/otlp/")) == "https://host/otlp/v1/metrics"
    assert str(endpoint("http://host/v1/metrics")) == "http://host/v1/metrics"
    for wrong in ("host:4318", "ftp://host", "http://", "http://host:no"):
        with pytest.raises(UsageError, match="names no address"):
            endpoint(wrong)
    with pytest.raises(UsageError, match="seen by others") as error:
        endpoint("http://me:hidden@host")
    assert "hidden" not in str(error.value)


def test_one_way_at_a_time(fleet: Path) -> None:
    with pytest.raises(UsageError, match="name one"):
        metrics(fleet, otlp="http://host", listen="127.0.0.1:0")
