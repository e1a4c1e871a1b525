"""What is known of a target's inputs where its own instructions do not say it plainly. Each case changes one file."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from trimtab.build import build_graph
from trimtab.build.affected import Changed, affected
from trimtab.build.inputs import knows_all
from trimtab.build.seen import look
from trimtab.fleet import DiskTree, Fleet, discover

ONE = "services:\n  a: {build: a}\n"
TWO = "services:\n  b: {build: b, image: acme/b}\n  a: {build: a}\n"


@pytest.mark.parametrize(
    ("files", "changed", "who"),
    [
        # The builder gives the platform's arguments their values.
        ({"a/Dockerfile": "FROM debian\nARG TARGETARCH\nCOPY bin/${TARGETARCH}/app /app\n"}, "a/bin/amd64/app", {"a"}),
        ({"a/Dockerfile": "FROM debian AS b-amd64\nCOPY x /x\nFROM debian AS c\nFROM b-${TARGETARCH}\n"}, "a/x", {"a"}),
        (
            {"a/Dockerfile": "FROM debian AS b-amd64\nCOPY x /x\nFROM debian\nARG TARGETARCH\nCOPY --from=b-$TARGETARCH /x /\n"},
            "a/x",
            {"a"},
        ),
        ({"a/Dockerfile": "FROM debian AS other\nCOPY x /x\nFROM debian AS b-amd64\nFROM b-$TARGETARCH\n"}, "a/x", set[str]()),
        # So may a base.
        ({"a/Dockerfile": "FROM acme/x\nCOPY ${FOLDER}/x /x\n"}, "a/s/x", {"a"}),
        ({"a/Dockerfile": "FROM debian\nARG FOLDER=s\nCOPY ${FOLDER}/x /x\n"}, "a/t/x", set[str]()),
        # What a base has put off is done by whoever starts from it.
        ({"a/Dockerfile": "FROM debian AS b\nONBUILD COPY x /x\nFROM b\n"}, "a/x", {"a"}),
        ({"a/Dockerfile": "FROM debian AS b\nONBUILD COPY x /x\nFROM b\n"}, "a/y", set[str]()),
        ({"compose.yaml": TWO, "b/Dockerfile": "FROM debian\nONBUILD COPY . /x\n", "a/Dockerfile": "FROM acme/b\n"}, "a/x", {"a"}),
        (
            {
                "compose.yaml": TWO,
                "b/Dockerfile": "FROM debian\nONBUILD RUN --mount=source=x,target=/x ls\n",
                "a/Dockerfile": "FROM acme/b\n",
            },
            "a/x",
            {"a"},
        ),
        ({"compose.yaml": TWO, "b/Dockerfile": "FROM debian\nONBUILD COPY . /x\n", "a/Dockerfile": "FROM acme/b\n"}, "b/x", set[str]()),
        (
            {
                "compose.yaml": TWO,
                "b/Dockerfile": "FROM debian\nONBUILD COPY . /x\n",
                "a/Dockerfile": "FROM debian\nCOPY --from=acme/b /x /x\n",
            },
            "a/x",
            set[str](),
        ),
    ],
)  # fmt: skip
def test_who_reads_it(
    fleet: Callable[[Mapping[str, str]], Fleet], files: Mapping[str, str], changed: str, who: set[str]
) -> None:
    graph = build_graph(fleet({"compose.yaml": ONE, changed: "1", **files}), "x")
    found = affected(graph, graph, Changed((changed,)))
    assert {name for name, reach in found.items() if reach.affected} == who


@pytest.mark.parametrize(
    ("compose", "dockerfile", "changed", "differs"),
    [
        ("{context: a, additional_contexts: {lib: lib}}", "FROM debian\nCOPY --from=lib x /x\n", "lib/x", True),
        ("{context: a, additional_contexts: {lib: lib}}", "FROM debian\nCOPY --from=lib x /x\n", "lib/y", False),
        ("{context: a, additional_contexts: {lib: .}}", "FROM debian\nCOPY --from=lib . /x\n", ".trimtab/x", False),
        (
            "{context: a, additional_contexts: {lib: lib}}",
            "FROM debian\nRUN --mount=from=lib,target=/l ls\n",
            "lib/deep/x",
            True,
        ),
        ("{context: a, dockerfile_inline: 'FROM debian\n\n        COPY x /x'}", "FROM debian\n", "a/x", True),
        ("a", "FROM debian AS b\nONBUILD COPY x /x\nFROM b\n", "a/x", True),
    ],
)
def test_what_is_kept_of_a_build_tells_another_one(
    tmp_path: Path, compose: str, dockerfile: str, changed: str, *, differs: bool
) -> None:
    """What `--resume` leaves out, and what a missed step is explained by."""
    for path, text in {
        "compose.yaml": f"services:\n  a: {{build: {compose}}}\n",
        "a/Dockerfile": dockerfile,
        changed: "1",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    def kept() -> str:
        target = build_graph(discover(DiskTree(tmp_path)), "x").targets["a"]
        assert knows_all(target)
        return look(tmp_path, target, {}, "default", None).fingerprint

    before = kept()
    (tmp_path / changed).write_text("other")
    assert (kept() != before) is differs


@pytest.mark.parametrize(
    ("build", "dockerfile"),
    [
        ("https://example.com/x.git", ""),
        ("../elsewhere", ""),
        ("{context: a, additional_contexts: {lib: ../lib}}", "FROM debian\nCOPY --from=lib . /x\n"),
        ("{context: a, additional_contexts: {lib: 'https://example.com/x.git'}}", "FROM debian\nCOPY --from=lib . /x\n"),
        ("a", "FROM debian\nADD https://example.com/x.tar /x\n"),
    ],
)
def test_what_lies_elsewhere_is_not_known(fleet: Callable[[Mapping[str, str]], Fleet], build: str, dockerfile: str) -> None:
    graph = build_graph(fleet({"compose.yaml": f"services:\n  a: {{build: {build}}}\n", "a/Dockerfile": dockerfile}), "x")
    assert not knows_all(graph.targets["a"])


def test_the_repository_itself_is_not_known(fleet: Callable[[Mapping[str, str]], Fleet]) -> None:
    files = {"compose.yaml": "services:\n  a: {build: .}\n", "Dockerfile": "FROM debian\nCOPY . /x\n", ".git/HEAD": "1"}
    assert not knows_all(build_graph(fleet(files), "x").targets["a"])
    assert knows_all(build_graph(fleet({**files, ".dockerignore": ".git\n"}), "x").targets["a"])
