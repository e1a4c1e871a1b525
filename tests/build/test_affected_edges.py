"""Which targets a change reaches where not everything can be known: outside of the repository, and through one another."""

from trimtab.build import build_graph
from trimtab.build.affected import Changed, affected
from trimtab.fleet import MemoryTree, discover

FILES = {
    "compose.yaml": "services:\n  far: {build: ../far}\n  one: {build: one, image: acme/one}\n"
    "  two: {build: two, image: acme/two}\n  three: {build: three}\n",
    "one/Dockerfile": "FROM debian\nCOPY a b /\n", "one/a": "", "one/b": "",
    "two/Dockerfile": "FROM acme/one\nCOPY a /\n", "two/a": "", "three/Dockerfile": "FROM acme/two\nCOPY --from=acme/one /a /a\n",
}  # fmt: skip


def reasons(*paths: str, **files: str) -> dict[str, tuple[str, ...]]:
    graphs = [build_graph(discover(MemoryTree({**FILES, **each})), "x") for each in (files, {})]
    return {name: reach.reasons for name, reach in affected(graphs[0], graphs[1], Changed(paths)).items() if reach.affected}


def test_what_lies_outside_of_the_repository_is_built() -> None:
    assert reasons()["far"] == ("its Dockerfile lies outside the repository, so what it reads is not known",)


def test_what_is_built_from_something_affected_says_so_for_each() -> None:
    found = reasons("one/a", "two/a")
    assert found["one"] == ("COPY a b: `a` changed",)
    assert found["two"] == ("COPY a: `a` changed", "`one`, which it is built from, is affected")
    assert sorted(found["three"]) == [
        "`one`, which it is built from, is affected",
        "`two`, which it is built from, is affected",
    ]


def test_several_files_are_counted() -> None:
    assert reasons("one/a", "one/b")["one"] == ("COPY a b: 2 files (`a`, `b`) changed",)
