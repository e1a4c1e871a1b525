"""Patches, for people and for `git apply`."""

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.syntax import Syntax


class PatchView:
    """A patch: in colours and wrapped on a terminal; elsewhere with its lines as they are, without carriage returns."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.is_terminal:
            yield Syntax(self._text, "diff", background_color="default", word_wrap=True)
            return
        for line in self._text.removesuffix("\n").split("\n"):
            yield Segment(line.rstrip("\r"))
            yield Segment.line()
