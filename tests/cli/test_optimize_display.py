"""What is told of a run of `optimize` while it goes on."""

from trimtab.cli.optimize import Display
from trimtab.cli.options import Common


def test_a_file_stays_decided_when_it_is_built_again_for_another_one() -> None:
    told: list[tuple[str, tuple[str, str]]] = []
    display = Display(Common(quiet=True), ["a", "b"], lambda states: told.extend(states.items()))
    for path, doing in (
        ("a", "building"),
        ("a", "accepted"),
        ("a", "accepted"),
        ("a", "running with CX103"),
        ("b", "building"),
    ):
        display.tell(path, doing)
    assert told == [
        ("a", ("", "building")), ("a", ("accepted", "")), ("a", ("accepted", "running with CX103")), ("b", ("", "building")),
    ]  # fmt: skip
    assert display.table().title == "1 of 2 Dockerfiles decided"
