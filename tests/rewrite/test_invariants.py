"""What a changed compose file or script may not lose, looked at once more before it is kept."""

from dataclasses import replace

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.compose.settings import Setting
from trimtab.rewrite.invariants import broken_compose, broken_scripts
from trimtab.rules import Effects
from trimtab.text import unified_diff

COMPOSE = "# why\nservices:\n  a:\n    image: b  # note\n"


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (None, "cannot be read, or is to go"),
        ("services: [", "would not be readable at line"),
        (COMPOSE.replace("image: b", "image: c"), "would differ in more than what the fix says"),
        (COMPOSE.replace("  # note", ""), "a comment of `compose.yaml` would be gone"),
        (COMPOSE.replace("# why\n", ""), "a comment of `compose.yaml` would be gone"),
        (COMPOSE.replace("image: b", "image: 'b'"), None),
    ],
)
def test_compose_files(after: str | None, reason: str | None) -> None:
    found = broken_compose(discover(MemoryTree({"compose.yaml": COMPOSE})), {"compose.yaml": after}, Effects())
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


def test_what_a_fix_declares_of_compose_files() -> None:
    files = {"compose.yaml": COMPOSE, "compose.override.yaml": "services: {a: {restart: always}}\n"}
    fleet, after = discover(MemoryTree(files)), {"compose.yaml": COMPOSE.replace("image: b", "image: c")}
    declared = Setting("compose.yaml", ("services", "a", "image"), "c")
    elsewhere = replace(declared, file="compose.override.yaml", value="d")
    differs = "`compose.yaml` would differ in more than what the fix says"
    assert broken_compose(fleet, after, Effects(settings=(declared,))) is None
    assert broken_compose(fleet, after, Effects(settings=(declared, elsewhere))) is None
    assert broken_compose(fleet, after, Effects(settings=(elsewhere,))) == differs
    assert broken_compose(fleet, after, Effects(settings=(declared, replace(declared, value="d")))) == differs


def test_a_compose_file_that_cannot_be_read_is_not_changed() -> None:
    fleet = discover(MemoryTree({"compose.yaml": "services: [\n"}))
    assert broken_compose(fleet, {"compose.yaml": "services: {}\n"}, Effects()) is not None


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        ("docker compose up\n", "if true; then\n", True), ("docker compose up\n", "docker compose up -d\n", False),
        ("docker compose up\n", None, False), ("if true; then\ndocker compose up\n", "if true; then\n", False),
    ],
)  # fmt: skip
def test_scripts(before: str, after: str | None, broken: bool) -> None:
    found = broken_scripts(discover(MemoryTree({"deploy.sh": f"#!/bin/sh\n{before}"})), {"deploy.sh": after})
    assert (found == "`deploy.sh` could not be read any more") is broken
    assert (found is None) is not broken


def test_a_file_that_only_holds_scripts_is_not_read_as_one() -> None:
    steps = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: |\n          docker compose up\n"
    fleet = discover(MemoryTree({".github/workflows/a.yml": steps}))
    assert [part.is_block for part in fleet.scripts] == [True]
    assert broken_scripts(fleet, {".github/workflows/a.yml": f"name: Don't ask\n{steps}"}) is None


def test_names_that_a_patch_has_to_quote() -> None:
    assert unified_diff('a\tb"c', "x\n", "y\n").startswith('--- "a/a\\011b\\"c"\n+++ "b/a\\011b\\"c"\n@@')
