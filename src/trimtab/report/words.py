"""Words: somebody else's, so that they are shown and never obeyed, and counts. Loads no tables: JSON needs none."""

import re


def printable(text: str) -> str:
    """A text whose control characters, and bytes that are no UTF-8, are written out: a name must not move the cursor."""
    plain = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else f"\\x{ord(letter):02x}" for letter in plain)


def one_line(text: str) -> str:
    """A text without line breaks. In a log of GitHub's, a line of its own that begins with `::` is a command."""
    return re.sub(r"\s*[\n\r]\s*", " ", text)


def counted(number: int, word: str) -> str:
    """`1 target`, `2 targets`."""
    return f"{number} {word}{'' if number == 1 else 's'}"
