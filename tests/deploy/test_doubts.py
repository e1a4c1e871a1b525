"""What the review keeps from being deployed, and what it only tells."""

from collections.abc import Callable, Mapping

import pytest

from trimtab.deploy.doubts import doubts
from trimtab.fleet import Fleet
from trimtab.rules import default_rules

OWN = 'FROM python:3.12-slim\nCOPY main.py .\nHEALTHCHECK CMD curl -f http://localhost:80/\nCMD ["python", "main.py"]\n'


@pytest.mark.parametrize(
    ("service", "stops", "told"),
    [
        ("build: a", ["DF302"], []),
        # Of an image from elsewhere a list says what it has, which is no proof.
        ("image: 'redis:8', healthcheck: {test: [CMD, curl, -f, 'http://localhost:6379/']}", [], ["CM125", "CM504"]),
        ("image: a, command: sh -c 'migrate; serve'", [], ["CM505"]),
        ("image: a", [], []),
    ],
)
def test_what_is_known_stops_and_what_is_believed_is_told(
    fleet: Callable[[Mapping[str, str]], Fleet], service: str, stops: list[str], told: list[str]
) -> None:
    made = fleet({"compose.yaml": f"services: {{a: {{{service}}}}}\n", "a/Dockerfile": OWN, "a/main.py": "1\n"})
    found = doubts(made, default_rules(), {"a"}, {"compose.yaml"})
    assert [[text.rpartition(", ")[2].rstrip(")") for text in each] for each in found] == [stops, told]
