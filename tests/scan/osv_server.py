"""A server on the loopback that speaks the OSV API, from documents it is given."""

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Document = Mapping[str, Any]


@dataclass
class OsvServer:
    """What it knows, what it was asked, and how it is to misbehave."""

    documents: Mapping[str, Document]
    asked: list[str] = field(default_factory=list[str])
    fail: int = 0
    """How many requests are to be answered with 503."""
    page: int = 1000
    broken: str = ""
    """`no document`: every id is unknown; `no id`: documents have none."""
    short: bool = False
    """Whether the last result of a batch is to be left out."""
    address: str = ""

    def matching(self, query: Mapping[str, Any]) -> list[Document]:
        wanted, version = query["package"], query.get("version", "")
        return [each for each in self.documents.values() if any(_concerns(p, wanted, version) for p in each["affected"])]


def _concerns(part: Mapping[str, Any], wanted: Mapping[str, str], version: str) -> bool:
    """Written without the code under test: by the list of versions where there is one, else by intervals."""
    named = part["package"]
    if (named["ecosystem"], canonicalize_name(named["name"])) != (wanted["ecosystem"], canonicalize_name(wanted["name"])):
        return False
    if not version:
        return True
    own = Version(version)
    if part.get("versions"):
        return version in part["versions"] or own in _readable(part["versions"])
    return any(_inside(own, each["events"]) for each in part.get("ranges", []))


def _readable(versions: Sequence[str]) -> list[Version]:
    found: list[Version] = []
    for each in versions:
        with suppress(InvalidVersion):
            found.append(Version(each))
    return found


def _inside(own: Version, events: Sequence[Mapping[str, str]]) -> bool:
    low: Version | None = None
    for event in events:
        if "introduced" in event:
            low = Version(event["introduced"])
        elif low is not None:
            high = Version(event.get("fixed") or event["last_affected"])
            if low <= own < high or (own == high and "last_affected" in event):
                return True
            low = None
    return low is not None and low <= own


@contextmanager
def serving(documents: Sequence[Document]) -> Generator[OsvServer]:
    state = OsvServer({str(each["id"]): each for each in documents})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(state: OsvServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = cast("dict[str, Any]", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            state.asked.append(self.path)
            if self.path == "/v1/querybatch":
                results = [self._result(query) for query in body["queries"]]
                self._answer({"results": results[:-1] if state.short else results})
            else:
                self._answer({"vulns": state.matching(body)})

        def _result(self, query: Mapping[str, Any]) -> dict[str, object]:
            found = state.matching(query)
            start = int(query.get("page_token") or 0)
            part = found[start : start + state.page]
            result: dict[str, object] = {"vulns": [{"id": e["id"], "modified": e["modified"]} for e in part]} if part else {}
            more = start + state.page < len(found)
            return {**result, "next_page_token": str(start + state.page)} if more else result

        def do_GET(self) -> None:
            state.asked.append(self.path)
            document = state.documents.get(self.path.rpartition("/")[2]) if state.broken != "no document" else None
            if state.broken == "no id":
                document = {"summary": "nothing"}
            self._answer(document if document else {"code": 5}, 200 if document else 404)

        def _answer(self, data: object, code: int = 200) -> None:
            if state.fail:
                state.fail, code = state.fail - 1, 503
            content = json.dumps(data, default=str).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Handler
