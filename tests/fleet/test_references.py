"""Images that names stand for, and those that a build asks for."""

from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.bases import read_reference
from trimtab.fleet.known_images import known_to_lack
from trimtab.fleet.needed import needed_stages, outside_references


def test_what_is_no_reference_is_a_path() -> None:
    reference = read_reference("a@b")
    assert (reference.path, reference.tag, reference.digest) == ("a@b", None, None)


def test_nothing_is_known_of_an_image_of_another_kind() -> None:
    assert known_to_lack("nginx:1.27-alpine", "gcc")
    assert not known_to_lack("nginx:1.27-alpine-debug", "gcc")


def test_a_stage_that_is_reached_twice_is_needed_once_and_its_mounts_count() -> None:
    text = (
        "FROM x AS a\nFROM scratch AS unused\nCOPY --from=u /u /u\nFROM a AS b\nFROM a AS c\nCOPY --from=b /y /y\n"
        "RUN --mount=type=bind,from=tool,target=/t --mount=type=bind,from=b,target=/b ls\n"
    )
    (file,) = discover(MemoryTree({"Dockerfile": text})).files
    needed = needed_stages(file.stages, "c")
    assert [stage.name for stage in needed] == ["a", "b", "c"]
    assert dict(outside_references(needed)) == {"x": "FROM", "tool": "RUN --mount"}
