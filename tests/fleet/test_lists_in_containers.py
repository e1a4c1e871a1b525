"""What installs in running containers: how often a fleet is searched for it."""

from collections.abc import Sequence

import pytest

from trimtab.fleet import MemoryTree, discover, lists_in_containers
from trimtab.fleet.tree import Entry, Tree, own_files
from trimtab.review import review
from trimtab.rules import find_rules

DOCKERFILE = "FROM debian:12\nRUN apt-get update && apt-get install -y curl\nCMD curl localhost\n"


def test_all_files_are_searched_once_whatever_the_number_of_dockerfiles(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Tree] = []

    def counted(tree: Tree) -> Sequence[tuple[str, Entry]]:
        searched.append(tree)
        return own_files(tree)

    monkeypatch.setattr(lists_in_containers, "own_files", counted)
    files = {f"s{number}/Dockerfile": DOCKERFILE for number in range(5)}
    result = review(discover(MemoryTree(files)), find_rules("DF101"))
    assert len(result.findings) == 5
    assert len(searched) == 1
