"""Where people are told things, and how somebody else's words get there without being obeyed."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.errors import MarkupError
from rich.segment import Segment
from rich.text import Text

from trimtab.report.words import printable


class PlainConsole(Console):
    """A console that no shown text can command: whatever it renders, control characters in it are written out."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text with markup; one whose brackets are none, as in a folder called `[`, is shown as it is."""
        try:
            return super().render_str(text, **options)
        except MarkupError:
            options["markup"] = False
            return super().render_str(text, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n" or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


def console(*, stderr: bool = False, color: bool = True) -> Console:
    """A console; output that is no terminal gets lines wide enough that a table's words stay whole."""
    plain = PlainConsole(stderr=stderr, no_color=not color, highlight=False)
    return plain if plain.is_terminal else PlainConsole(stderr=stderr, no_color=not color, highlight=False, width=160)
