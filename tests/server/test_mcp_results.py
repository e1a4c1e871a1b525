"""What a client gets to see of a command that has ended."""

import json
from typing import cast

import pytest

from trimtab.build import Outcome
from trimtab.fleet.plain import items, mapping
from trimtab.mcp import order
from trimtab.mcp.child import Ended
from trimtab.mcp.concealing import Concealer
from trimtab.mcp.results import printed, result_of, shortened
from trimtab.mcp.tools import TOOLS
from trimtab.scan import LEVELS, Standing
from trimtab.verify import VerdictKind

BY_NAME = {tool.name: tool for tool in TOOLS}
PLAIN = Concealer({})
DEEP = '{"schema": "trimtab.x/1", "a": ' + "[" * 100_000 + "]" * 100_000 + "}"


def ended(code: int, data: object | None = None, *lines: str) -> Ended:
    return Ended(code, b"" if data is None else json.dumps(data).encode(), lines)


def review(*findings: dict[str, object]) -> dict[str, object]:
    return {
        "schema": "trimtab.review/1", "score": 1.0, "scores": {}, "files": [], "findings": list(findings), "contexts": [], "errors": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tool", "given", "outcome", "is_error"),
    [
        ("review", ended(0, review()), "done", False),
        ("review", ended(1, review({"severity": "low"})), "findings", False),
        ("review", ended(2, review()), "incomplete", False),
        ("review", ended(2, None, "error: no"), "could-not-run", True),
        ("review", ended(3, review()), "bug", True),
        ("review", ended(-9), "bug", True),
        ("build", ended(1, {"schema": "trimtab.build/1"}), "failed", False),
        ("gate", ended(1, {"schema": "trimtab.gate/1"}), "not-passed", False),
        ("optimize", ended(1, {"schema": "trimtab.optimize/1"}), "nothing-accepted", False),
        ("deploy", ended(130, {"schema": "trimtab.deployment/1"}), "interrupted", False),
        ("deploy", ended(1, None, "the build failed"), "failed", True),
    ],
)
def test_outcomes(tool: str, given: Ended, outcome: str, is_error: bool) -> None:
    found = result_of(BY_NAME[tool], given, 0, PLAIN)
    data = cast("dict[str, object]", found.structured_content)
    assert (data["outcome"], data["exit_code"], found.is_error) == (outcome, given.code, is_error)
    assert (data["result"] is None) == (not given.output)


def test_a_failed_command_says_why_in_words() -> None:
    found = result_of(BY_NAME["build"], ended(2, None, "error: No Docker engine answers."), 0, PLAIN)
    assert [json.loads(each.model_dump_json())["text"] for each in found.content] == ["error: No Docker engine answers."]


def test_the_last_event_is_the_result() -> None:
    output = b'{"event": "started"}\n{"event": "told", "text": "x"}\n{"schema": "trimtab.build/1", "run": "a"}\n'
    assert printed(output) == {"schema": "trimtab.build/1", "run": "a"}


@pytest.mark.parametrize("output", [b"", b"[1]", b"text", b'{"event": "started"}', b'{"schema": "tri', b"\xff", DEEP.encode()])
def test_what_is_no_result(output: bytes) -> None:
    assert printed(output) is None


def test_the_worst_findings_stay_and_the_rest_is_counted() -> None:
    every = review({"severity": "low", "line": 1}, {"severity": "critical", "line": 2}, {"severity": "high", "line": 3})
    shown, left_out = shortened(every, BY_NAME["review"].lists, 2)
    assert [mapping(each)["line"] for each in items(shown["findings"])] == [2, 3]
    assert left_out == {"findings": 1}
    assert shortened(every, BY_NAME["review"].lists, 0)[1] == {}


NO_SECRETS: list[object] = []


def counted(**counts: int) -> dict[str, int]:
    return dict.fromkeys(LEVELS, 0) | counts


@pytest.mark.parametrize(
    ("tool", "name", "entries"),
    [
        ("review", "findings", [{"severity": each} for each in ("critical", "high", "medium", "low", "info", "new")]),
        ("review", "files", [{"score": 12.5}, {"score": 60.0}, {"score": 100}]),
        ("review", "contexts", [{"bytes": 2000}, {"bytes": 10}, {"bytes": 0}]),
        ("fix", "files", [{"changed": False, "bug": "x"}, {"changed": True, "bug": None}, {"changed": False, "bug": None}]),
        ("optimize", "files", [{"verdict": each} for each in ("rejected", "inconclusive", "accepted")]),
        ("build", "targets", [{"outcome": each} for each in ("failed", "blocked", "cancelled", "built", "skipped")]),
        (
            "scan", "targets",
            [
                {"counts": counted(critical=1), "secrets": [{"severity": "critical"}]}, {"counts": counted(critical=1, low=9)},
                {"counts": counted(critical=1), "secrets": NO_SECRETS}, {"counts": counted(), "secrets": [{"severity": "high"}] * 2},
                {"counts": counted(high=1, medium=3)}, {"counts": counted(unknown=1)}, {"counts": counted()},
            ],
        ),
        ("scan", "controls", [{"standing": each} for each in ("fail", "not checked", "pass", "not applicable")]),
    ],
)  # fmt: skip
def test_the_worst_comes_first_whatever_order_it_was_in(tool: str, name: str, entries: list[object]) -> None:
    for most in range(1, len(entries) + 1):
        for given in (entries, entries[::-1]):
            assert shortened({"schema": "x", name: given}, BY_NAME[tool].lists, most)[0][name] == entries[:most]


