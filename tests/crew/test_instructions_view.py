"""What people and programs are shown of an instruction."""

from io import StringIO

from rich.console import Console

from trimtab.crew.instructions import Instruction, Refused, understand
from trimtab.crew.instructions.shown import instruction_data, instruction_view

TEXT = (
    "For the Acme services: use python:3.13-alpine, fall back to slim. Add exclusions: *.md. Add health checks to `api`."
    " Scan for secrets. Keep the networks. Use latest. Do not touch ml-service. Feed the cat."
)
FLEET = (Refused("*.md", "`**/*.md` would keep back README.md", "a/.dockerignore", 3, ("a", "b")),)


def shown(instruction: Instruction, *refused: Refused) -> str:
    out = StringIO()
    Console(file=out, width=200, color_system=None).print(instruction_view(instruction, refused))
    return out.getvalue()


def test_the_view_says_what_is_done_where_and_what_is_not() -> None:
    text = shown(understand(TEXT), *FLEET)
    for part in [
        "health checks only in api",
        "look at",
        "standard for python: python:3.13-alpine, else python:3.13-slim",
        "to be excluded: *.md",
        "all of it except in ml-service",
        "Acme is taken for the name of the fleet",
        "a, b, a/.dockerignore:3: `**/*.md` would keep back README.md",
        "“Feed the cat”",
        "2 refused, 1 not understood; nothing is done while something is not understood",
    ]:
        assert part in text
    rows = {line.split("  ")[0].strip() for line in text.splitlines()}
    assert {"do", "look at", "leave", "refused", "not understood"} <= rows


def test_markup_in_an_instruction_is_only_text() -> None:
    assert "[red]feed[/red] [/]" in shown(understand("[red]feed[/red] [/]"))


def test_the_data_has_all_of_it() -> None:
    instruction = understand(TEXT)
    data = instruction_data(instruction, FLEET)
    assert data["schema"] == "trimtab.instructions/1"
    assert data["not_understood"] == ["Feed the cat"]
    assert data["standard"] == {"python": ["python:3.13-alpine", "python:3.13-slim"]}
    assert data["exclude"] == ["*.md"]
    assert data["except"] == ["ml-service"]
    assert data["rules"] == list(instruction.rules)
    refused = data["refused"]
    assert isinstance(refused, list)
    assert [each["path"] for each in refused] == [None, "a/.dockerignore"]  # pyright: ignore[reportUnknownVariableType]
    understood = data["understood"]
    assert isinstance(understood, list)
    assert {TEXT[each["start"] : each["end"]] == each["said"] for each in understood} == {True}  # pyright: ignore[reportUnknownVariableType]
