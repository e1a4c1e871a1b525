"""What a script calls the engine by is read as the engine."""

import pytest

from trimtab.fleet import MemoryTree, discover
from trimtab.fleet.stand_ins import stand_ins

CALLED = {
    'DC="docker compose -f a.yml"\n$DC down\n': "docker compose -f a.yml down",
    "export DC='docker-compose'\n${DC} down\n": "docker-compose down",
    'DC=(docker compose -f "a.yml")\n"${DC[@]}" down\n': "docker compose -f a.yml down",
    'DC="${DC:-docker compose}"\nsudo $DC down\n': "docker compose down",
    'if x; then DC="docker-compose"; else DC="docker compose"; fi\n$DC down\n': "docker compose down",
    'DC=""\nif x; then\n  DC="docker compose"\nfi\n$DC down\n': "docker compose down",
    'dc() { docker compose -f "$F" "$@"; }\ndc down\n': "docker compose -f $F down",
    'function dc {\n  docker compose -f "${F}" "$@"\n}\ndc down\n': "docker compose -f ${F} down",
    'C=docker\ndc() { "$C" compose "$@"; }\ndc down\n': "docker compose down",
}


@pytest.mark.parametrize(("text", "words"), CALLED.items())
def test_a_name_of_the_engine_is_read_as_what_it_stands_for(text: str, words: str) -> None:
    fleet = discover(MemoryTree({"a.sh": f"#!/bin/bash\n# docker\n{text}"}))
    calls = [call for part in fleet.scripts for call in part.calls if call.verb == "down"]
    assert [" ".join(call.words) for call in calls] == [words]


@pytest.mark.parametrize(
    "text",
    [
        'DC="docker compose"\nif x; then DC="echo docker compose"; fi\n',
        'dc() { echo "$1"; docker compose "$@"; }\n',
        "HOST=docker.example.com\n",
        "NAME=dockerd\n",
    ],
)
def test_what_may_stand_for_something_else_is_not(text: str) -> None:
    assert stand_ins(text) == {}
