"""Commands as they are written in scripts and RUNs: what program is called, and with what."""

import pytest

from trimtab.fleet.installs import program_words
from trimtab.fleet.scripts import read_call
from trimtab.syntax.shell import parse_shell


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sudo env A=1 B=2 /usr/bin/pip3.12 install six", "pip install six"), ("python3 -m pip install six", "pip install six"),
        ("python3 -m", "python3 -m"), ("nice corepack pnpm i", "pnpm i"), ("env A=1", ""), ("exec pypy3 x.py", "pypy3 x.py"),
    ],
)  # fmt: skip
def test_programs_behind_others(text: str, words: str) -> None:
    assert " ".join(program_words(parse_shell(text).commands[0])) == words


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("docker compose -f a.yaml --file=b.yaml up -d -- web", ("up", True, ("a.yaml", "b.yaml"), ("-d",), ("web",))),
        ("docker-compose -f=a.yaml --project-name p up", ("up", True, ("a.yaml",), (), ())),
        ("docker --context far ps -a", ("ps", False, (), ("-a",), ())),
        ("docker buildx build -t x .", ("build", False, (), ("-t",), (".",))),
        ("docker image build .", ("build", False, (), (), (".",))),
        ("sudo docker compose", None), ("docker", None), ("sudo", None), ("ls -f x", None),
    ],
)  # fmt: skip
def test_calls_of_the_engine(text: str, call: tuple[object, ...] | None) -> None:
    found = read_call(parse_shell(text).commands[0])
    assert (found and (found.verb, found.is_compose, found.files, found.options, found.operands)) == call