@pytest.mark.parametrize(("tool", "name"), [("plan", "batches"), ("scan", "not_checked")])
def test_what_has_an_order_of_its_own_keeps_it(tool: str, name: str) -> None:
    batches = [{"severity": each} for each in ("low", "critical", "info")]
    assert shortened({"schema": "x", name: batches}, BY_NAME[tool].lists, 2)[0][name] == batches[:2]


def test_every_end_that_there_is_has_its_place() -> None:
    for key, find, kinds in (
        ("outcome", order.build, Outcome),
        ("verdict", order.verdict, VerdictKind),
        ("standing", order.control, Standing),
    ):
        assert sorted(find({key: str(kind)}) for kind in kinds) == [(number,) for number in range(len(kinds))]


SECRET = "correct-horse-battery"


@pytest.mark.parametrize(
    "line",
    [
        f"ENV API_TOKEN={SECRET}",
        f"-ARG DB_PASSWORD={SECRET}",
        f"+      POSTGRES_PASSWORD: {SECRET}",
        f"-      - POSTGRES_PASSWORD={SECRET}",
        f'       environment: {{SECRET_KEY: "{SECRET}", DEBUG: "1"}}',
        f"RUN DB_PASSWORD='{SECRET}' make",
        f"<td>ENV API_TOKEN={SECRET}</td>",
        f"the engine said {SECRET}",
    ],
)
def test_credentials_are_concealed(line: str) -> None:
    concealed = Concealer({"SHOP_API_KEY": SECRET}).text(line) if "engine" in line else PLAIN.text(line)
    assert SECRET not in concealed
    assert "***" in concealed


@pytest.mark.parametrize("depth", [1, 900, 100_000])
def test_credentials_in_a_document_are_concealed_however_deep_they_are(depth: int) -> None:
    document = "[" * depth + json.dumps(f"ENV API_TOKEN={SECRET}") + "]" * depth
    shown = PLAIN.document(document)
    assert SECRET not in shown
    assert "API_TOKEN=***" in shown
    assert shown.count("[") == depth


@pytest.mark.parametrize("key", ["ghp_" + "a1B2" * 9, "AKIA" + "QWERTYUIOPASDFGH"])
def test_credentials_of_a_known_format_are_concealed(key: str) -> None:
    assert PLAIN.data({"diff": ["x\n-RUN curl -H " + key + "\n"]}) == {"diff": ["x\n-RUN curl -H ***\n"]}


def test_a_private_key_is_concealed_whole() -> None:
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    assert PLAIN.text(f"a\n{begin}\nMIIE\n{end}\nb") == "a\n***\nb"
    assert PLAIN.text(f"a\n{begin}\nMIIE\nMIIF") == "a\n***"


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "-----END PGP PRIVATE KEY BLOCK-----"),
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", "---- END SSH2 ENCRYPTED PRIVATE KEY ----"),
    ],
)
def test_a_private_key_is_concealed_line_by_line(begin: str, end: str) -> None:
    body = ["MIIEpAIBAAKCAQEAx", "Version: 1", "", "qW3=="]
    said = ["before", f"#7 0.2 {begin}", *body, f"{end} behind", "after", f"{begin} MIIE {end}", "last", begin, *body]
    conceal = PLAIN.lines()
    assert [conceal(line) for line in said] == [
        "before", "#7 0.2 ***", "", "", "", "", " behind", "after", "***", "last", "***", "", "", "", "",
    ]  # fmt: skip
    assert PLAIN.lines()("another output") == "another output"
    assert PLAIN.text("\n".join(said)) == "before\n#7 0.2 *** behind\nafter\n***\nlast\n***"


def test_each_line_of_a_credential_of_several_lines_is_concealed() -> None:
    conceal = Concealer({"SHOP_SECRET": f"first-of-it\n  {SECRET}\n"}).lines()
    assert [conceal(line) for line in ("x first-of-it", SECRET, "y")] == ["x ***", "***", "y"]


@pytest.mark.parametrize(
    "line",
    [
        "ENV API_TOKEN=${API_TOKEN}",
        "`API_TOKEN` is set by ENV: its name says a credential",
        "FROM python@sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "+RUN --mount=type=secret,id=token pip install -r r.txt",
    ],
)
def test_what_is_no_credential_stays(line: str) -> None:
    assert PLAIN.text(line) == line
