class GoParseError(Exception): ...

class Heredoc:
    name: str
    content: str

class Command:
    cmd: str
    start_line: int
    end_line: int
    value: tuple[str, ...]

def parse_string(contents: str) -> tuple[Command, ...]: ...
