"""Shell texts for bash and PowerShell: always read, and every command lies in the text."""

from fuzz.fleets import text_of
from trimtab.syntax.shell import Script, parse_powershell, parse_shell


def check(data: bytes) -> None:
    text = text_of(data)
    for script in (parse_shell(text), parse_powershell(text)):
        _lies_inside(script, len(text))


def _lies_inside(script: Script, length: int) -> None:
    for command in script.commands:
        assert 0 <= command.span.start <= command.span.end <= length, "a command outside the text"
        assert len(command.words) == len(command.word_spans), "words without a place"
