"""Work that grows with a fleet as its files do: counted in calls, because seconds depend on the machine."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.review import review
from trimtab.rules import default_rules

DOCKERFILE = (
    "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN apt-get update && apt-get install -y curl\n"
    "RUN pip install -r requirements.txt\nCMD python main.py\n"
)


def calls_of(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls, those of C included."""
    counted = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal counted
        del frame, argument
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def dockerfiles(size: int) -> MemoryTree:
    files: dict[str, str] = {}
    services: list[str] = []
    for number in range(size):
        files |= {
            f"s{number}/Dockerfile": DOCKERFILE,
            f"s{number}/main.py": "import flask\n",
            f"s{number}/requirements.txt": "flask\n",
        }
        services.append(f"  s{number}: {{build: s{number}, ports: ['{number + 1024}:80'], image: 'r/s{number}:1'}}\n")
    return MemoryTree({**files, "compose.yaml": "services:\n" + "".join(services)})


def long_file(size: int) -> MemoryTree:
    services = [
        f"  s{n}:\n    image: a/s{n}:1\n    restart: always\n    environment:\n      PASSWORD: x{n}\n" for n in range(size)
    ]
    return MemoryTree({"compose.yaml": "services:\n" + "".join(services)})


@pytest.mark.parametrize("fleet_of", [dockerfiles, long_file])
def test_a_fleet_four_times_as_large_takes_little_more_than_four_times_the_calls(fleet_of: Callable[[int], MemoryTree]) -> None:
    default_rules()
    review(discover(fleet_of(3)))
    small, large = (calls_of(lambda size=size: review(discover(fleet_of(size)))) for size in (40, 160))
    assert large < 5 * small, (small, large)


def test_a_long_compose_file_is_not_searched_from_end_to_end_for_every_fix() -> None:
    # What one call searches through is in no count of calls: a file of 20,000 lines took 19.5 s instead of 1.5 s.
    tree = long_file(3)
    review(discover(tree))
    source = tree.read("compose.yaml")
    assert source is tree.read("compose.yaml")
    assert "has_odd_breaks" in vars(source)
